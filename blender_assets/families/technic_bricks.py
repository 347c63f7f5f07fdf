"""Technic bricks: one stud wide, open studs, holes for pins from side to side."""

from collections.abc import Sequence
from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import BRICK_HEIGHT_MM, PIN_RADIUS_MM, ROOF_MM, STUD_RADIUS_MM, WALL_MM
from blender_assets.part import Part
from blender_assets.placing import along_y, clean
from blender_assets.solids import box, clutch_ribs, cylinder, grid, hollow_box, joined, open_stud, outer_mm, union
from blender_assets.technic import COUNTERBORE_RADIUS_MM, HOLE_HEIGHT_MM, axle_hole, pin_hole_across

SOCKET_DEPTH_MM = 2.2
"""Depth of the hollow below a hole that has a stud of the part below right under it."""


def technic_brick(studs: int) -> Manifold:
    """Return a Technic brick `studs` long with a hole between each two studs."""
    between = [x for x, _ in grid(studs - 1, 1)]
    body = box(outer_mm(studs), outer_mm(1), BRICK_HEIGHT_MM) - hollow_box(studs, 1, BRICK_HEIGHT_MM)
    pins = union(cylinder(PIN_RADIUS_MM, 0, HOLE_HEIGHT_MM, (x, 0.0)) for x in between)
    return _pierced(joined(body, _sleeves(between), pins), studs, between)


def technic_single() -> Manifold:
    """Return a 1 x 1 Technic brick with its hole below the stud, solid but for a socket."""
    return _pierced(box(outer_mm(1), outer_mm(1), BRICK_HEIGHT_MM) - _sockets(1), 1, [0.0])


def technic_double() -> Manifold:
    """Return a 1 x 2 Technic brick with a hole below each stud."""
    body = box(outer_mm(2), outer_mm(1), BRICK_HEIGHT_MM) - _sockets(2)
    middle = box(1.6, outer_mm(1) - 2 * WALL_MM, BRICK_HEIGHT_MM - ROOF_MM + 1, bevel_mm=0).translate((0, 0, -1))
    ribs = clutch_ribs(SOCKET_DEPTH_MM + 1) ^ box(8, outer_mm(1) - WALL_MM, SOCKET_DEPTH_MM + 0.1, bevel_mm=0)
    return _pierced(joined(body - middle, ribs), 2, [x for x, _ in grid(2, 1)])


def axle_brick() -> Manifold:
    """Return a 1 x 2 Technic brick with a hole for an axle in a block below its roof."""
    reach, radius = outer_mm(1) - WALL_MM, COUNTERBORE_RADIUS_MM
    block = box(2 * STUD_RADIUS_MM, reach, BRICK_HEIGHT_MM - ROOF_MM / 2, bevel_mm=0)
    foot = along_y(cylinder(radius, -reach / 2, reach / 2)).translate((0, 0, HOLE_HEIGHT_MM))
    above = box(2 * radius, reach, BRICK_HEIGHT_MM, bevel_mm=0).translate((0, 0, HOLE_HEIGHT_MM))
    body = box(outer_mm(2), outer_mm(1), BRICK_HEIGHT_MM) - hollow_box(2, 1, BRICK_HEIGHT_MM)
    studs = union(open_stud(BRICK_HEIGHT_MM, at) for at in grid(2, 1))
    hole = along_y(axle_hole(-outer_mm(1), outer_mm(1))).translate((0, 0, HOLE_HEIGHT_MM))
    return clean(joined(body, block ^ (foot + above), studs) - hole)


def _pierced(body: Manifold, studs: int, holes_x_mm: Sequence[float]) -> Manifold:
    above = union(open_stud(BRICK_HEIGHT_MM, at) for at in grid(studs, 1))
    return joined(body, above) - union(pin_hole_across(outer_mm(1), x, HOLE_HEIGHT_MM) for x in holes_x_mm)


def _sleeves(holes_x_mm: Sequence[float]) -> Manifold:
    reach = outer_mm(1) / 2 - WALL_MM / 2
    sleeve = along_y(cylinder(COUNTERBORE_RADIUS_MM, -reach, reach))
    return union(sleeve.translate((x, 0, HOLE_HEIGHT_MM)) for x in holes_x_mm)


def _sockets(studs: int) -> Manifold:
    length, width = (studs - 1) * 8 + 2 * STUD_RADIUS_MM, 2 * STUD_RADIUS_MM
    return box(length, width, SOCKET_DEPTH_MM + 1, bevel_mm=0).translate((0, 0, -1))


def _long(part_id: str, studs: int, aliases: tuple[str, ...] = ()) -> Part:
    holes = "hole" if studs == 2 else "holes"
    return Part(
        part_id, f"Technic brick 1 x {studs} with {holes}", "Technic brick", partial(technic_brick, studs), aliases
    )


PARTS = (
    Part("6541", "Technic brick 1 x 1 with hole", "Technic brick", technic_single),
    _long("3700", 2),
    Part("32000", "Technic brick 1 x 2 with two holes", "Technic brick", technic_double),
    Part("32064a", "Technic brick 1 x 2 with axle hole", "Technic brick", axle_brick, ("32064", "32064b", "32064c")),
    _long("3701", 4),
    _long("3894", 6),
    _long("3702", 8),
    _long("2730", 10),
    _long("3895", 12),
)
