"""Thin things that lie on a floor, as plain data: paper, printed matter, a place mat, a piece of cardboard."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from render.surfaces import Surface, choose, sample_surface

Floats = NDArray[np.float64]

A4_MM = (297.0, 210.0)

SIZES_MM: dict[tuple[str, str], tuple[tuple[float, float], ...]] = {
    **{("paper", style): (A4_MM, A4_MM, (420.0, 297.0)) for style in ("white", "folded")},
    **{("paper", style): (A4_MM,) for style in ("squared", "lined", "notebook", "handwritten")},
    ("paper", "towel"): ((230.0, 220.0), (275.0, 230.0)),
    **{("print", style): (A4_MM, A4_MM, (420.0, 297.0)) for style in ("page", "magazine")},
    ("print", "package"): ((240.0, 160.0), (330.0, 225.0)),
    ("cardboard", "sheet"): ((420.0, 320.0), (300.0, 260.0)),
    ("cloth", "linen"): ((450.0, 330.0),),
}
"""What lies as a sheet with edges, by kind and style of its surface, and in which sizes."""

LOOSE = {
    **{("paper", style): 2.0 for style in ("white", "folded", "squared", "lined", "notebook", "handwritten")},
    **{("print", style): 1.0 for style in ("page", "magazine")},
    ("print", "package"): 0.5,
    ("cardboard", "sheet"): 1.0,
    ("cloth", "linen"): 1.0,
}
"""What lies about, and how often."""

HOLES_MM = 8.47
"""Pitch of a wire binding, three to the inch."""


@dataclass(frozen=True)
class Sheet:
    """A thin thing. Bricks lie on it as on the floor itself: it has no part in physics and labels."""

    surface: Surface
    size_mm: tuple[float, float]
    turn_deg: float
    at_mm: tuple[float, float]
    """Of its middle."""

    @property
    def drawn_to_its_edges(self) -> bool:
        """Whether its drawing is the whole sheet, and not a pattern that repeats."""
        return self.surface.kind in ("paper", "print")

    def on_floor(self, points_mm: Floats) -> Floats:
        """Return where points about its middle, (N, 2), lie on the floor."""
        turn = np.radians(self.turn_deg)
        rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        return np.asarray(points_mm @ rotation + self.at_mm)

    @property
    def outline_mm(self) -> Floats:
        """Its outline about its middle, (N, 2), counter-clockwise.

        A leaf torn from a wire-bound block has torn holes along one edge, a bag is cut in teeth at two ends.
        """
        a, b = self.size_mm[0] / 2, self.size_mm[1] / 2
        key = (self.surface.kind, self.surface.style)
        if key == ("paper", "notebook"):
            torn = np.random.default_rng(self.surface.variant).uniform(-0.4, 0.9, (100, 4))
            holes = np.arange(a - 6, 6 - a, -HOLES_MM)
            teeth = [_tooth(x, b, t) for x, t in zip(holes, torn, strict=False)]
            return np.array([(-a, -b), (a, -b), (a, b), *(point for tooth in teeth for point in tooth), (-a, b)])
        if key == ("print", "package"):
            right = [(a - (k % 2) * 1.6, y) for k, y in enumerate(np.arange(-b, b + 1e-6, 2.5))]
            return np.array([*right, *((-x, y) for x, y in reversed(right))])
        return np.array([(-a, -b), (a, -b), (a, b), (-a, b)])


def _tooth(x: float, y: float, torn: Floats) -> tuple[tuple[float, float], ...]:
    """Return the corners of a hole torn open at (x, y), from right to left; `torn` (4,) says how unevenly."""
    right, left = (x + 1.4 + torn[0], y), (x - 1.4, y)
    return right, (x + 2.3, y - 3 - torn[1]), (x, y - 4.6 - 0.3 * torn[2]), (x - 2.3, y - 3 + torn[3]), left


def sample_sheet(surface: Surface, rng: np.random.Generator) -> Sheet:
    """Return a sheet below the pile: its edges are seen, and now and then a corner lies below the bricks."""
    sheet = _laid(surface, rng)
    x, y = (rng.uniform(-0.33, 0.33) * size for size in sheet.size_mm)
    at_x, at_y = sheet.on_floor(np.array([[x, y]]))[0].tolist()
    return replace(sheet, at_mm=(at_x, at_y))


def sample_loose_sheet(rng: np.random.Generator) -> Sheet:
    """Return a sheet that comes into the picture from one side."""
    kind, style = choose(LOOSE, rng)
    sheet = _laid(sample_surface(kind, style, rng), rng)
    away = rng.uniform(0.5, 1.0) * sheet.size_mm[1] + rng.uniform(0, 60)
    side = rng.uniform(0, 2 * np.pi)
    return replace(sheet, at_mm=(float(away * np.cos(side)), float(away * np.sin(side))))


def _laid(surface: Surface, rng: np.random.Generator) -> Sheet:
    sizes = SIZES_MM[surface.kind, surface.style]
    return Sheet(surface, sizes[rng.integers(len(sizes))], float(rng.uniform(0, 360)), (0.0, 0.0))
