"""Cones and dishes, turned around the z axis."""

import numpy as np
from manifold3d import Manifold
from numpy.typing import NDArray

from blender_assets.dimensions import (
    BEVEL_MM,
    BRICK_HEIGHT_MM,
    PLATE_HEIGHT_MM,
    ROOF_MM,
    STUD_HEIGHT_MM,
    STUD_RADIUS_MM,
    TUBE_INNER_RADIUS_MM,
    TUBE_OUTER_RADIUS_MM,
    WALL_MM,
)
from blender_assets.families.rounds import (
    FOOT_HEIGHT_MM,
    FOOT_RADIUS_MM,
    GRIP_RADIUS_MM,
    ROUND_RADIUS_MM,
    rim_notches,
)
from blender_assets.part import Part
from blender_assets.solids import Point, clean, cylinder, grid, joined, open_stud, outer_mm, stud, tube, turned, union
from blender_assets.technic import axle_hole

DOME_STEPS = 7
"""Points on the profile of a dish."""


def cone_single() -> Manifold:
    """Return a 1 x 1 cone: a foot, a straight flank up to an open stud, a hole throughout."""
    edge, top = BEVEL_MM, BRICK_HEIGHT_MM + STUD_HEIGHT_MM
    profile = [
        (0, 0), (FOOT_RADIUS_MM, 0), (FOOT_RADIUS_MM, FOOT_HEIGHT_MM), (ROUND_RADIUS_MM - edge, FOOT_HEIGHT_MM),
        (ROUND_RADIUS_MM, FOOT_HEIGHT_MM + edge / 2), (STUD_RADIUS_MM, BRICK_HEIGHT_MM), (STUD_RADIUS_MM, top - edge),
        (STUD_RADIUS_MM - edge, top), (0, top),
    ]  # fmt: skip
    socket = cylinder(TUBE_INNER_RADIUS_MM, -1, BRICK_HEIGHT_MM / 2)
    return turned(profile) - socket - cylinder(GRIP_RADIUS_MM, -1, top + 1)


def cone_double() -> Manifold:
    """Return a 2 x 2 x 2 cone: hollow, one stud with a hole for an axle."""
    height, edge, foot, radius = 2 * BRICK_HEIGHT_MM, BEVEL_MM, 3.2, outer_mm(2) / 2
    outside = [
        (0, 0), (radius - edge, 0), (radius, edge), (radius, foot), (3.9, height - edge), (3.9 - edge, height),
        (0, height),
    ]  # fmt: skip
    inside = [(0, -1), (radius - WALL_MM, -1), (radius - WALL_MM, foot), (3.0, height - 2 * ROOF_MM)]
    hollow = turned([*inside, (0.0, height - 2 * ROOF_MM)])
    shell = turned(outside) - hollow - rim_notches(2)
    return clean(joined(shell, tube(height), open_stud(height)) - axle_hole(-1, height + STUD_HEIGHT_MM + 1))


def dish(studs: int, top_mm: float, curvature_mm: float, flat_mm: float, wall_mm: float, lip_mm: float) -> Manifold:
    """Return an inverted dish `studs` across: a spherical shell, flat out to `flat_mm`, a tube below.

    The rim is upright; `lip_mm` is the width of its foot. `curvature_mm` is the radius of the sphere.
    """
    radius = outer_mm(studs) / 2
    outside = _dome(np.linspace(flat_mm, radius, DOME_STEPS), curvature_mm, top_mm)
    inside = _dome(np.linspace(flat_mm, radius - lip_mm, DOME_STEPS), curvature_mm, top_mm - wall_mm)
    foot = [(radius - lip_mm, 0.0), (radius - BEVEL_MM, 0.0), (radius, BEVEL_MM)]
    shell = turned([(0.0, top_mm - wall_mm), *inside, *foot, *reversed(outside), (0.0, top_mm)])
    return joined(shell, cylinder(TUBE_OUTER_RADIUS_MM, 0, top_mm - wall_mm / 2))


def dish_small() -> Manifold:
    """Return a 2 x 2 dish with an open stud, for bars."""
    solid = joined(dish(2, PLATE_HEIGHT_MM, 14.6, STUD_RADIUS_MM, 1.0, 0.4), open_stud(PLATE_HEIGHT_MM))
    socket = cylinder(TUBE_INNER_RADIUS_MM, -1, PLATE_HEIGHT_MM - ROOF_MM)
    return solid - socket - cylinder(GRIP_RADIUS_MM, -1, PLATE_HEIGHT_MM + STUD_HEIGHT_MM + 1)


def dish_large() -> Manifold:
    """Return a 4 x 4 dish with a solid stud."""
    top = 2 * PLATE_HEIGHT_MM
    solid = joined(dish(4, top, 40.0, 4.0, 1.4, WALL_MM), stud(top))
    return solid - cylinder(TUBE_INNER_RADIUS_MM, -1, top - 1.4)


def boat() -> Manifold:
    """Return a 2 x 2 plate with a rounded bottom, on which models slide: a bowl with four open studs."""
    top, radius = PLATE_HEIGHT_MM, outer_mm(2) / 2
    below = [
        (0.0, 0.0), (1.6, 0.07), (3.0, 0.24), (4.6, 0.7), (6.0, 1.25), (radius, 2.3), (radius, 2.72), (7.5, 2.72),
        (7.5, top),
    ]  # fmt: skip
    bowl = turned([*below, (6.4, top), (6.4, 2.7), (4.8, 1.75), (2.4, 1.3), (0.0, 1.3)])
    # The studs stand on the bowl, which is lower in the middle than at the rim; what reaches past it is cut off.
    inside = turned([*below, (0.0, top)]) + cylinder(radius, top - 0.2, top + STUD_HEIGHT_MM + 1)
    return joined(bowl, union(open_stud(top, at, 2.2) for at in grid(2, 2)) ^ inside)


def _dome(radii_mm: NDArray[np.float64], curvature_mm: float, top_mm: float) -> list[Point]:
    heights = np.sqrt(curvature_mm**2 - radii_mm**2)
    return [(float(r), max(top_mm + float(z), 0.0)) for r, z in zip(radii_mm, heights - heights[0], strict=True)]


PARTS = (
    Part("4589", "Cone 1 x 1", "Cone", cone_single, ("4589b", "59900")),
    Part("3942c", "Cone 2 x 2 x 2", "Cone", cone_double, ("3942", "3942b")),
    Part("4740", "Dish 2 x 2 inverted", "Dish", dish_small),
    Part("2654a", "Plate 2 x 2 with rounded bottom", "Dish", boat, ("2654",)),
    Part("3960", "Dish 4 x 4 inverted", "Dish", dish_large),
)
