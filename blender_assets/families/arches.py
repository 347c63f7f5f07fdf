"""Arches one stud wide: two hollow feet, and between them two side walls above a round opening."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import BRICK_HEIGHT_MM, GAP_MM, PITCH_MM, ROOF_MM, WALL_MM
from blender_assets.part import Part
from blender_assets.placing import along_y
from blender_assets.solids import box, grid, joined, outer_mm, stud_holes, studs_on, union

CROWN_MM = 3.2
"""Height of what stays above the middle of the opening."""

ARC_SEGMENTS = 64


def arch(studs: int, bricks: int, radius_mm: float) -> Manifold:
    """Return an arch `studs` long and `bricks` high between two feet of one stud.

    `radius_mm` is that of the opening's round top, which goes on straight down where it is as wide as the opening.
    """
    points, height = grid(studs, 1), bricks * BRICK_HEIGHT_MM
    body = box(outer_mm(studs), outer_mm(1), height)
    solid = joined(body - _hollows(studs, height), studs_on(points, height))
    return solid - stud_holes(points, height) - _opening(studs - 2, height, radius_mm)


def _hollows(studs: int, height_mm: float) -> Manifold:
    """Return the room within each foot, and the one between the side walls of the opening."""
    width, roof, foot = outer_mm(1) - 2 * WALL_MM, height_mm - ROOF_MM, outer_mm(studs) / 2 - WALL_MM
    between = box((studs - 2) * PITCH_MM, width, roof + 1, bevel_mm=0).translate((0, 0, -1))
    length = PITCH_MM - GAP_MM - 2 * WALL_MM
    room = box(length, width, roof + 1, bevel_mm=0).translate((foot - length / 2, 0, -1))
    return union([between, room, room.mirror((1, 0, 0))])


def _opening(studs: int, height_mm: float, radius_mm: float) -> Manifold:
    centre, half = height_mm - CROWN_MM - radius_mm, studs * PITCH_MM / 2
    disc = Manifold.cylinder(PITCH_MM, radius_mm, circular_segments=ARC_SEGMENTS).translate((0, 0, -PITCH_MM / 2))
    top = along_y(disc).translate((0, 0, centre)) ^ box(2 * half, PITCH_MM, height_mm, bevel_mm=0)
    solid = joined(top, box(2 * half, PITCH_MM, centre + 1, bevel_mm=0) if centre > 0 else None)
    return solid + solid.translate((0, 0, -0.5))


def _arch(part_id: str, studs: int, bricks: int, radius_mm: float) -> Part:
    size = f"1 x {studs}" + (f" x {bricks}" if bricks > 1 else "")
    return Part(part_id, f"Arch {size}", "Arch", partial(arch, studs, bricks, radius_mm))


PARTS = (
    _arch("4490", 3, 1, 4.0),
    _arch("3659", 4, 1, 8.0),
    _arch("3455", 6, 1, 23.2),
    _arch("3308", 8, 2, 26.0),
)
