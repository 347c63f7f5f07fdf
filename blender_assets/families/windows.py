"""Window frames with open studs, and the panes that snap into them."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import BRICK_HEIGHT_MM, PLATE_HEIGHT_MM
from blender_assets.part import Part
from blender_assets.placing import along_y
from blender_assets.solids import box, clutch_ribs, cylinder, grid, joined, open_stud, outer_mm, union

SIDE_MM, SILL_MM, LINTEL_MM = 1.95, PLATE_HEIGHT_MM, 2.0
"""Thickness of the frame at its sides, below and above the opening."""

REBATE_MM, REBATE_DEPTH_MM = 0.8, 3.0
"""How much wider and higher the opening is in front (-y), where the pane sits, and how deep that is."""

HOLE_RADIUS_MM, HOLE_Y_MM = 1.0, -2.0
"""The holes above and below that the pegs of the pane snap into."""

PANE_LENGTH_MM, PANE_WIDTH_MM, PEG_RADIUS_MM = 13.2, 1.5, 0.8


def window(bricks: int) -> Manifold:
    """Return a frame 1 x 2 x `bricks` with a rebate in front for a pane."""
    height, width = bricks * BRICK_HEIGHT_MM, outer_mm(1)
    length = outer_mm(2)
    opening_height = height - SILL_MM - LINTEL_MM
    opening = box(length - 2 * SIDE_MM, 9, opening_height, bevel_mm=0).translate((0, 0, SILL_MM))
    rebate = box(length - 2 * SIDE_MM + 2 * REBATE_MM, 9, opening_height + REBATE_MM, bevel_mm=0)
    rebate = rebate.translate((0, REBATE_DEPTH_MM - width / 2 - 4.5, SILL_MM))
    frame = (
        box(length, width, height) - opening - rebate - box(length - 3, width - 3, 3, bevel_mm=0).translate((0, 0, -1))
    )
    pegs = cylinder(HOLE_RADIUS_MM, -1, height + 1, (0.0, HOLE_Y_MM))
    ribs = clutch_ribs(SILL_MM) ^ box(length, width, 2.1, bevel_mm=0)
    return joined(frame - pegs, ribs, union(open_stud(height, at) for at in grid(2, 1)))


def pane(bricks: int) -> Manifold:
    """Return the pane of a window frame 1 x 2 x `bricks`, with a peg above and below."""
    height = bricks * BRICK_HEIGHT_MM - SILL_MM - 2.0
    peg = along_y(cylinder(PEG_RADIUS_MM, -PANE_WIDTH_MM / 2, PANE_WIDTH_MM / 2))
    pegs = [peg.translate((0, 0, z)) for z in (PEG_RADIUS_MM, PEG_RADIUS_MM + height)]
    return joined(box(PANE_LENGTH_MM, PANE_WIDTH_MM, height, bevel_mm=0.1).translate((0, 0, PEG_RADIUS_MM)), *pegs)


PARTS = (
    Part("60592", "Window 1 x 2 x 2", "Window", partial(window, 2)),
    Part("60593", "Window 1 x 2 x 3", "Window", partial(window, 3)),
    Part("60601", "Glass for window 1 x 2 x 2", "Glass", partial(pane, 2)),
    Part("60602", "Glass for window 1 x 2 x 3", "Glass", partial(pane, 3)),
)
