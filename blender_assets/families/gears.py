"""Technic gears: spur wheels of module 1 whose axis lies along y, pierced for axles and pins."""

from collections.abc import Sequence

from manifold3d import CrossSection, Manifold, OpType

from blender_assets.dimensions import CURVE_SEGMENTS, GAP_MM, PITCH_MM
from blender_assets.part import Part
from blender_assets.solids import Point, along_y, box, cylinder, grid, grounded, joined, union
from blender_assets.technic import axle_hole, bore, slot

FACE_MM = 3.8
"""Width of the toothed rim."""

HUB_MM = PITCH_MM - 2 * GAP_MM
PIN_HOLE_RADIUS_MM = 2.4
SLEEVE_RADIUS_MM, SLEEVE_MM = 3.1, 6.24
WEB_MM = 1.4
SLOT_LENGTH_MM = 14.4

PINION_TOOTH = ((-1.1, 0.54), (-0.3, 0.6), (0.2, 0.6), (0.4, 0.52), (0.98, 0.28))
"""Flank of a tooth of the 8-tooth gear: distance from the pitch circle outwards, and half the thickness there."""

WHEEL_TOOTH = ((-1.4, 0.94), (-1.2, 0.9), (-0.33, 0.75), (0.23, 0.6), (0.96, 0.32))


def toothed(teeth: int, flank: Sequence[Point], root_mm: float) -> CrossSection:
    """Return a wheel's outline: a disc of radius `root_mm` with `teeth` teeth, the first on the x axis."""
    pitch = teeth / 2
    right = [(pitch + outwards, half) for outwards, half in flank]
    tooth = CrossSection([[*((r, -half) for r, half in right), *reversed(right)]])
    around = [tooth.rotate(360 * k / teeth) for k in range(teeth)]
    return CrossSection.batch_boolean([CrossSection.circle(root_mm, CURVE_SEGMENTS), *around], OpType.Add)


def pinion() -> Manifold:
    """Return the 8-tooth gear: a hub as long as a stud is wide, teeth on the middle of it."""
    hub = 3.0
    wheel = _centred(toothed(8, PINION_TOOTH, hub), FACE_MM)
    solid = wheel + cylinder(hub, -HUB_MM / 2, HUB_MM / 2)
    return grounded(along_y(solid - axle_hole(-PITCH_MM, PITCH_MM)))


def wheel() -> Manifold:
    """Return the 24-tooth gear: a toothed rim, a thin web, four sleeves for pins joined in pairs round an axle hole."""
    root, rim_inside, places = 10.8, 9.98, grid(2, 2)
    rim = _centred(toothed(24, WHEEL_TOOTH, root), FACE_MM) - cylinder(rim_inside, -PITCH_MM, PITCH_MM)
    web = cylinder(rim_inside + 0.1, -WEB_MM / 2, WEB_MM / 2)
    sleeves = union(cylinder(SLEEVE_RADIUS_MM, -SLEEVE_MM / 2, SLEEVE_MM / 2, at) for at in places)
    bar = _bar(4.0, SLEEVE_MM) + _bar(2.9, HUB_MM)
    bores = union(bore(PIN_HOLE_RADIUS_MM, -PITCH_MM, PITCH_MM, at) for at in places)
    solid = joined(rim, web, sleeves, bar, bar.rotate((0, 0, 180))) - bores - slot(SLOT_LENGTH_MM, 1.5, 2)
    return grounded(along_y(solid - axle_hole(-PITCH_MM, PITCH_MM)))


def _bar(reach_mm: float, height_mm: float) -> Manifold:
    return box(2 * reach_mm, 3.4, height_mm, bevel_mm=0).translate((0, 2.7, -height_mm / 2))


def _centred(shape: CrossSection, width_mm: float) -> Manifold:
    return Manifold.extrude(shape, width_mm).translate((0, 0, -width_mm / 2))


PARTS = (
    Part("3647", "Technic gear 8 teeth", "Technic gear", pinion),
    Part("3648b", "Technic gear 24 teeth", "Technic gear", wheel, ("3648", "3648a")),
)
