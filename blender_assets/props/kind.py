"""What a prop is, and the shapes and surfaces that several share. All in millimetres, z up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from manifold3d import CrossSection, Manifold
from numpy.typing import NDArray

from blender_assets.colors import Rgb, linear_rgb

Point = tuple[float, float]

SEGMENTS = 48
"""Corners of a full circle: props are larger and rounder than studs, so twice as many as parts have."""

ROLLING_SEGMENTS = 16
"""The same of long round things: with 48, five of six batteries still rolled after 5 s, with 16 none of 12. Their
outline is then 0.14 mm off at worst."""


@dataclass(frozen=True)
class PropLook:
    """The surface of one prop."""

    rgb: Rgb
    """Scene-linear colour, 0..1."""

    roughness: float
    metallic: float


@dataclass(frozen=True)
class PropKind:
    """One kind of thing."""

    build: Callable[[], Manifold]
    """Makes the solid, z up, in millimetres. It falls as its convex hull."""

    looks: tuple[PropLook, ...]
    """Looks to draw from."""


def surface(srgb_hex: str, roughness: float, metallic: float = 0.0) -> PropLook:
    """Return a look of the sRGB colour that a photo of the thing shows."""
    return PropLook(linear_rgb(srgb_hex), roughness, metallic)


COPPER = (surface("C0785A", 0.35, 1.0), surface("8E5A44", 0.5, 1.0), surface("D58E6C", 0.25, 1.0))
BRASS = (surface("D2B25C", 0.32, 1.0), surface("A98B45", 0.45, 1.0))
STEEL = (surface("C4C4C2", 0.3, 1.0), surface("A09F9C", 0.42, 1.0), surface("DADADA", 0.2, 1.0))
PLASTICS = tuple(
    surface(color, 0.35)
    for color in ("F1F0EC", "1C1C1E", "B3201F", "1F4F9E", "2F7D3B", "E8B923", "E2701D", "7C7F83", "D98CB0")
)
WOODS = tuple(surface(color, 0.6) for color in ("D9B789", "C79B66", "B98550"))
PAINTED_WOODS = (*WOODS, *(surface(color, 0.45) for color in ("B8282A", "2458A8", "E9B62B", "2E8446", "E0702A")))
PAPERS = tuple(surface(color, 0.8) for color in ("F2F1EE", "E9E4D6", "F3E37C", "A9CBE0", "C9A06F", "E9A9B8"))


def turned(profile_rz: Sequence[Point], segments: int = SEGMENTS) -> Manifold:
    """Return the solid that a profile (radius, z), given counter-clockwise, sweeps around the z axis."""
    return CrossSection([list(profile_rz)]).revolve(segments)


def rod(radius_mm: float, length_mm: float, at_mm: float = 0.0, *, top_radius_mm: float | None = None,
        segments: int = SEGMENTS) -> Manifold:  # fmt: skip
    """Return an upright cylinder or truncated cone that starts at z = `at_mm`."""
    top = radius_mm if top_radius_mm is None else top_radius_mm
    return Manifold.cylinder(length_mm, radius_mm, top, segments).translate((0, 0, at_mm))


def rounded_box(length_mm: float, width_mm: float, height_mm: float, radius_mm: float) -> Manifold:
    """Return a box centred on the origin, all its edges and corners rounded."""
    ball = Manifold.sphere(radius_mm, 16)
    a, b, c = (size / 2 - radius_mm for size in (length_mm, width_mm, height_mm))
    corners = [ball.translate((x, y, z)) for x in (-a, a) for y in (-b, b) for z in (-c, c)]
    return Manifold.batch_hull(corners)


def crumpled(solid: Manifold, seed: int, grain_mm: float, depth_mm: float) -> Manifold:
    """Return `solid` with creases: points move by up to `depth_mm`, alike within `grain_mm`, as `seed` says."""
    return solid.warp_batch(partial(_moved, seed=seed, grain_mm=grain_mm, depth_mm=depth_mm))


def _moved(points: NDArray[np.float64], seed: int, grain_mm: float, depth_mm: float) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    waves, phases = rng.normal(size=(12, 3)) / grain_mm, rng.uniform(0, 2 * np.pi, 12)
    pushes = rng.normal(size=(12, 3))
    pushes *= depth_mm / np.linalg.norm(pushes, axis=1).sum()
    # The kink of |sin| is a crease.
    return np.asarray(points + (2 * np.abs(np.sin(points @ waves.T + phases)) - 1) @ pushes)
