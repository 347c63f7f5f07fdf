"""Bars: plain rods that clips and open studs hold, standing upright."""

from functools import partial

from manifold3d import Manifold

from blender_assets.families.rounds import rim
from blender_assets.part import Part
from blender_assets.solids import turned

BAR_RADIUS_MM = 1.59


def bar(length_mm: float) -> Manifold:
    """Return an upright bar."""
    return turned(rim(BAR_RADIUS_MM, 0, length_mm))


PARTS = (
    Part("87994", "Bar 3", "Bar", partial(bar, 23.9), ("17715",)),
    Part("30374", "Bar 4", "Bar", partial(bar, 31.9), ("21462",)),
)
