"""Parts with studs on their sides ("studs not on top"), on the front (-y) first: bricks, brackets, a stepped plate."""

from collections.abc import Sequence
from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import (
    BRICK_HEIGHT_MM,
    GAP_MM,
    OPEN_STUD_INNER_RADIUS_MM,
    PIN_RADIUS_MM,
    PITCH_MM,
    PLATE_HEIGHT_MM,
    ROOF_MM,
    STUD_HEIGHT_MM,
    STUD_RADIUS_MM,
    WALL_MM,
)
from blender_assets.part import Part
from blender_assets.solids import (
    Point,
    box,
    centred,
    clutch_ribs,
    cylinder,
    extrusion,
    facing_front,
    grid,
    hollowed_box,
    joined,
    open_studs_on,
    outer_mm,
    prism,
    rounded_outline,
    stud_holes,
    studs_on,
    tube,
    underside,
    union,
)

SIDE_STUD_Z_MM = 5.6
"""Height of the stud on the side of a brick: a stud's radius and half a plate below the top."""

TALL_HEIGHT_MM = 5 * PLATE_HEIGHT_MM


def side_studs(points_xz: Sequence[Point], face_mm: float) -> Manifold:
    """Return hollow studs that stand on the plane y = -`face_mm` and look towards -y."""
    return facing_front(open_studs_on(points_xz, face_mm))


def snot_brick(columns: int, back: bool = False) -> Manifold:
    """Return a brick 1 wide with a stud on its front (and `back`) for each column; their holes open into its hollow."""
    height, face, points = BRICK_HEIGHT_MM, outer_mm(1) / 2, grid(columns, 1)
    at = [(x, SIDE_STUD_Z_MM) for x, _ in points]
    studs = side_studs(at, face)
    holes = facing_front(
        union(cylinder(OPEN_STUD_INNER_RADIUS_MM, face - WALL_MM - 0.1, face + PITCH_MM, place) for place in at)
    )
    if back:
        studs, holes = (solid + solid.mirror((0, 1, 0)) for solid in (studs, holes))
    body = hollowed_box(columns, 1, height)
    solid = joined(body, studs, studs_on(points, height)) - holes - stud_holes(points, height)
    return centred(joined(solid, underside(columns, 1, height)))


def tall_snot_brick() -> Manifold:
    """Return a brick of 1 x 2 studs, five plates high, with four studs on its front."""
    height, points = TALL_HEIGHT_MM, grid(2, 1)
    at = [(x, z) for x, _ in points for z in (4.0, 12.0)]
    body = hollowed_box(2, 1, height)
    solid = joined(body, side_studs(at, outer_mm(1) / 2), studs_on(points, height), clutch_ribs(height))
    return centred(solid - stud_holes(points, height))


def headlight() -> Manifold:
    """Return a 1 x 1 brick with a stud in a recess of its front, flush with the lip below, and a window behind."""
    half, height, lip = outer_mm(1) / 2, BRICK_HEIGHT_MM, 1.6
    face = half - STUD_HEIGHT_MM
    profile = [(-half, 0.0), (half, 0.0), (half, height), (-face, height), (-face, lip), (-half, lip)]
    low, high, inner = PLATE_HEIGHT_MM, 8.0, half - WALL_MM  # of the window
    room = [
        (-inner, -1.0), (inner, -1.0), (inner, low), (half + 1, low), (half + 1, high), (-0.8, high), (-0.8, lip),
        (-inner, lip),
    ]  # fmt: skip
    at = [(0.0, SIDE_STUD_Z_MM)]
    hole = facing_front(cylinder(OPEN_STUD_INNER_RADIUS_MM, 0, half + 1, at[0]))
    solid = joined(prism(profile, outer_mm(1)), studs_on(grid(1, 1), height), side_studs(at, face))
    return solid - prism(room, 2 * inner, bevel_mm=0) - hole - stud_holes(grid(1, 1), height)


def _part(part_id: str, name: str, columns: int, back: bool = False) -> Part:
    return Part(part_id, name, "Brick, side studs", partial(snot_brick, columns, back))


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
    Part("4070", "Brick 1 x 1 headlight", "Brick, side studs", headlight),
    _part("87087", "Brick 1 x 1 with stud on side", 1),
    _part("47905", "Brick 1 x 1 with studs on two sides", 1, back=True),
    _part("11211", "Brick 1 x 2 with studs on side", 2),
    _part("30414", "Brick 1 x 4 with studs on side", 4),
    Part("22885", "Brick 1 x 2 x 5/3 with studs on side", "Brick, side studs", tall_snot_brick),
    _bracket("99780", 1, True, 0.8),
    _bracket("99781", 1, False, 0.8),
    _bracket("99207", 2, True, 0.8),
    _bracket("44728", 2, False, 1.6, "21712"),
    Part("99206", "Plate 2 x 2 x 2/3 with studs on side", "Bracket", stepped_plate),
)
