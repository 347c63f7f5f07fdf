"""Floors as plain data: what the pile lies on, thin sheets on it, and the table's edge beyond which it goes down."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError
from render.surfaces import Surface, choose, sample_surface

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sheet:
    """Something thin that lies on a floor: paper, print, a place mat. Bricks lie on it as on the floor itself."""

    surface: Surface
    size_mm: tuple[float, float]
    turn_deg: float
    at_mm: tuple[float, float]
    """Of its middle."""


@dataclass(frozen=True)
class Edge:
    """Where the table ends: beyond a straight edge the eye meets something lower."""

    side_deg: float
    """Where it lies, seen from the pile: from x towards y."""

    beyond_mm: float
    """How far it lies beyond the outermost thing of the pile."""

    drop_mm: float
    thickness_mm: float
    """Of the table's board."""

    below: Surface
    at_mm: float | None = None
    """Its distance from the origin, once the pile lies still."""

    @property
    def outwards(self) -> Floats:
        """Unit vector towards it, (2,)."""
        return np.array([np.cos(np.radians(self.side_deg)), np.sin(np.radians(self.side_deg))])


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
        """Return the floor with its edge beyond all of `points_mm` (N, 3), those of the things that lie on it."""
        if self.edge is None:
            return self
        at = float((points_mm[:, :2] @ self.edge.outwards).max()) + self.edge.beyond_mm
        return replace(self, edge=replace(self.edge, at_mm=at))

    def distances_mm(self, origin_mm: Floats, directions: Floats) -> tuple[Floats, Floats]:
        """Return how far rays go to the floor, (N,), infinite where they miss it, and its normals there, (N, 3).

        Args:
            origin_mm: where they start, (3,), above the floor.
            directions: unit vectors, (N, 3).
        """
        down = np.minimum(directions[:, 2], -1e-12)
        distance = np.where(directions[:, 2] < 0, -origin_mm[2] / down, np.inf)
        normals = np.tile([0.0, 0.0, 1.0], (len(directions), 1))
        edge = self.edge
        if edge is None or edge.at_mm is None:
            return distance, normals
        outwards = directions[:, :2] @ edge.outwards
        to_edge = edge.at_mm - float(origin_mm[:2] @ edge.outwards)
        met = np.isfinite(distance) & (np.where(np.isfinite(distance), distance, 0) * outwards <= to_edge)
        lower = np.where(directions[:, 2] < 0, -(origin_mm[2] + edge.drop_mm) / down, np.inf)
        if to_edge < 0:  # seen from beyond the table, its side is
            side = to_edge / np.minimum(outwards, -1e-12)
            height = origin_mm[2] + side * directions[:, 2]
            on_side = ~met & (outwards < 0) & (height <= 0) & (height >= -edge.thickness_mm)
            lower = np.where(on_side, side, lower)
            normals[on_side] = (*edge.outwards, 0.0)
        return np.where(met, distance, lower), normals


STYLES: dict[str, dict[str, float]] = {
    "paper": {"white": 4, "folded": 2, "squared": 2, "lined": 1, "notebook": 1.5, "handwritten": 1, "towel": 2.5},
    "print": {"page": 1.5, "magazine": 1, "package": 1},
    "plain": {"smooth": 2, "painted": 1},
    "desk": {"speckled": 1, "pebbled": 2, "printed": 1},
    "wood": {"planks": 1, "staves": 1, "veneer": 2, "butcher": 0.6},
    "tiles": {"glazed": 1, "clouded": 1, "wooden": 1},
    "stone": {"granite": 1, "terrazzo": 0.7, "marble": 0.7, "slate": 1},
    "cloth": {"plain": 1.5, "twill": 1, "linen": 1.5, "checked": 0.8, "mesh": 0.6, "terry": 0.7, "tablecloth": 1.2},
    "carpet": {"tufted": 1, "melange": 1, "shaggy": 1},
    "ribbed": {"corduroy": 1, "blanket": 1, "knitted": 1},
    "rug": {"striped": 1, "diamonds": 0.7, "ornament": 0.8, "upholstery": 1.5},
    "cardboard": {"board": 2, "sheet": 1},
}
"""Kinds of floors, their styles, and how often each of those is drawn."""

FLOORS = tuple(STYLES)

SHEET_SIZES_MM: dict[tuple[str, str], tuple[tuple[float, float], ...]] = {
    **{("paper", style): ((297.0, 210.0), (297.0, 210.0), (420.0, 297.0)) for style in ("white", "folded", "handwritten")},
    **{("paper", style): ((297.0, 210.0), (297.0, 210.0), (210.0, 148.0)) for style in ("squared", "lined", "notebook")},
    ("paper", "towel"): ((230.0, 220.0), (460.0, 440.0)),
    **{("print", style): ((297.0, 210.0), (297.0, 210.0), (420.0, 297.0)) for style in ("page", "magazine")},
    ("print", "package"): ((240.0, 160.0), (330.0, 225.0)),
    ("cardboard", "sheet"): ((420.0, 320.0), (300.0, 260.0)),
    ("cloth", "linen"): ((450.0, 330.0),),
}
"""What lies as a sheet with edges, and in which sizes."""

TABLES = {"desk": 4.0, "plain": 3.0, "wood": 3.0, "stone": 0.7, "cloth": 0.6, "tiles": 0.3, "carpet": 0.3}
"""What sheets lie on."""

BELOW = {"wood": 3.0, "carpet": 2.0, "tiles": 2.0, "plain": 1.0, "rug": 0.5}
"""What is seen below a table."""

WITH_EDGE = ("desk", "plain", "wood", "stone")
"""Tables, which end somewhere."""

EDGES_SHARE, EXTRA_SHARE = 0.25, 0.3
"""How many tables end within sight, and on how many of them a further sheet lies."""


def sample_floor(name: str, rng: np.random.Generator, style: str | None = None) -> Floor:
    """Return a floor of the kind `name`, varied by `rng`; of any of its styles unless one is given."""
    style = style or choose(STYLES[name], rng)
    own = sample_surface(name, style, rng)
    sheets: list[Sheet] = []
    ground = own
    if name in ("paper", "print") or (name, style) == ("cardboard", "sheet"):
        kind = choose(TABLES, rng)
        ground = sample_surface(kind, choose(STYLES[kind], rng), rng)
        # Its middle is near the pile's, so that its edges are seen, and now and then a corner lies below the bricks.
        sheets = [_sheet(own, rng, reach=0.33)]
    if ground.kind in TABLES and rng.uniform() < EXTRA_SHARE:
        sheets.insert(0, _extra(rng))
    edge = None
    if ground.kind in WITH_EDGE and ground.style != "planks" and rng.uniform() < EDGES_SHARE:
        below = choose(BELOW, rng)
        edge = Edge(
            float(rng.uniform(0, 360)), float(rng.uniform(6, 110)), float(rng.uniform(380, 760)), float(rng.uniform(16, 40)),
            sample_surface(below, choose(STYLES[below], rng), rng),
        )  # fmt: skip
    return Floor(name, style, ground, tuple(sheets), edge)


def _sheet(surface: Surface, rng: np.random.Generator, reach: float) -> Sheet:
    sizes = SHEET_SIZES_MM[surface.kind, surface.style]
    length, width = sizes[rng.integers(len(sizes))]
    at = (float(rng.uniform(-reach, reach) * length), float(rng.uniform(-reach, reach) * width))
    turn = float(rng.uniform(0, 360))
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return Sheet(surface, (length, width), turn, (float(c * at[0] - s * at[1]), float(s * at[0] + c * at[1])))


def _extra(rng: np.random.Generator) -> Sheet:
    """Return a sheet that comes into the picture from one side."""
    keys = [key for key in SHEET_SIZES_MM if key[1] != "towel"]
    kind, style = keys[rng.integers(len(keys))]
    sheet = _sheet(sample_surface(kind, style, rng), rng, reach=0.0)
    away = float(rng.uniform(0.5, 1.0) * sheet.size_mm[1] + rng.uniform(0, 60))
    side = float(rng.uniform(0, 2 * np.pi))
    return replace(sheet, at_mm=(away * float(np.cos(side)), away * float(np.sin(side))))


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
