"""Floors as plain data: what the pile lies on, thin sheets on it, and the table's edge beyond which it goes down."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError
from render.edge import Edge
from render.sheets import Sheet, sample_loose_sheet, sample_sheet
from render.surfaces import Surface, choose, sample_surface

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Floor:
    """The floor of one picture."""

    name: str
    """Its kind, one of `STYLES`: what most of the pile lies on."""

    style: str
    ground: Surface
    """Of table or floor; the pile lies on it, or on a sheet on it."""

    sheets: tuple[Sheet, ...] = ()
    """From the lowest to the uppermost."""

    edge: Edge | None = None

    def placed(self, points_mm: Floats) -> "Floor":
        """Return the floor with its edge beyond its sheets and all of `points_mm` (N, 3), the things that lie on it."""
        if self.edge is None:
            return self
        points = [points_mm[:, :2], *(sheet.on_floor(sheet.outline_mm) for sheet in self.sheets)]
        at = float((np.concatenate(points) @ self.edge.outwards).max()) + self.edge.beyond_mm
        return replace(self, edge=replace(self.edge, at_mm=at))


STYLES: dict[str, dict[str, float]] = {
    "paper": {"white": 4, "folded": 1.5, "squared": 2, "lined": 0.8, "notebook": 1.5, "handwritten": 0.7, "towel": 3.5},
    "print": {"page": 2, "magazine": 1, "package": 0.6},
    "plain": {"smooth": 2, "painted": 1},
    "desk": {"speckled": 1, "pebbled": 3, "printed": 0.8},
    "wood": {"planks": 1, "staves": 1, "veneer": 2, "butcher": 0.6},
    "tiles": {"glazed": 1, "clouded": 1, "wooden": 1},
    "stone": {"granite": 1, "terrazzo": 0.7, "marble": 0.7, "slate": 1},
    "cloth": {"plain": 1.5, "twill": 1, "linen": 1.5, "checked": 0.8, "mesh": 0.6, "terry": 0.7, "tablecloth": 1.2},
    "carpet": {"tufted": 1, "melange": 2, "shaggy": 0.6},
    "ribbed": {"corduroy": 1, "blanket": 1, "knitted": 1},
    "rug": {"striped": 1, "diamonds": 0.7, "ornament": 0.4, "upholstery": 2},
    "cardboard": {"board": 2, "sheet": 1},
}
"""Kinds of floors, their styles, and how often each of those is drawn."""

FLOORS = tuple(STYLES)

TABLES = {"desk": 4.0, "plain": 3.0, "wood": 3.0, "stone": 0.7, "cloth": 0.6, "tiles": 0.3, "carpet": 0.3}
"""What sheets lie on."""

BELOW = {"wood": 3.0, "carpet": 2.0, "tiles": 2.0, "plain": 1.0, "rug": 0.5}
"""What is seen below a table."""

WITH_EDGE = ("desk", "plain", "wood", "stone")
"""Tables, which end somewhere."""

EDGES_SHARE, LOOSE_SHARE = 0.15, 0.12
"""How many tables end within sight, and on how many of the others a further sheet lies."""


def sample_floor(name: str, rng: np.random.Generator, style: str | None = None) -> Floor:
    """Return a floor of the kind `name`, varied by `rng`; of any of its styles unless one is given."""
    style = style or choose(STYLES[name], rng)
    own = sample_surface(name, style, rng)
    ground, sheets = own, list[Sheet]()
    if name in ("paper", "print") or (name, style) == ("cardboard", "sheet"):
        ground, sheets = _surface_of(TABLES, rng), [sample_sheet(own, rng)]
    if ground.kind in WITH_EDGE and ground.style != "planks" and rng.uniform() < EDGES_SHARE:
        return Floor(name, style, ground, tuple(sheets), _edge(rng))
    if ground.kind in TABLES and rng.uniform() < LOOSE_SHARE:
        sheets.insert(0, sample_loose_sheet(rng))
    return Floor(name, style, ground, tuple(sheets))


def _surface_of(kinds: dict[str, float], rng: np.random.Generator) -> Surface:
    kind = choose(kinds, rng)
    return sample_surface(kind, choose(STYLES[kind], rng), rng)


def _edge(rng: np.random.Generator) -> Edge:
    side, beyond, drop, thickness = (
        float(rng.uniform(*limits)) for limits in ((0, 360), (6, 110), (380, 760), (16, 40))
    )
    return Edge(side, beyond, drop, thickness, _surface_of(BELOW, rng))


PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")


def list_pictures(folder: str) -> list[str]:
    """Return the pictures directly in the user's folder, sorted; SettingsError if there is no folder or none in it."""
    path = Path(folder)
    if not path.is_dir():
        raise SettingsError(f"The folder of floor pictures {folder!r} is missing; check floor_pictures.")
    found = sorted(str(file) for file in path.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES and file.is_file())
    if not found:
        raise SettingsError(f"The folder of floor pictures {folder!r} holds no {', '.join(PICTURE_SUFFIXES)} files.")
    return found


def sample_picture_floor(file: str, width_mm: float, rng: np.random.Generator) -> Floor:
    """Return a floor that shows the user's picture `file`, `width_mm` wide and mirrored beyond its borders."""
    grey = (0.5, 0.5, 0.5)
    shift = (float(rng.uniform(0, 2 * width_mm)), float(rng.uniform(0, 2 * width_mm)))
    ground = Surface(
        "picture", "picture", 0, grey, grey, grey, float(rng.uniform(0.4, 0.8)), 0.3,
        turn_deg=float(rng.uniform(0, 360)), shift_mm=shift, picture=file, picture_mm=width_mm,
    )  # fmt: skip
    return Floor("picture", "picture", ground)
