"""Technic angle connectors: a sleeve for a pin along y, and one or two arms for axles around it."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import CURVE_SEGMENTS, GAP_MM, PITCH_MM
from blender_assets.part import Part
from blender_assets.placing import along_x, along_y, grounded
from blender_assets.solids import Point, extrusion, union
from blender_assets.technic import axle_hole, pin_hole

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


PARTS = (
    _connector("32013", 1, (0.0,)),
    _connector("32034", 2, (0.0, 180.0)),
    _connector("32016", 3, (0.0, 157.5)),
    _connector("32192", 4, (0.0, 135.0)),
    _connector("32015", 5, (0.0, 112.5)),
    _connector("32014", 6, (0.0, 90.0)),
)
