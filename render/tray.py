"""A shallow tray that holds a pile: plain data, its mesh and its walls."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from blender_assets.mesh import PartMesh, mesh_from_solid
from blender_assets.solids import box
from render.layout import Area


@dataclass(frozen=True)
class Tray:
    """An open box on the floor, centred on the origin; inner sizes in millimetres."""

    length_mm: float
    width_mm: float
    height_mm: float
    wall_mm: float
    rgb: tuple[float, float, float]
    """Scene-linear colour."""

    roughness: float

    def area(self, largest_radius_mm: float) -> Area:
        """Return where things may start to fall so that they land inside."""
        return Area(
            max(self.length_mm / 2 - largest_radius_mm, 1.0), max(self.width_mm / 2 - largest_radius_mm, 1.0),
            apart=False, drop_mm=self.height_mm + 2,
        )  # fmt: skip

    def walls(self) -> list[tuple[tuple[float, float, float], tuple[float, float, float]]]:
        """Return the centre and the half sizes of the five boxes that it is made of: bottom, then sides."""
        a, b, h, w = self.length_mm / 2, self.width_mm / 2, self.height_mm, self.wall_mm
        sides = [((s * (a + w / 2), 0.0, h / 2), (w / 2, b + w, h / 2)) for s in (-1, 1)]
        ends = [((0.0, s * (b + w / 2), h / 2), (a, w / 2, h / 2)) for s in (-1, 1)]
        return [((0.0, 0.0, w / 2), (a, b, w / 2)), *sides, *ends]


def sample_tray(radii_mm: Sequence[float], spread: float, rng: np.random.Generator) -> Tray:
    """Return a tray for things of these bounding radii."""
    area = 1.6 * spread * np.pi * float(np.sum(np.square(radii_mm)))
    aspect, largest = rng.uniform(1.0, 1.5), 2.4 * max(radii_mm)
    length, width = max(float(np.sqrt(area * aspect)), largest), max(float(np.sqrt(area / aspect)), largest)
    return Tray(length, width, float(rng.uniform(25, 45)), 2.0, (0.5, 0.5, 0.5), float(rng.uniform(0.25, 0.7)))


@cache
def tray_mesh(tray: Tray) -> PartMesh:
    """Return the mesh of a tray."""
    length, width, wall = tray.length_mm, tray.width_mm, tray.wall_mm
    outside = box(length + 2 * wall, width + 2 * wall, tray.height_mm, bevel_mm=0.5)
    inside = box(length, width, tray.height_mm, bevel_mm=0.5).translate((0, 0, wall))
    return mesh_from_solid(outside - inside)
