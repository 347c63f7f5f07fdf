"""Brackets: a plate with a panel that carries studs on its front (-y), and the stepped plate with side studs."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import (
    GAP_MM,
    PIN_RADIUS_MM,
    PITCH_MM,
    PLATE_HEIGHT_MM,
    ROOF_MM,
    STUD_RADIUS_MM,
    WALL_MM,
)
from blender_assets.families.snot import side_studs
from blender_assets.part import Part
from blender_assets.solids import (
    box,
    centred,
    cylinder,
    extrusion,
    facing_front,
    grid,
    joined,
    outer_mm,
    prism,
    rounded_outline,
    studs_on,
    tube,
    union,
)

PANEL_MM = 1.6
"""Thickness of the panel: half a plate."""

CLEARANCE_MM = 2 * GAP_MM
"""Between the panel and the square of studs that the plate covers: play of the panel and of bricks beside it."""

HANG_MM = 0.05
"""How far a hanging panel reaches below the squares of its studs."""

RIB_MM = 1.2
"""Width of the ribs that hold the studs below on the panel's side."""


def bracket(panel_rows: int, up: bool, radius_mm: float) -> Manifold:
    """Return a 1 x 2 plate with a panel of 2 x `panel_rows` studs that rises or hangs, its free corners rounded."""
    half, length, front = outer_mm(1) / 2, outer_mm(2), PITCH_MM / 2 + CLEARANCE_MM
    below = 0.0 if up else HANG_MM
    height = panel_rows * PITCH_MM + below
    plate_z = 0.0 if up else height - PLATE_HEIGHT_MM
    panel = facing_front(extrusion(rounded_outline(length, height, radius_mm), PANEL_MM, bevel_mm=0.1)).translate(
        (0, -front, 0)
    )
    if not up:
        panel = panel.mirror((0, 0, 1)).translate((0, 0, height))
    sides = [(x, below + PITCH_MM / 2 + PITCH_MM * row) for x, _ in grid(2, 1) for row in range(panel_rows)]
    plate = _plate(half, front, length).translate((0, 0, plate_z))
    studs = studs_on(grid(2, 1), plate_z + PLATE_HEIGHT_MM)
    return centred(joined(plate, panel, studs, side_studs(sides, front + PANEL_MM)))


def stepped_plate() -> Manifold:
    """Return a 2 x 2 plate whose front half is two plates high and has two studs on its front."""
    half, length, low, high = outer_mm(2) / 2, outer_mm(2), PLATE_HEIGHT_MM, 2 * PLATE_HEIGHT_MM
    body = prism([(-half, 0), (half, 0), (half, low), (-0.1, low), (-0.1, high), (-half, high)], length)
    inner = half - WALL_MM
    hollow = box(2 * inner, 2 * inner, low - ROOF_MM + 1, bevel_mm=0)
    step = box(2 * inner, inner - WALL_MM, high - ROOF_MM + 1, bevel_mm=0).translate((0, -(inner + WALL_MM) / 2, 0))
    studs = [
        studs_on([at for at in grid(2, 2) if at[1] < 0], high),
        studs_on([at for at in grid(2, 2) if at[1] > 0], low),
        side_studs([(x, PITCH_MM / 2) for x, _ in grid(2, 1)], half),
    ]
    return centred(joined(body - (hollow + step).translate((0, 0, -1)), tube(high) ^ body, *studs))


def _plate(back_mm: float, front_mm: float, length_mm: float) -> Manifold:
    """Return the plate of a bracket, from inside the panel to its back, with a pin and ribs below."""
    depth = back_mm + front_mm + PANEL_MM / 2
    body = box(length_mm, depth, PLATE_HEIGHT_MM).translate((0, back_mm - depth / 2, 0))
    room = back_mm - WALL_MM + front_mm
    hollow = box(length_mm - 2 * WALL_MM, room, PLATE_HEIGHT_MM - ROOF_MM + 1, bevel_mm=0)
    hollow = hollow.translate((0, room / 2 - front_mm, -1))
    rib_depth = front_mm - STUD_RADIUS_MM  # up to the studs below
    ribs = union(
        box(RIB_MM, rib_depth + 0.2, PLATE_HEIGHT_MM - 0.5, bevel_mm=0).translate(
            (x, rib_depth / 2 - front_mm - 0.1, 0)
        )
        for x in (-PITCH_MM / 2, 0.0, PITCH_MM / 2)
    )
    return joined(body - hollow, ribs, cylinder(PIN_RADIUS_MM, 0, PLATE_HEIGHT_MM - ROOF_MM / 2))


def _bracket(part_id: str, panel_rows: int, up: bool, radius_mm: float, *aliases: str) -> Part:
    name = f"Bracket 1 x 2 - {panel_rows} x 2{' up' if up else ''}"
    return Part(part_id, name, "Bracket", partial(bracket, panel_rows, up, radius_mm), aliases)


PARTS = (
    _bracket("99780", 1, True, 0.8),
    _bracket("99781", 1, False, 0.8),
    _bracket("99207", 2, True, 0.8),
    _bracket("44728", 2, False, 1.6, "21712"),
    Part("99206", "Plate 2 x 2 x 2/3 with studs on side", "Bracket", stepped_plate),
)
