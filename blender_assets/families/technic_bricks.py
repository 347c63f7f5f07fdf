"""Technic bricks and beams."""

import itertools
from collections.abc import Sequence
from functools import partial

import numpy as np
from manifold3d import CrossSection, Manifold, OpType
from numpy.typing import NDArray

from blender_assets.dimensions import (
    BRICK_HEIGHT_MM,
    CURVE_SEGMENTS,
    GAP_MM,
    PIN_RADIUS_MM,
    PITCH_MM,
    ROOF_MM,
    STUD_RADIUS_MM,
    WALL_MM,
)
from blender_assets.part import Part
from blender_assets.solids import (
    Point,
    along_y,
    box,
    clean,
    clutch_ribs,
    cylinder,
    extrusion,
    grid,
    grounded,
    hollowed_box,
    joined,
    open_studs_on,
    outer_mm,
    union,
)
from blender_assets.technic import (
    AXLE_ARM_MM,
    COUNTERBORE_RADIUS_MM,
    HOLE_HEIGHT_MM,
    axle_hole,
    pin_hole,
    pin_hole_across,
)

SOCKET_DEPTH_MM = 2.2
"""Depth of the hollow below a hole that has a stud of the part below right under it."""


def technic_brick(studs: int) -> Manifold:
    """Return a Technic brick `studs` long with a hole between each two studs."""
    between = [x for x, _ in grid(studs - 1, 1)]
    body = hollowed_box(studs, 1, BRICK_HEIGHT_MM)
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
    body = hollowed_box(2, 1, BRICK_HEIGHT_MM)
    studs = open_studs_on(grid(2, 1), BRICK_HEIGHT_MM)
    hole = along_y(axle_hole(-outer_mm(1), outer_mm(1))).translate((0, 0, HOLE_HEIGHT_MM))
    return clean(joined(body, block ^ (foot + above), studs) - hole)


def _pierced(body: Manifold, studs: int, holes_x_mm: Sequence[float]) -> Manifold:
    above = open_studs_on(grid(studs, 1), BRICK_HEIGHT_MM)
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


BEAM_RADIUS_MM = 3.6
BEAM_HEIGHT_MM = PITCH_MM - 2 * GAP_MM
HALF_BEAM_HEIGHT_MM = PITCH_MM / 2 - GAP_MM

BEND_DEG = 53.13
"""Turn of a bent beam: with sides of 3, 4 and 5 holes its ends meet the grid again."""

POCKET_DEPTH_MM = 3.0
"""Depth of the pockets between holes, which leave a floor of 1.8 mm halfway up."""

POCKET_WALL_MM = 0.8


def beam(centreline: Sequence[Point], holes: Sequence[Point], axles: Sequence[Point] = ()) -> Manifold:
    """Return a full-height beam along `centreline` with pin holes at `holes` and axle holes at `axles`.

    Between neighbouring pin holes it is hollowed from above and below.
    """
    body = _body(centreline, BEAM_HEIGHT_MM)
    pockets = _pockets([*holes, *axles], centreline)
    pierced = body - union([pin_hole(0, BEAM_HEIGHT_MM, at) for at in holes])
    pierced -= union([axle_hole(-1, BEAM_HEIGHT_MM + 1, at) for at in axles])
    return grounded(
        pierced - pockets.translate((0, 0, -1)) - pockets.translate((0, 0, BEAM_HEIGHT_MM - POCKET_DEPTH_MM))
    )


def straight_beam(holes: int) -> Manifold:
    """Return a straight beam with `holes` pin holes."""
    row = [((k - (holes - 1) / 2) * PITCH_MM, 0.0) for k in range(holes)]
    return beam([row[0], row[-1]], row)


def bent_beam(first: int, second: int, turn_deg: float, axle_ends: tuple[bool, bool] = (False, False)) -> Manifold:
    """Return a beam with `first` holes along x and `second` more after a bend to the left by `turn_deg`.

    The hole in the bend counts with the first arm. `axle_ends` says which end has an axle hole.
    """
    bend = np.array([(first - 1) * PITCH_MM, 0.0])
    onward = PITCH_MM * np.array([np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))])
    row = [(k * PITCH_MM, 0.0) for k in range(first)] + [_point(bend + (k + 1) * onward) for k in range(second)]
    axles = [end for end, crossed in zip((row[0], row[-1]), axle_ends, strict=True) if crossed]
    return beam([row[0], row[first - 1], row[-1]], [at for at in row if at not in axles], axles)


def half_beam() -> Manifold:
    """Return a half-height beam with two axle holes, each with a slot towards the other."""
    ends = [(-PITCH_MM / 2, 0.0), (PITCH_MM / 2, 0.0)]
    holes = union(axle_hole(-1, HALF_BEAM_HEIGHT_MM + 1, at) for at in ends)
    slot = box(PITCH_MM, AXLE_ARM_MM, HALF_BEAM_HEIGHT_MM + 2, bevel_mm=0).translate((0, 0, -1))
    web = box(0.8, BEAM_RADIUS_MM, HALF_BEAM_HEIGHT_MM + 2, bevel_mm=0).translate((0, 0, -1))
    return grounded(_body(ends, HALF_BEAM_HEIGHT_MM) - holes - (slot - web))


def _body(centreline: Sequence[Point], height_mm: float) -> Manifold:
    outline = _swept(centreline, BEAM_RADIUS_MM).to_polygons()[0]
    return extrusion(outline, height_mm, bevel_mm=0.15)


def _swept(centreline: Sequence[Point], radius_mm: float) -> CrossSection:
    discs = [CrossSection.circle(radius_mm, CURVE_SEGMENTS).translate(at) for at in centreline]
    legs = [CrossSection.batch_hull(list(pair)) for pair in itertools.pairwise(discs)]
    return CrossSection.batch_boolean([*discs[:1], *legs], OpType.Add)


def _pockets(holes: Sequence[Point], centreline: Sequence[Point]) -> Manifold:
    inside = _swept(centreline, BEAM_RADIUS_MM - POCKET_WALL_MM)
    collar = COUNTERBORE_RADIUS_MM + 0.45
    for at in holes:
        inside -= CrossSection.circle(collar, CURVE_SEGMENTS).translate(at)
    return Manifold() if inside.is_empty() else Manifold.extrude(inside, POCKET_DEPTH_MM + 1)


def _point(vector: NDArray[np.float64]) -> Point:
    return float(vector[0]), float(vector[1])


def _straight(part_id: str, holes: int) -> Part:
    return Part(part_id, f"Technic beam {holes}", "Technic beam", partial(straight_beam, holes))


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
    _straight("18654", 1),
    _straight("43857", 2),
    _straight("32523", 3),
    _straight("32316", 5),
    _straight("32524", 7),
    _straight("40490", 9),
    _straight("32525", 11),
    _straight("41239", 13),
    _straight("32278", 15),
    Part("41677", "Technic half beam 2", "Technic beam", half_beam),
    Part("32140", "Technic beam 2 x 4 bent 90", "Technic beam", partial(bent_beam, 4, 1, 90.0, (False, True))),
    Part("32348", "Technic beam 4 x 4 bent 53", "Technic beam", partial(bent_beam, 4, 3, BEND_DEG, (True, True))),
    Part("6629", "Technic beam 4 x 6 bent 53", "Technic beam", partial(bent_beam, 6, 3, BEND_DEG, (True, True))),
    Part("32271", "Technic beam 3 x 7 bent 53", "Technic beam", partial(bent_beam, 7, 2, BEND_DEG, (True, True))),
    Part("32526", "Technic beam 3 x 5 bent 90", "Technic beam", partial(bent_beam, 5, 2, 90.0)),
)
