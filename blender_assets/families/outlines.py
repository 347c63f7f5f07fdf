"""Plates and bricks whose footprint is no rectangle: corners, cut and round corners, wings."""

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
from manifold3d import Manifold

from blender_assets.dimensions import (
    BRICK_HEIGHT_MM,
    GAP_MM,
    PIN_RADIUS_MM,
    PITCH_MM,
    PLATE_HEIGHT_MM,
    ROOF_MM,
    STUD_RADIUS_MM,
    WALL_MM,
)
from blender_assets.families.bricks import studded_box
from blender_assets.part import Part
from blender_assets.solids import (
    Point,
    cylinder,
    extrusion,
    grid,
    inset,
    joined,
    stud_holes,
    studs_on,
    tube,
    union,
)

SOCKET_RADIUS_MM = STUD_RADIUS_MM + 0.05
"""Room for a stud from below, where an oblique wall would stand in its way."""

L_SMALL = ((-8.0, -8.0), (8.0, -8.0), (8.0, 0.0), (0.0, 0.0), (0.0, 8.0), (-8.0, 8.0))
L_LARGE = ((-16.0, -16.0), (16.0, -16.0), (16.0, 0.0), (0.0, 0.0), (0.0, 16.0), (-16.0, 16.0))
CUT_CORNER = ((-12.0, -12.0), (-4.0, -12.0), (12.0, 4.0), (12.0, 12.0), (-12.0, 12.0))
ROUND_CORNER = (
    *((-12.0, 12.0), (-12.0, -12.0), (12.0, -12.0)),
    *((16 * float(np.cos(turn)) - 4, 16 * float(np.sin(turn)) - 4) for turn in np.linspace(0, np.pi / 2, 9)),
)
# The pointed tips reach 0.1 mm too far: play and chamfer take it back.
WING_LONG = ((-16.0, 0.0), (16.0, -8.1), (16.0, 8.0), (-16.0, 8.0))
WING_SHORT = ((-12.0, 0.0), (12.0, -8.12), (12.0, 8.0), (-12.0, 8.0))
WING_DOUBLE = ((-8.0, -8.0), (8.0, -8.0), (15.5, 6.8), (15.5, 8.0), (-15.5, 8.0), (-15.5, 6.8))


def outlined(
    outline: Sequence[Point],
    height_mm: float,
    studs: Iterable[Point],
    tubes: Iterable[Point] = (),
    pins: Iterable[Point] = (),
    sockets: Iterable[Point] = (),
) -> Manifold:
    """Return a hollow part over the nominal `outline` (counter-clockwise), with studs, and tubes and pins below.

    `sockets` are places of studs below that an oblique wall would hit: the wall is notched there, as on real parts.
    """
    footprint, studs, roof_mm = inset(outline, GAP_MM), list(studs), height_mm - ROOF_MM
    hollow = extrusion(inset(footprint, WALL_MM), roof_mm + 1, bevel_mm=0).translate((0, 0, -1))
    room = union(cylinder(SOCKET_RADIUS_MM, -1, roof_mm, at) for at in sockets)
    below = union(
        [tube(height_mm, at) for at in tubes]
        + [cylinder(PIN_RADIUS_MM, 0, height_mm - ROOF_MM / 2, at) for at in pins]
    )  # fmt: skip
    supports = below ^ extrusion(inset(footprint, WALL_MM / 2), height_mm, bevel_mm=0)
    solid = joined(extrusion(footprint, height_mm) - hollow - room, studs_on(studs, height_mm), supports)
    return solid - stud_holes(studs, height_mm) if height_mm > PLATE_HEIGHT_MM else solid


def double_wing() -> Manifold:
    """Return a 2 x 2 plate with a wing on either side, whose cavities have no link with the plate's own."""
    # The notches of the rear studs are as wide as a stud also at the wall's outside.
    sockets = [(side * x, y) for side in (-1, 1) for x, y in ((12.0, 4.0), (13.2, 3.4), (12.0, -4.0))]
    wings = outlined(WING_DOUBLE, PLATE_HEIGHT_MM, [], sockets=sockets)
    return joined(wings, studded_box(2, 2, PLATE_HEIGHT_MM))


def mirrored(points: Iterable[Point]) -> tuple[Point, ...]:
    """Return an outline or points mirrored in the x axis; an outline stays counter-clockwise."""
    return tuple((x, -y) for x, y in reversed(list(points)))


def _wing(part_id: str, name: str, outline: Sequence[Point], length: int, right: bool) -> Part:
    studs = [(x, PITCH_MM / 2) for x, _ in grid(length, 1)]
    layout: list[Sequence[Point]] = [outline, studs, grid(length - 1, 1), [(x, -y) for x, y in studs]]
    if right:
        layout = [mirrored(points) for points in layout]
    shape, studs_above, tubes, sockets = layout
    return _part(part_id, name, shape, studs_above, tubes=tubes, sockets=sockets)


def _part(part_id: str, name: str, outline: Sequence[Point], studs: Iterable[Point], **below: Iterable[Point]) -> Part:
    kind, height_mm = ("Brick", BRICK_HEIGHT_MM) if name.startswith("Brick") else ("Plate", PLATE_HEIGHT_MM)
    category = "Wedge plate" if name.startswith("Wedge") else kind
    return Part(part_id, name, category, partial(outlined, outline, height_mm, list(studs), **below))


_L_STUDS = [(x, y) for x, y in grid(2, 2) if x < 0 or y < 0]
_L_PINS = [(-4.0, 0.0), (0.0, -4.0)]
_LARGE_STUDS = [(x, y) for x, y in grid(4, 4) if x < 0 or y < 0]
_LARGE_TUBES = [(x, y) for x, y in grid(3, 3) if (x < 0 and y < 0) or x < -4 or y < -4]
_CUT_STUDS, _CUT_TUBES = ([(x, y) for x, y in grid(count, count) if x <= y] for count in (3, 2))
_CUT_SOCKETS = [(0.0, -8.0), (8.0, 0.0)]
_ROUND_STUDS = [(x, y) for x, y in grid(3, 3) if x + y < 16]

PARTS = (
    _part("2420", "Plate 2 x 2 corner", L_SMALL, _L_STUDS, pins=_L_PINS),
    _part("2639", "Plate 4 x 4 corner", L_LARGE, _LARGE_STUDS, tubes=_LARGE_TUBES),
    _part("2450", "Wedge plate 3 x 3 cut corner", CUT_CORNER, _CUT_STUDS, tubes=_CUT_TUBES, sockets=_CUT_SOCKETS),
    _part("30357", "Plate 3 x 3 round corner", ROUND_CORNER, _ROUND_STUDS, tubes=grid(2, 2), sockets=[(8.0, 8.0)]),
    _part("2357", "Brick 2 x 2 corner", L_SMALL, _L_STUDS, pins=_L_PINS),
    _wing("41769", "Wedge plate 4 x 2 right", WING_LONG, 4, right=True),
    _wing("41770", "Wedge plate 4 x 2 left", WING_LONG, 4, right=False),
    _wing("43722", "Wedge plate 3 x 2 right", WING_SHORT, 3, right=True),
    _wing("43723", "Wedge plate 3 x 2 left", WING_SHORT, 3, right=False),
    Part("51739", "Wedge plate 2 x 4", "Wedge plate", double_wing),
)
