"""Panels: a plate with thin walls on its edges."""

from manifold3d import Manifold

from blender_assets.dimensions import BRICK_HEIGHT_MM, PLATE_HEIGHT_MM
from blender_assets.part import Part
from blender_assets.solids import (
    box,
    extrusion,
    facing_front,
    grid,
    hollow_box,
    hollowed_box,
    joined,
    open_stud,
    outer_mm,
    prism,
    rounded_corner,
    rounded_outline,
    underside,
)

THICKNESS_MM = 1.6
"""Of a wall: half a plate."""

CORNER_RADIUS_MM = 0.8
"""Rounding of the free upper corner of a corner panel's walls."""


def panel() -> Manifold:
    """Return a 1 x 2 panel, a brick high, with a wall along its back."""
    half, high, low = outer_mm(1) / 2, BRICK_HEIGHT_MM, PLATE_HEIGHT_MM
    profile = [(-half, 0.0), (half, 0.0), (half, high), (half - THICKNESS_MM, high), (half - THICKNESS_MM, low)]
    body = prism([*profile, (-half, low)], outer_mm(2))
    return joined(body - hollow_box(2, 1, low), underside(2, 1, low))


def corner_panel() -> Manifold:
    """Return a 1 x 1 panel, a brick high, with walls along its back and its left side (-x)."""
    side, floor = outer_mm(1), PLATE_HEIGHT_MM
    plate = hollowed_box(1, 1, floor)
    corner = rounded_corner(side / 2, BRICK_HEIGHT_MM, CORNER_RADIUS_MM)
    # From the middle of the floor's roof upwards: below it the plate is the wall.
    foot = floor - 0.6
    outline = [(-side / 2, foot), (side / 2, foot), *corner, (-side / 2, BRICK_HEIGHT_MM)]
    back = facing_front(extrusion(outline, THICKNESS_MM)).translate((0, side / 2, 0))
    return joined(plate, back, back.mirror((1, 0, 0)).rotate((0, 0, 90)))


def tall_panel() -> Manifold:
    """Return a 1 x 2 panel, two bricks high, with a wall at its back, posts at its sides and hollow studs on top."""
    length, width, floor, high = outer_mm(2), outer_mm(1), PLATE_HEIGHT_MM, 2 * BRICK_HEIGHT_MM
    plate = hollowed_box(2, 1, floor)
    back = width / 2 - THICKNESS_MM / 2
    wall = box(length, THICKNESS_MM, high - floor + 1).translate((0, back, floor - 1))
    post = box(THICKNESS_MM, 2 * THICKNESS_MM, high - floor, bevel_mm=0)
    posts = [
        post.translate((side * (length - THICKNESS_MM) / 2, back - THICKNESS_MM / 2, floor - 0.5)) for side in (-1, 1)
    ]
    top = extrusion(rounded_outline(length, width, CORNER_RADIUS_MM), THICKNESS_MM)
    top = top.rotate((0, 0, 180)).translate((0, width / 2, high - THICKNESS_MM))
    studs = [open_stud(high, at) for at in grid(2, 1)]
    return joined(plate, underside(2, 1, floor), wall, *posts, top, *studs)


PARTS = (
    Part("4865", "Panel 1 x 2 x 1", "Panel", panel, ("4865a", "4865b")),
    Part("87552", "Panel 1 x 2 x 2 with side supports", "Panel", tall_panel),
    Part("6231", "Panel 1 x 1 x 1 corner", "Panel", corner_panel),
)
