"""Shallow trays and boxes that hold a pile: plain data, their meshes, and their walls as physics knows them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from manifold3d import CrossSection, JoinType, Manifold
from numpy.typing import NDArray

from blender_assets.mesh import PartMesh, mesh_from_solid
from blender_assets.solids import box, union
from render.layout import Area
from render.surfaces import Surface, sample_surface

Box = tuple[tuple[float, float, float], tuple[float, float, float]]

FILLET_MM = 2.0
"""Rounding where a plastic tray's bottom meets its walls. Physics knows sharp edges: a brick's corner that lies right
in that edge sinks in by less than a third of this."""

BELOW_MM = 50.0
"""How far the bottom reaches below the floor in physics."""

STEPS = 4
"""Boxes that stand in for one rounded upright corner in physics."""


@dataclass(frozen=True)
class Tray:
    """An open box on the floor, centred on the origin; inner sizes in millimetres."""

    kind: str
    length_mm: float
    width_mm: float
    height_mm: float
    """Of the walls, above the floor."""

    wall_mm: float
    """Thickness of walls and bottom."""

    corner_mm: float
    """Radius of the upright inner corners."""

    lip_mm: float
    """How far a plastic rim reaches out, how much higher a drawer's front is, how long a carton's open flaps are."""

    surface: Surface
    """What it is made of."""

    def area(self, largest_radius_mm: float) -> Area:
        """Return where things may start to fall so that they land inside."""
        half_length, half_width = (max(side / 2 - largest_radius_mm, 1.0) for side in (self.length_mm, self.width_mm))
        return Area(half_length, half_width, apart=False, drop_mm=self.wall_mm + 2)

    def walls(self) -> list[Box]:
        """Return centre and half sizes of the boxes it is made of: bottom, sides, ends, then rounded corners."""
        a, b, h, w = self.length_mm / 2, self.width_mm / 2, self.height_mm, self.wall_mm
        sides = [((s * (a + w / 2), 0.0, h / 2), (w / 2, b + w, h / 2)) for s in (-1, 1)]
        ends = [((0.0, s * (b + w / 2), h / 2), (a, w / 2, h / 2)) for s in (-1, 1)]
        # A heavy wooden block was pressed through a box of 2 mm once in 60 piles: the bottom goes on below the floor.
        deep = (w + BELOW_MM) / 2
        return [((0.0, 0.0, w - deep), (a, b, deep)), *sides, *ends, *self._corners()]

    def _corners(self) -> list[Box]:
        """Return the steps that fill the upright corners as far as their rounding does, half a step more or less."""
        a, b, r, h = self.length_mm / 2, self.width_mm / 2, self.corner_mm, self.height_mm
        boxes: list[Box] = []
        for k in range(STEPS if r > 1 else 0):
            middle, upper = np.pi / 2 * (k + 0.5) / STEPS, np.pi / 2 * k / STEPS
            depth, reach = float(r * (1 - np.cos(middle))) / 2, float(r * (1 - np.sin(upper))) / 2
            boxes += [((sx * (a - depth), sy * (b - reach), h / 2), (depth, reach, h / 2))
                      for sx in (-1, 1) for sy in (-1, 1)]  # fmt: skip
        return boxes


def _plastic(rng: np.random.Generator) -> tuple[float, float, float, Surface]:
    return rng.uniform(1.5, 2.5), rng.uniform(4, 14), rng.uniform(2, 8), sample_surface("plain", "smooth", rng)


def _carton(rng: np.random.Generator) -> tuple[float, float, float, Surface]:
    wall = rng.uniform(2.0, 4.5)
    return wall, 0.0, rng.uniform(25, 70) if rng.uniform() < 0.6 else 0.0, sample_surface("cardboard", "sheet", rng)


def _wooden(rng: np.random.Generator) -> tuple[float, float, float, Surface]:
    return rng.uniform(5, 10), 0.0, 0.0, sample_surface("wood", "veneer", rng)


def _drawer(rng: np.random.Generator) -> tuple[float, float, float, Surface]:
    name, style = (("wood", "veneer"), ("desk", "printed"))[rng.integers(2)]
    return rng.uniform(11, 16), 0.0, rng.uniform(8, 25), sample_surface(name, style, rng)


KINDS: dict[str, Callable[[np.random.Generator], tuple[float, float, float, Surface]]] = {
    "plastic": _plastic,
    "carton": _carton,
    "wooden": _wooden,
    "drawer": _drawer,
}
"""Each decides the thickness, the corners, the rim, and the material."""


def sample_tray(radii_mm: Sequence[float], spread: float, rng: np.random.Generator) -> Tray:
    """Return a tray for things of these bounding radii: hardly covered to nearly full."""
    kind = tuple(KINDS)[rng.integers(len(KINDS))]
    area = rng.uniform(0.9, 2.4) * spread * np.pi * float(np.sum(np.square(radii_mm)))
    aspect, shortest = rng.uniform(1.0, 1.6), max(2.4 * max(radii_mm), 90.0)
    length, width = (max(float(np.sqrt(area * ratio)), shortest) for ratio in (aspect, 1 / aspect))
    # Walls higher than a third of the width would hide most of the inside from a slanted camera.
    low, high = (18, 40) if kind == "plastic" else (25, 55)
    height = float(np.clip(rng.uniform(0.12, 0.33) * width, low, high))
    wall, corner, lip, surface = KINDS[kind](rng)
    return Tray(kind, length, width, height + float(wall), float(wall), float(corner), float(lip), surface)


@cache
def tray_mesh(tray: Tray) -> PartMesh:
    """Return the mesh of a tray."""
    return mesh_from_solid(_BUILDERS[tray.kind](tray))


def pattern_places(mesh: PartMesh) -> NDArray[np.float64]:
    """Return where the corners of the faces of `mesh` lie on the pattern of its surface, (3 F, 2), in millimetres.

    The pattern goes up walls: it runs in y and z on those that face along x, else in x and y + z.
    """
    corners = mesh.vertices_mm[mesh.faces].astype(np.float64)  # (F, 3, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    along_x = np.abs(normals[:, :1]) > 0.7 * np.linalg.norm(normals, axis=1, keepdims=True)  # (F, 1)
    x, y, z = np.moveaxis(corners, -1, 0)
    places = np.stack([np.where(along_x, y, x), np.where(along_x, z, y + z)], axis=-1)
    return np.asarray(places.reshape(-1, 2), np.float64)


def _outline(tray: Tray, outset_mm: float) -> CrossSection:
    """Return the inside's outline from above, moved outwards; inwards if negative."""
    inner = CrossSection.square((tray.length_mm, tray.width_mm), center=True)
    if tray.corner_mm > 0:
        inner = inner.offset(-tray.corner_mm, JoinType.Miter).offset(tray.corner_mm, JoinType.Round, 2.0, 48)
    if outset_mm == 0:
        return inner
    return inner.offset(outset_mm, JoinType.Round if tray.corner_mm > 0 else JoinType.Miter, 2.0, 48)


def _slab(outline: CrossSection, low_mm: float, high_mm: float) -> Manifold:
    return Manifold.extrude(outline, high_mm - low_mm).translate((0, 0, low_mm))


def _moulded(tray: Tray) -> Manifold:
    """Return a plastic tray: rounded all over, with a rim."""
    layers = []
    for turn in np.linspace(0, np.pi / 2, 5):
        inset, z = FILLET_MM * (1 - np.sin(turn)), tray.wall_mm + FILLET_MM * (1 - np.cos(turn))
        layers.append(_slab(_outline(tray, -inset), z, z + 0.01))
    inside = Manifold.batch_hull([*layers, _slab(_outline(tray, 0), tray.height_mm, tray.height_mm + 1)])
    w, h, edge = tray.wall_mm, tray.height_mm, 0.5
    body = Manifold.batch_hull([_slab(_outline(tray, w - 1), 0, 0.5), _slab(_outline(tray, w), 1.5, h - edge)])
    rim = Manifold.batch_hull(
        [
            _slab(_outline(tray, w + tray.lip_mm), h - 2.0, h - edge),
            _slab(_outline(tray, w + tray.lip_mm - edge), h - edge, h),
        ]
    )
    return body + rim - inside


def _hollow(tray: Tray, bevel_mm: float) -> Manifold:
    length, width, wall, height = tray.length_mm, tray.width_mm, tray.wall_mm, tray.height_mm
    inside = box(length, width, height, bevel_mm=0).translate((0, 0, tray.wall_mm))
    return box(length + 2 * wall, width + 2 * wall, height, bevel_mm=bevel_mm) - inside


def _folded(tray: Tray) -> Manifold:
    """Return a carton whose flaps hang open outside."""
    body = _hollow(tray, 0.4)
    if not tray.lip_mm:
        return body
    flaps = []
    for k, (along, away) in enumerate(((tray.width_mm, tray.length_mm), (tray.length_mm, tray.width_mm)) * 2):
        tilt = (38, 22, 30, 26)[k]  # degrees below the horizon; lips end above the floor or are cut off there
        flap = box(tray.lip_mm, along, 3.0, bevel_mm=0.4).translate((tray.lip_mm / 2, 0, -3.0)).rotate((0, tilt, 0))
        flaps.append(flap.translate((away / 2 + tray.wall_mm - 0.3, 0, tray.height_mm)).rotate((0, 0, 90 * k)))
    return union([body, *flaps]).trim_by_plane((0, 0, 1), 0.0)


def _pulled_out(tray: Tray) -> Manifold:
    """Return a drawer: its front is thicker, wider and higher."""
    front = box(18.0, tray.width_mm + 2 * tray.wall_mm + 16, tray.height_mm + tray.lip_mm, bevel_mm=1.0)
    return _hollow(tray, 0.8) + front.translate((tray.length_mm / 2 + tray.wall_mm + 8.9, 0, 0))


_BUILDERS: dict[str, Callable[[Tray], Manifold]] = {
    "plastic": _moulded,
    "carton": _folded,
    "wooden": partial(_hollow, bevel_mm=0.8),
    "drawer": _pulled_out,
}
