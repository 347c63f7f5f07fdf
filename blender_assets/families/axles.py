"""Technic axles: the cross-shaped rod along x, plain, notched or with a stop."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import GAP_MM, PITCH_MM
from blender_assets.part import Part
from blender_assets.placing import along_x, grounded
from blender_assets.solids import box, cylinder, union
from blender_assets.technic import AXLE_RADIUS_MM, axle

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


PARTS = (
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
)
