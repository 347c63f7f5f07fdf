"""Inverted slopes: bricks that overhang towards -y, with an open top of hollow studs over the overhang."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import (
    BRICK_HEIGHT_MM,
    OPEN_STUD_INNER_RADIUS_MM,
    STUD_HEIGHT_MM,
)
from blender_assets.part import Part
from blender_assets.solids import (
    cylinder,
    grid,
    hollow_box,
    joined,
    open_stud,
    outer_mm,
    prism,
    stud_holes,
    studs_on,
    underside,
    union,
)

LIP_MM = 1.6
"""Height of the upright edge at the top of the overhang."""

SHELL_MM = 1.6
"""Upright thickness of the sloping wall."""

RIM_MM = 0.8
"""Thickness of the walls at the sides of the open top."""


def inverted_slope(columns: int, rows: int) -> Manifold:
    """Return an inverted slope `columns` wide (x) and `rows` deep (y) that stands on its last row."""
    half, length, top = outer_mm(rows) / 2, outer_mm(columns), BRICK_HEIGHT_MM
    foot_y = half - outer_mm(1)  # where the overhang begins
    profile = [(foot_y, 0.0), (half, 0.0), (half, top), (-half, top), (-half, top - LIP_MM)]
    rise = (top - LIP_MM) / (foot_y + half)  # of the slope, mm per mm towards -y

    def floor_mm(y_mm: float) -> float:
        return (foot_y - y_mm) * rise + SHELL_MM

    front = -half + SHELL_MM
    recess = prism(
        [(front, floor_mm(front)), (foot_y, floor_mm(foot_y)), (foot_y, top + 1), (front, top + 1)],
        length - 2 * RIM_MM,
        bevel_mm=0,
    )
    foot_at = (0.0, half - outer_mm(1) / 2)
    cell = hollow_box(columns, 1, top).translate((*foot_at, 0))
    below = underside(columns, 1, top)
    open_at = [at for at in grid(columns, rows) if at[1] < foot_y]
    solid_at = [at for at in grid(columns, rows) if at[1] > foot_y]
    body = prism(profile, length) - recess - cell
    pins = below.translate((*foot_at, 0)) if below is not None else None
    room = [(foot_y, 0.4), (half, 0.4), (half, 2 * top), (-half, 2 * top), (-half, top - LIP_MM + 0.4)]
    tubes = union(open_stud(top, at, root_mm=top) for at in open_at) ^ prism(room, length, bevel_mm=0)
    bores = union(
        cylinder(OPEN_STUD_INNER_RADIUS_MM, min(floor_mm(y), top) + 0.4, top + STUD_HEIGHT_MM + 1, (x, y))
        for x, y in open_at
    )
    return joined(body, pins, tubes, studs_on(solid_at, top)) - bores - stud_holes(solid_at, top)


def _part(part_id: str, name: str, columns: int, rows: int) -> Part:
    return Part(
        part_id, name, "Slope, inverted", partial(inverted_slope, columns, rows), (f"{part_id}a", f"{part_id}b")
    )


PARTS = (
    _part("3665", "Slope, inverted 45 2 x 1", 1, 2),
    _part("3660", "Slope, inverted 45 2 x 2", 2, 2),
    _part("3747", "Slope, inverted 33 3 x 2", 2, 3),
)
