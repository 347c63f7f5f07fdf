"""Technic connectors, axles and pins: what holds beams together."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import (
    CURVE_SEGMENTS,
    GAP_MM,
    OPEN_STUD_INNER_RADIUS_MM,
    PITCH_MM,
    STUD_HEIGHT_MM,
    STUD_RADIUS_MM,
)
from blender_assets.part import Part
from blender_assets.solids import Point, along_x, along_y, box, cylinder, extrusion, grounded, joined, turned, union
from blender_assets.technic import AXLE_RADIUS_MM, axle, axle_hole, bore, pin_hole, slot

SLEEVE_RADIUS_MM = 3.6
ARM_END_MM = 1.5 * PITCH_MM - GAP_MM
SOCKET_START_MM = PITCH_MM / 2

QUARTER: tuple[Point, ...] = ((3.4, 0.0), (3.4, 1.38), (2.47, 1.76), (1.76, 2.47), (1.38, 3.4), (0.46, 3.5))
"""A quarter of an arm's outline: an octagon with hollow corners."""


def angle_connector(arms_deg: tuple[float, ...]) -> Manifold:
    """Return a connector whose arms point to these directions in the x-z plane, counter-clockwise from +x."""
    sleeve = Manifold.cylinder(PITCH_MM - 2 * GAP_MM, SLEEVE_RADIUS_MM, circular_segments=CURVE_SEGMENTS, center=True)
    arm = along_x(extrusion(_outline(), ARM_END_MM, 0.15))
    socket = along_x(axle_hole(SOCKET_START_MM, ARM_END_MM + 1))
    solid = union([along_y(sleeve), *(arm.rotate((0, -turn, 0)) for turn in arms_deg)])
    solid -= union(socket.rotate((0, -turn, 0)) for turn in arms_deg)
    half = PITCH_MM / 2 - GAP_MM
    return grounded(solid - along_y(pin_hole(-half, half)))


def _outline() -> list[Point]:
    upper = [*QUARTER, *((-x, y) for x, y in reversed(QUARTER))]
    return [*upper, *((-x, -y) for x, y in upper if y)][: 4 * len(QUARTER) - 2]


def _connector(part_id: str, number: int, arms_deg: tuple[float, ...]) -> Part:
    turn = f" ({arms_deg[1]:g} degrees)" if len(arms_deg) > 1 else ""
    name = f"Technic angle connector {number}{turn}"
    return Part(part_id, name, "Technic connector", partial(angle_connector, arms_deg))


NOTCH_CENTRE_MM, NOTCH_WIDTH_MM, NOTCH_RADIUS_MM = 3.8, 1.2, 1.6
STOP_RADIUS_MM, STOP_MM = 3.15, 0.8


def plain_axle(studs: int) -> Manifold:
    """Return an axle `studs` long."""
    return grounded(axle(studs * PITCH_MM - 2 * GAP_MM))


def notched_axle() -> Manifold:
    """Return an axle two studs long, its arms cut down in two places so that it can be pulled out of a hole."""
    core = along_x(cylinder(NOTCH_RADIUS_MM, -PITCH_MM, PITCH_MM))
    side = 2 * AXLE_RADIUS_MM + 1
    cut = box(NOTCH_WIDTH_MM, side, side, bevel_mm=0).translate((0, 0, -side / 2)) - core
    cuts = union(cut.translate((x, 0, 0)) for x in (-NOTCH_CENTRE_MM, NOTCH_CENTRE_MM))
    return grounded(axle(2 * PITCH_MM - 2 * GAP_MM) - cuts)


def stop_axle(studs: int) -> Manifold:
    """Return an axle `studs` long that ends in a disc wider than an axle hole."""
    end = studs * PITCH_MM / 2 - GAP_MM
    return grounded(axle(2 * end) + along_x(cylinder(STOP_RADIUS_MM, end - STOP_MM, end)))


def _plain(part_id: str, studs: int) -> Part:
    return Part(part_id, f"Technic axle {studs}", "Technic axle", partial(plain_axle, studs))


PIN_SEGMENTS = 20
"""Corners of these parts, which are small and many: at 20 an outline is 0.03 mm off."""

BORE_RADIUS_MM = OPEN_STUD_INNER_RADIUS_MM
SHAFT_RADIUS_MM = 2.4
LIP_RADIUS_MM, LIP_MM = 2.6, 0.75
"""The ring at the end of a pin that snaps behind the counterbore of a hole."""

COLLAR_RADIUS_MM, COLLAR_MM = 3.15, 0.8
"""Radius, and thickness of the collar on one side of a hole's face; it fills the counterbore."""

SLOT_MM, SLOT_START_MM = 0.8, 4.6
"""Width of the slot in the end of a pin, and how far from the face of the hole it starts."""

WAIST_MM = 3.8
"""Half the length of the slot in the waist of a pin."""

RIDGE_MM = 0.12
"""Height of the ridges that make a pin turn with friction."""


def half_pin(ridged: bool) -> Manifold:
    """Return one end of a pin, upright: a collar half from z = 0, a shaft with a slot and a lip at its end."""
    end, collar, edge = PITCH_MM - GAP_MM, COLLAR_RADIUS_MM, 0.1
    shaft = turned(
        [
            (0, 0), (collar, 0), (collar, COLLAR_MM), (SHAFT_RADIUS_MM, COLLAR_MM), (SHAFT_RADIUS_MM, end - LIP_MM),
            (LIP_RADIUS_MM, end - LIP_MM), (LIP_RADIUS_MM, end - edge), (LIP_RADIUS_MM - edge, end), (0, end),
        ],
        PIN_SEGMENTS,
    )  # fmt: skip
    return joined(shaft, _ridges() if ridged else None) - _gap(SLOT_START_MM, 2 * PITCH_MM).rotate((0, 0, 90))


def _gap(z0_mm: float, z1_mm: float) -> Manifold:
    """Return a slot with round ends through both walls of an upright pin, cut along x, from `z0_mm` to `z1_mm`."""
    return along_x(slot(z1_mm - z0_mm, SLOT_MM, 4 * COLLAR_RADIUS_MM)).translate((0, 0, (z0_mm + z1_mm) / 2))


def _ridges() -> Manifold:
    ridge = box(0.5, 0.5, 2.4, bevel_mm=0).translate((SHAFT_RADIUS_MM + RIDGE_MM - 0.25, 0, 1.8))
    return union(ridge.rotate((0, 0, turn)) for turn in (45, 135, 225, 315))


def pin(ridged: bool) -> Manifold:
    """Return a pin two studs long, hollow, a collar in its middle; a ridged one has a slot through the collar too."""
    half = half_pin(ridged)
    solid = _bored(half + half.mirror((0, 0, 1)), PITCH_MM)
    return grounded(along_x(solid - _gap(-WAIST_MM, WAIST_MM) if ridged else solid))


def long_pin() -> Manifold:
    """Return a pin three studs long with friction: two studs on one side of the collar, one on the other."""
    near = half_pin(True)
    middle = cylinder(SHAFT_RADIUS_MM, 0, PITCH_MM) + _ridges()
    far = half_pin(True).trim_by_plane((0, 0, 1), COLLAR_MM).translate((0, 0, PITCH_MM))
    shaft = cylinder(SHAFT_RADIUS_MM, PITCH_MM - 0.1, PITCH_MM + COLLAR_MM + 0.1)
    collar = cylinder(COLLAR_RADIUS_MM, 0, COLLAR_MM)
    solid = _bored(union([near.mirror((0, 0, 1)), collar, middle, shaft, far]), 3 * PITCH_MM)
    centre, bridge = PITCH_MM / 2, 0.6
    return grounded(along_x(solid - _gap(-WAIST_MM, centre - bridge) - _gap(centre + bridge, PITCH_MM + WAIST_MM)))


def stud_pin() -> Manifold:
    """Return a half pin whose other end is an open stud."""
    stud_end = cylinder(STUD_RADIUS_MM, -STUD_HEIGHT_MM + 0.1, 0.1)
    return grounded(along_x(_bored(half_pin(False) + stud_end, PITCH_MM)).mirror((1, 0, 0)))


def axle_pin() -> Manifold:
    """Return a pin on one side (towards -x) and an axle on the other."""
    half = along_x(half_pin(False) - bore(BORE_RADIUS_MM, COLLAR_MM, 2 * PITCH_MM)).mirror((1, 0, 0))
    rod = axle(PITCH_MM).translate((PITCH_MM / 2 - GAP_MM, 0, 0))
    return grounded(half + rod)


def bush(half_length: bool) -> Manifold:
    """Return a bush with an axle hole: a flange at each end; a half bush is a single flange with a neck."""
    end, flange, neck = PITCH_MM / 2 - GAP_MM, 3.6, 2.8
    if half_length:
        profile = [(0, 0), (flange, 0), (flange, 2.0), (neck + 0.3, 2.4), (neck + 0.3, end), (0, end)]
        return grounded(along_x(turned(profile, PIN_SEGMENTS) - axle_hole(-1, end + 1)))
    profile = [
        (0, -end), (flange, -end), (flange, 1.2 - end), (neck, 1.6 - end), (neck, end - 1.6), (flange, end - 1.2),
        (flange, end), (0, end),
    ]  # fmt: skip
    gap = _gap(-2.0, 2.0).rotate((0, 0, 90))
    return grounded(along_x(turned(profile, PIN_SEGMENTS) - axle_hole(-end - 1, end + 1) - gap))


def _bored(solid: Manifold, reach_mm: float) -> Manifold:
    return solid - bore(BORE_RADIUS_MM, -reach_mm, reach_mm)


PARTS = (
    _connector("32013", 1, (0.0,)),
    _connector("32034", 2, (0.0, 180.0)),
    _connector("32016", 3, (0.0, 157.5)),
    _connector("32192", 4, (0.0, 135.0)),
    _connector("32015", 5, (0.0, 112.5)),
    _connector("32014", 6, (0.0, 90.0)),
    Part("32062", "Technic axle 2 notched", "Technic axle", notched_axle),
    _plain("4519", 3),
    _plain("3705", 4),
    _plain("32073", 5),
    _plain("3706", 6),
    _plain("44294", 7),
    _plain("3707", 8),
    _plain("3737", 10),
    _plain("3708", 12),
    Part("87083", "Technic axle 4 with stop", "Technic axle", partial(stop_axle, 4)),
    Part("2780", "Technic pin with friction", "Technic pin", partial(pin, True), ("61332",)),
    Part("3673", "Technic pin", "Technic pin", partial(pin, False)),
    Part("6558", "Technic pin long with friction", "Technic pin", long_pin),
    Part("4274", "Technic pin 1/2", "Technic pin", stud_pin),
    Part("3749", "Technic axle pin", "Technic pin", axle_pin),
    Part("3713", "Technic bush", "Technic bush", partial(bush, False), ("6590",)),
    Part("32123", "Technic bush 1/2", "Technic bush", partial(bush, True), ("32123a", "32123b", "4265c")),
)
