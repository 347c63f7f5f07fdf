"""What Technic parts share: the axle's cross, the holes for axles and pins. All in millimetres."""

import numpy as np
from manifold3d import CrossSection, Manifold
from numpy.typing import NDArray

from blender_assets.dimensions import STUD_RADIUS_MM
from blender_assets.solids import Point, along_x, along_y, extrusion, union

AXLE_RADIUS_MM = 2.4
AXLE_ARM_MM = 1.58
"""Thickness of the arms of the axle's cross."""
HOLE_RELIEF_MM = 1.6
"""Distance from the axis at which the arms of an axle hole start to widen."""

PIN_HOLE_RADIUS_MM = STUD_RADIUS_MM
COUNTERBORE_RADIUS_MM = 3.1
COUNTERBORE_DEPTH_MM = 0.8
BORE_SEGMENTS = 16
"""Corners of bores. Parts have many, and they are seen from outside at most by their rim."""


HOLE_HEIGHT_MM = 5.6
"""Height of the holes of a Technic brick. A brick and two plates higher, 16 mm, are the next on the grid of beams."""


def axle_outline(arm_mm: float = AXLE_ARM_MM, relief_mm: float = 0.0) -> NDArray[np.float64]:
    """Return the cross of an axle, counter-clockwise, its four tips round, (P, 2).

    With `relief_mm` the inner corners are cut back: the arms widen from that distance towards the middle.
    """
    half = arm_mm / 2
    edge = np.arcsin(half / AXLE_RADIUS_MM)
    tip = AXLE_RADIUS_MM * np.column_stack([np.cos([-edge, 0.0, edge]), np.sin([-edge, 0.0, edge])])
    mid = half + (relief_mm - half) / 4
    corner = [(relief_mm, half), (mid, mid), (half, relief_mm)] if relief_mm else [(half, half)]
    quarter = np.vstack([tip, corner])
    return np.vstack([quarter @ np.array([[c, s], [-s, c]]) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))])


def axle(length_mm: float) -> Manifold:
    """Return an axle along x, centred on the origin, its ends chamfered."""
    return along_x(extrusion(axle_outline(), length_mm).translate((0, 0, -length_mm / 2)))


def axle_hole(z0_mm: float, z1_mm: float, at: Point = (0.0, 0.0)) -> Manifold:
    """Return the upright hole for an axle, slightly wider than the axle, its inner corners cut as on real parts."""
    cross = CrossSection([axle_outline(AXLE_ARM_MM + 0.02, HOLE_RELIEF_MM)])
    return Manifold.extrude(cross, z1_mm - z0_mm).translate((at[0], at[1], z0_mm))


def bore(radius_mm: float, z0_mm: float, z1_mm: float, at: Point = (0.0, 0.0)) -> Manifold:
    """Return an upright cylinder with few corners, to be taken away."""
    return Manifold.cylinder(z1_mm - z0_mm, radius_mm, circular_segments=BORE_SEGMENTS).translate((*at, z0_mm))


def slot(length_mm: float, width_mm: float, depth_mm: float) -> Manifold:
    """Return a slot along x with round ends, centred on the origin, to be taken away; it is cut along z."""
    end, half = (length_mm - width_mm) / 2, depth_mm / 2
    return Manifold.batch_hull([bore(width_mm / 2, -half, half, (x, 0.0)) for x in (-end, end)])


def pin_hole(z0_mm: float, z1_mm: float, at: Point = (0.0, 0.0)) -> Manifold:
    """Return an upright hole for a pin through a part from `z0_mm` to `z1_mm`, with its two counterbores."""
    return union(
        [
            bore(PIN_HOLE_RADIUS_MM, z0_mm - 1, z1_mm + 1, at),
            bore(COUNTERBORE_RADIUS_MM, z0_mm - 1, z0_mm + COUNTERBORE_DEPTH_MM, at),
            bore(COUNTERBORE_RADIUS_MM, z1_mm - COUNTERBORE_DEPTH_MM, z1_mm + 1, at),
        ]
    )


def pin_hole_across(width_mm: float, x_mm: float, z_mm: float) -> Manifold:
    """Return a hole for a pin along y through a part `width_mm` wide, at `x_mm` and `z_mm`."""
    return along_y(pin_hole(-width_mm / 2, width_mm / 2)).translate((x_mm, 0, z_mm))
