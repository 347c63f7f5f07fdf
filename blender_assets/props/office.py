"""Pens, pencils, erasers, paper, buttons."""

import numpy as np
from manifold3d import CrossSection, Manifold
from numpy.typing import NDArray

from blender_assets.props.kind import (
    PAPERS,
    PLASTICS,
    ROLLING_SEGMENTS,
    PropKind,
    crumpled,
    rod,
    rounded_box,
    surface,
    turned,
)


def _pencil() -> Manifold:
    """Return a pencil used down to 100 mm: a hexagon of 7 mm across flats, sharpened over 20 mm."""
    wood = rod(7 / np.sqrt(3), 100, segments=6)
    point = turned([(0, -1), (4.3, -1), (4.3, 79.0), (1.0, 96.5), (0.25, 100.0), (0, 100.0)])
    return wood ^ point


def _pen() -> Manifold:
    """Return a retractable ball pen, 140 mm long, 10 mm thick, with a clip."""
    body = turned(
        [(0, 0), (0.9, 0), (1.2, 3.0), (3.0, 12.0), (4.6, 24.0), (5.0, 40.0), (5.0, 85.0), (4.7, 86.0), (5.0, 87.0),
         (4.6, 128.0), (3.0, 131.0), (2.6, 131.0), (2.6, 139.4), (2.0, 140.0), (0, 140.0)]
    )  # fmt: skip
    clip = Manifold.cube((1.2, 4.0, 38.0)).translate((5.2, -2.0, 88.0))
    return body + clip + Manifold.cube((3.0, 4.0, 3.0)).translate((3.4, -2.0, 123.0))


def _marker() -> Manifold:
    """Return a felt pen with its cap on, 120 mm long, 11 mm thick."""
    barrel = [(0, 0), (3.6, 0), (4.2, 0.6), (5.1, 4.0), (5.1, 78.0)]
    cap = [(5.5, 78.6), (5.5, 116.0), (4.8, 119.0), (3.6, 120.0), (0, 120.0)]
    return turned([*barrel, *cap], ROLLING_SEGMENTS)


def _button() -> Manifold:
    """Return a shirt or coat button: 15.2 mm (24 lines), four holes."""
    disc = turned([(0, 0), (6.9, 0), (7.62, 0.9), (7.62, 2.1), (7.1, 2.7), (6.2, 2.6), (5.4, 1.7), (0, 1.6)])
    holes = [rod(0.95, 6, -1, segments=16).translate((1.7 * x, 1.7 * y, 0)) for x in (-1, 1) for y in (-1, 1)]
    for hole in holes:
        disc -= hole
    return disc


def _scrap() -> Manifold:
    """Return a torn scrap of paper, about 45 x 35 mm, buckled."""
    rng = np.random.default_rng(4)
    turns = np.sort(rng.uniform(0, 2 * np.pi, 40))
    radius = 20 + rng.normal(0, 0.9, 40) + 3 * np.cos(4 * turns)
    outline = np.column_stack([1.05 * radius * np.cos(turns), 0.85 * radius * np.sin(turns)])
    return Manifold.extrude(CrossSection([outline]), 0.25).refine_to_length(3.0).warp_batch(_buckled)


def _buckled(points: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = points.T
    lift = 0.004 * x**2 + 0.8 * np.sin(0.12 * x + 0.16 * y) + 0.06 * np.abs(0.5 * x - y)
    return np.column_stack([x, y, z + lift])


def _note() -> Manifold:
    """Return a sticky note, 76 mm wide, whose free end curls up."""
    return Manifold.cube((76, 76, 0.3), True).refine_to_length(6.0).warp_batch(_curled_at_one_end)


def _curled_at_one_end(points: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = points.T
    return np.column_stack([x, y, z + 0.0025 * np.maximum(y + 10, 0) ** 2 + 0.0004 * x**2])


def _receipt() -> Manifold:
    """Return a till receipt, 57 x 120 mm, that remembers the roll."""
    return Manifold.cube((57, 120, 0.25), True).refine_to_length(6.0).warp_batch(_curled_at_both_ends)


def _curled_at_both_ends(points: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = points.T
    return np.column_stack([x, y, z + 0.0015 * y**2 + 0.2 * np.sin(0.3 * y)])


def _paper_ball() -> Manifold:
    """Return a crumpled ball of paper, about 36 mm."""
    return crumpled(Manifold.sphere(17.5, 64), 2, 5.0, 14.0)


KINDS = {
    "pencil": PropKind(
        _pencil, tuple(surface(c, 0.35) for c in ("D9A21B", "1F4E8C", "9A1F22", "1E5A35", "1C1C1E", "C89A68"))
    ),
    "pen": PropKind(_pen, PLASTICS),
    "marker": PropKind(_marker, PLASTICS),
    "eraser": PropKind(
        lambda: rounded_box(43, 19, 13, 1.2), tuple(surface(c, 0.75) for c in ("F0EFEC", "E58E8A", "6FA8CF", "DAD2C0"))
    ),
    "button": PropKind(_button, (*PLASTICS, surface("E6DCC4", 0.25), surface("5A3A26", 0.4))),
    "paper_scrap": PropKind(_scrap, PAPERS),
    "paper_note": PropKind(_note, tuple(surface(c, 0.8) for c in ("F3E37C", "F2B8C6", "A9D6E8", "C9E4A5", "F4F2EC"))),
    "paper_receipt": PropKind(_receipt, tuple(surface(c, 0.7) for c in ("F1F0EE", "E8E6E1"))),
    "paper_ball": PropKind(_paper_ball, PAPERS),
}
