"""Arches and window frames one stud wide, and the panes that snap into these."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import BRICK_HEIGHT_MM, GAP_MM, PITCH_MM, PLATE_HEIGHT_MM, ROOF_MM, WALL_MM
from blender_assets.part import Part
from blender_assets.solids import (
    along_y,
    box,
    clutch_ribs,
    cylinder,
    grid,
    joined,
    open_studs_on,
    outer_mm,
    stud_holes,
    studs_on,
    union,
)

CROWN_MM = 3.2
"""Height of what stays above the middle of the opening."""

ARC_SEGMENTS = 64


def arch(studs: int, bricks: int, radius_mm: float) -> Manifold:
    """Return an arch `studs` long and `bricks` high between two feet of one stud.

    `radius_mm` is that of the opening's round top, which goes on straight down where it is as wide as the opening.
    """
    points, height = grid(studs, 1), bricks * BRICK_HEIGHT_MM
    body = box(outer_mm(studs), outer_mm(1), height)
    solid = joined(body - _hollows(studs, height), studs_on(points, height))
    return solid - stud_holes(points, height) - _opening(studs - 2, height, radius_mm)


def _hollows(studs: int, height_mm: float) -> Manifold:
    """Return the room within each foot, and the one between the side walls of the opening."""
    width, roof, foot = outer_mm(1) - 2 * WALL_MM, height_mm - ROOF_MM, outer_mm(studs) / 2 - WALL_MM
    between = box((studs - 2) * PITCH_MM, width, roof + 1, bevel_mm=0).translate((0, 0, -1))
    length = PITCH_MM - GAP_MM - 2 * WALL_MM
    room = box(length, width, roof + 1, bevel_mm=0).translate((foot - length / 2, 0, -1))
    return union([between, room, room.mirror((1, 0, 0))])


def _opening(studs: int, height_mm: float, radius_mm: float) -> Manifold:
    centre, half = height_mm - CROWN_MM - radius_mm, studs * PITCH_MM / 2
    disc = Manifold.cylinder(PITCH_MM, radius_mm, circular_segments=ARC_SEGMENTS).translate((0, 0, -PITCH_MM / 2))
    top = along_y(disc).translate((0, 0, centre)) ^ box(2 * half, PITCH_MM, height_mm, bevel_mm=0)
    solid = joined(top, box(2 * half, PITCH_MM, centre + 1, bevel_mm=0) if centre > 0 else None)
    return solid + solid.translate((0, 0, -0.5))


def _arch(part_id: str, studs: int, bricks: int, radius_mm: float) -> Part:
    size = f"1 x {studs}" + (f" x {bricks}" if bricks > 1 else "")
    return Part(part_id, f"Arch {size}", "Arch", partial(arch, studs, bricks, radius_mm))


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
    return joined(frame - pegs, ribs, open_studs_on(grid(2, 1), height))


def pane(bricks: int) -> Manifold:
    """Return the pane of a window frame 1 x 2 x `bricks`, with a peg above and below."""
    height = bricks * BRICK_HEIGHT_MM - SILL_MM - 2.0
    peg = along_y(cylinder(PEG_RADIUS_MM, -PANE_WIDTH_MM / 2, PANE_WIDTH_MM / 2))
    pegs = [peg.translate((0, 0, z)) for z in (PEG_RADIUS_MM, PEG_RADIUS_MM + height)]
    return joined(box(PANE_LENGTH_MM, PANE_WIDTH_MM, height, bevel_mm=0.1).translate((0, 0, PEG_RADIUS_MM)), *pegs)


PARTS = (
    _arch("4490", 3, 1, 4.0),
    _arch("3659", 4, 1, 8.0),
    _arch("3455", 6, 1, 23.2),
    _arch("3308", 8, 2, 26.0),
    Part("60592", "Window 1 x 2 x 2", "Window", partial(window, 2)),
    Part("60593", "Window 1 x 2 x 3", "Window", partial(window, 3)),
    Part("60601", "Glass for window 1 x 2 x 2", "Glass", partial(pane, 2)),
    Part("60602", "Glass for window 1 x 2 x 3", "Glass", partial(pane, 3)),
)
