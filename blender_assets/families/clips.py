"""Small plates, bricks and tiles with clips, handles, a bar or a rail, on the front (-y) or at the end (+x)."""

from collections.abc import Callable
from functools import partial

from manifold3d import CrossSection, Manifold

from blender_assets.dimensions import BRICK_HEIGHT_MM, CURVE_SEGMENTS, PITCH_MM, PLATE_HEIGHT_MM, STUD_RADIUS_MM
from blender_assets.families.bricks import studded_box
from blender_assets.part import Part
from blender_assets.solids import (
    box,
    centred,
    cylinder,
    extrusion,
    grid,
    hollowed_box,
    joined,
    outer_mm,
    prism,
    union,
)

BAR_RADIUS_MM = 1.6
"""Of handles, and of what clips hold."""

CLIP_RADIUS_MM = 3.0
SQUARE_CLIP_RADIUS_MM = 3.2
CLIP_WIDTH_MM = 3.2

AXIS_Z_MM = 2.4
"""Height of the axis of clips and handles on a plate: their lower side is level with the plate's."""

REACH_MM = PITCH_MM / 2
"""Distance of that axis from the edge of the plate's squares."""


def plate_with_clips(columns: int, square: bool) -> Manifold:
    """Return a plate one wide with a clip on its front for each column, open forwards."""
    points = grid(columns, 1)
    clips = [_clip(square).translate((x, -PITCH_MM / 2 - REACH_MM, AXIS_Z_MM)) for x, _ in points]
    return centred(joined(studded_box(columns, 1, PLATE_HEIGHT_MM), *clips))


def plate_with_end_clip() -> Manifold:
    """Return a 1 x 2 plate with a clip at its end."""
    clip = _clip().rotate((0, 0, 90)).translate((PITCH_MM + REACH_MM, 0, AXIS_Z_MM))
    return centred(joined(studded_box(2, 1, PLATE_HEIGHT_MM), clip))


def brick_with_clip(upright: bool) -> Manifold:
    """Return a 1 x 1 brick with a clip on its front for a level bar, or for an `upright` one."""
    if upright:
        clip = _u_clip().translate((0, -PITCH_MM / 2, PLATE_HEIGHT_MM))
    else:
        clip = _clip().translate((0, -PITCH_MM / 2 - REACH_MM, PLATE_HEIGHT_MM + AXIS_Z_MM))
    return centred(joined(studded_box(1, 1, BRICK_HEIGHT_MM), clip))


def tile_with_clip() -> Manifold:
    """Return a 1 x 1 tile with a clip on top, open upwards."""
    body = hollowed_box(1, 1, PLATE_HEIGHT_MM)
    neck = CrossSection.square((2 * 1.74, 1.0)).translate((-1.74, -2.6))
    clip = extrusion((_open_ring() + neck).to_polygons()[0], CLIP_WIDTH_MM, bevel_mm=0)
    upright = clip.rotate((90, 0, 0)).translate((0, CLIP_WIDTH_MM / 2, PLATE_HEIGHT_MM + AXIS_Z_MM))
    return joined(body, upright)


def plate_with_handle(end: bool) -> Manifold:
    """Return a 1 x 2 plate with a bar between two lugs, at its `end` or along its front."""
    width, edge = (outer_mm(1), PITCH_MM) if end else (outer_mm(2), PITCH_MM / 2)
    lug_width = 2.4
    shape = CrossSection.circle(STUD_RADIUS_MM, CURVE_SEGMENTS)
    shape += CrossSection.square((REACH_MM + 0.3, PLATE_HEIGHT_MM)).translate((0, -AXIS_Z_MM))
    lug = prism(shape.to_polygons()[0], lug_width, bevel_mm=0)
    lugs = [lug.translate((side * (width - lug_width) / 2, 0, 0)) for side in (-1, 1)]
    handle = union([*lugs, _bar(width - lug_width)]).translate((0, -edge - REACH_MM, AXIS_Z_MM))
    return centred(joined(studded_box(2, 1, PLATE_HEIGHT_MM), handle.rotate((0, 0, 90)) if end else handle))


def plate_with_lamp_clip() -> Manifold:
    """Return a 1 x 1 plate with a short tube on its front, across, in which a bar or a small lamp sits."""
    ring = cylinder(3.2, -1.6, 1.6) + cylinder(STUD_RADIUS_MM, -3.2, 3.2)
    neck = box(CLIP_WIDTH_MM, REACH_MM + 0.3, PLATE_HEIGHT_MM, bevel_mm=0)
    neck = neck.translate((0, (REACH_MM + 0.3) / 2, -AXIS_Z_MM))
    tube = (ring.rotate((0, 90, 0)) + neck) - _bar(20.0)
    return centred(joined(studded_box(1, 1, PLATE_HEIGHT_MM), tube.translate((0, -PITCH_MM / 2 - REACH_MM, AXIS_Z_MM))))


def plate_with_arm() -> Manifold:
    """Return a 1 x 2 plate from whose front a bar runs forwards and then upwards."""
    elbow = (0.0, -PITCH_MM, BAR_RADIUS_MM)
    forwards = cylinder(BAR_RADIUS_MM, 0, PITCH_MM / 2 + 0.3).rotate((-90, 0, 0)).translate(elbow)
    upwards = cylinder(BAR_RADIUS_MM, BAR_RADIUS_MM, 3 * PLATE_HEIGHT_MM, elbow[:2])
    bend = Manifold.sphere(BAR_RADIUS_MM, CURVE_SEGMENTS).translate(elbow)
    return centred(joined(studded_box(2, 1, PLATE_HEIGHT_MM), forwards, bend, upwards))


def plate_with_rail() -> Manifold:
    """Return a 1 x 2 plate with a rail along its front, on which sliding doors run."""
    front, length = -PITCH_MM / 2, outer_mm(2)
    rail = box(length, 1.2, PLATE_HEIGHT_MM).translate((0, front - 3.0, 0))
    web = box(length, 3.0, 0.8, bevel_mm=0).translate((0, front - 1.2, PLATE_HEIGHT_MM / 2 - 0.4))
    return centred(joined(studded_box(2, 1, PLATE_HEIGHT_MM), web, rail))


def _open_ring(square: bool = False) -> CrossSection:
    """Return the outline of a clip around the origin, open upwards (+y); a `square` one has straight, thicker jaws."""
    ring = CrossSection.circle(SQUARE_CLIP_RADIUS_MM if square else CLIP_RADIUS_MM, CURVE_SEGMENTS)
    if square:
        side = 2 * SQUARE_CLIP_RADIUS_MM
        ring += CrossSection.square((side, BAR_RADIUS_MM)).translate((-side / 2, 0))
    mouth = CrossSection(
        [[(-1.48, 0.6), (1.48, 0.6), (1.6, 1.6), (5.0, 1.6), (5.0, 5.0), (-5.0, 5.0), (-5.0, 1.6), (-1.6, 1.6)]]
    )
    return ring - CrossSection.circle(BAR_RADIUS_MM, CURVE_SEGMENTS) - mouth


def _clip(square: bool = False) -> Manifold:
    """Return a clip around the x axis, open towards -y, with the neck by which it joins the front of a plate."""
    far, low, high = REACH_MM + 0.3, -AXIS_Z_MM, PLATE_HEIGHT_MM - AXIS_Z_MM
    neck = CrossSection([[(0, low), (far, low), (far, high), (REACH_MM, high), (3.0, 1.2), (2.6, 1.7), (0, 1.7)]])
    shape = _open_ring(square).rotate(90) + (neck - CrossSection.circle(BAR_RADIUS_MM, CURVE_SEGMENTS))
    return prism(shape.to_polygons()[0], CLIP_WIDTH_MM, bevel_mm=0)


def _u_clip() -> Manifold:
    """Return a clip around an upright axis, `REACH_MM` before y = 0 where it begins, open towards -y."""
    side = [(1.9, -0.3), (1.9, 1.2), (2.16, 1.8), (2.6, 2.4), (2.88, 3.0), (3.03, 3.6), (3.03, 5.6), (1.48, 5.6)]
    ahead = [(x, -y) for x, y in [*side, (1.48, 4.0)]]
    shape = CrossSection([[*((-x, y) for x, y in ahead), *reversed(ahead)]])
    shape -= CrossSection.circle(BAR_RADIUS_MM, CURVE_SEGMENTS).translate((0, -REACH_MM))
    return extrusion(shape.to_polygons()[0], CLIP_WIDTH_MM, bevel_mm=0)


def _bar(length_mm: float) -> Manifold:
    return cylinder(BAR_RADIUS_MM, -length_mm / 2, length_mm / 2).rotate((0, 90, 0))


def _plate(part_id: str, name: str, build: Callable[[], Manifold], *aliases: str) -> Part:
    return Part(part_id, f"Plate {name}", "Plate, modified", build, aliases)


def _brick(part_id: str, name: str, upright: bool, *aliases: str) -> Part:
    return Part(part_id, f"Brick 1 x 1 {name}", "Brick, modified", partial(brick_with_clip, upright), aliases)


PARTS = (
    _plate("61252", "1 x 1 with clip", partial(plate_with_clips, 1, False)),
    _plate("60470", "1 x 2 with 2 clips", partial(plate_with_clips, 2, True), "60470a", "60470b"),
    _plate("63868", "1 x 2 with clip on end", plate_with_end_clip),
    _brick("60476", "with clip, level", False),
    _brick("60475", "with clip, upright", True, "60475a", "60475b"),
    Part("15712", "Tile 1 x 1 with clip", "Tile", tile_with_clip),
    _plate("60478", "1 x 2 with handle on end", partial(plate_with_handle, True)),
    _plate("48336", "1 x 2 with handle on side", partial(plate_with_handle, False)),
    _plate("4081b", "1 x 1 with lamp clip", plate_with_lamp_clip, "4081", "4081a"),
    _plate("88072", "1 x 2 with arm up", plate_with_arm),
    _plate("32028", "1 x 2 with door rail", plate_with_rail),
)
