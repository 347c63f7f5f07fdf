"""The brick hinge: a base with sockets, and a top that turns in them."""

from manifold3d import Manifold

from blender_assets.dimensions import PIN_RADIUS_MM
from blender_assets.part import Part
from blender_assets.solids import (
    Point,
    along_x,
    box,
    clean,
    cylinder,
    grid,
    joined,
    open_studs_on,
    outer_mm,
    prism,
    union,
)

CHEEK_MM = 1.5
"""Thickness of the cheeks that hold the axis."""

AXIS_HEIGHT_MM = 5.6
SOCKET_RADIUS_MM = 1.6
FLOOR_MM = 3.2
STEP_MM = 1.6
"""Height of the step at the front, on which the top rests when it is closed."""

TOP_AXIS_MM, TOP_CHEEK_RADIUS_MM, TOP_HEIGHT_MM, TOP_PLATE_MM = 2.33, 2.33, 6.4, 0.8
BLADE_MM = 1.6


def hinge_base() -> Manifold:
    """Return the 1 x 2 base: a floor, a wall behind, a cheek with a socket at each end, a stop in the middle."""
    length, back, front = outer_mm(2), outer_mm(1) / 2, -outer_mm(1) / 2
    profile = [
        (front, 0), (back, 0), (back, 8.8), (2.8, 8.8), (2.8, FLOOR_MM), (front + 0.8, FLOOR_MM),
        (front + 0.8, STEP_MM), (front, STEP_MM),
    ]  # fmt: skip
    cheek: list[Point] = [
        (front + 0.85, 1), (back - 0.3, 1), (back - 0.3, 8.6), (2.0, 8.6), (1.35, 6.4), (0, AXIS_HEIGHT_MM),
        (-1.4, 6.4), (-1.45, 7.2), (-1.6, 7.8), (-1.95, 8.0), (-2.3, 7.85), (-2.96, 6.8), (-3.1, 5.6),
    ]  # fmt: skip
    end = (length - CHEEK_MM) / 2 - 0.03  # just inside the bevelled ends
    socket = along_x(cylinder(SOCKET_RADIUS_MM, -9, 9)).translate((0, 0, AXIS_HEIGHT_MM))
    cheeks = [prism(cheek, CHEEK_MM, 0).translate((x, 0, 0)) for x in (-end, end)]
    knob = along_x(cylinder(0.8, -0.8, 0.8)).translate((0, 0, AXIS_HEIGHT_MM))
    stop = Manifold.batch_hull([box(1.6, 1.6, 2, 0), knob])
    hollow = box(length - 3, outer_mm(1) - 3, 2.6, 0).translate((0, 0, -1))
    below = union([box(1.6, outer_mm(1) - 2, 2, 0), box(3.2, 1.6, 2, 0)])
    return clean(joined((union([prism(profile, length, 0.15), *cheeks]) - socket + stop) - hollow, below))


def hinge_top() -> Manifold:
    """Return the 1 x 2 top: a thin plate with open studs on a blade between two cheeks with pivots."""
    length, reach = outer_mm(2), TOP_HEIGHT_MM - TOP_PLATE_MM / 2
    plate = box(length, outer_mm(1), TOP_PLATE_MM, 0.15).translate((0, 0, TOP_HEIGHT_MM - TOP_PLATE_MM))
    disc = along_x(cylinder(TOP_CHEEK_RADIUS_MM, -0.4, 0.4)).translate((0, 0, TOP_AXIS_MM))
    upper = box(0.8, 2 * TOP_CHEEK_RADIUS_MM, 1, 0).translate((0, 0, reach - 1))
    cheek = Manifold.batch_hull([disc, upper])
    cheeks = [cheek.translate((x, 0, 0)) for x in (-6.0, 6.0)]
    pivot = along_x(cylinder(PIN_RADIUS_MM, -length / 2, length / 2)).translate((0, 0, TOP_AXIS_MM))
    pivot -= box(12.0, 9, 9, 0)
    notch = box(1.6, 9, 2 * BLADE_MM, 0)
    round_foot = along_x(cylinder(TOP_AXIS_MM - 0.05, -7, 7)).translate((0, 0, TOP_AXIS_MM))
    blade = (box(12.0, BLADE_MM, reach, 0) ^ (round_foot + box(14, 9, 9, 0).translate((0, 0, 1)))) - notch
    return clean(joined(plate, *cheeks, pivot, blade, open_studs_on(grid(2, 1), TOP_HEIGHT_MM)))


PARTS = (
    Part("3937", "Hinge 1 x 2 base", "Hinge", hinge_base),
    Part("3938", "Hinge 1 x 2 top", "Hinge", hinge_top),
)
