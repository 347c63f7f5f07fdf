"""Round parts: bricks, plates and tiles turned around the z axis, and those whose outline is a part of a circle."""

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
from manifold3d import Manifold
from numpy.typing import NDArray

from blender_assets.dimensions import (
    BEVEL_MM,
    BRICK_HEIGHT_MM,
    CURVE_SEGMENTS,
    GAP_MM,
    PITCH_MM,
    PLATE_HEIGHT_MM,
    ROOF_MM,
    STUD_HEIGHT_MM,
    STUD_RADIUS_MM,
    TUBE_INNER_RADIUS_MM,
    WALL_MM,
)
from blender_assets.part import Part
from blender_assets.solids import (
    Point,
    box,
    clean,
    cylinder,
    extrusion,
    grid,
    inset,
    joined,
    open_stud,
    outer_mm,
    stud,
    stud_holes,
    studs_on,
    tube,
    turned,
    union,
)
from blender_assets.technic import axle_hole

ROUND_RADIUS_MM = 3.92
"""Radius of a round 1 x 1 part: 4 mm nominal, less a play that is assumed a little smaller than that of walls."""

FOOT_RADIUS_MM = 3.2
"""Radius of the lower ring of a round 1 x 1 part, which fits between studs."""

FOOT_HEIGHT_MM = 2.0

GRIP_RADIUS_MM = 1.57
"""Hole through an open stud: it grips a bar of 3.18 mm."""

TILE_WALL_MM = 2.0

NOTCH_HEIGHT_MM = 1.6
"""Height of the gaps in the rim of a round part, where studs of the part below stand."""

TILE_STEP_MM = 0.4
"""Depth and height of the step around the foot of a tile."""


def rim(radius_mm: float, z0_mm: float, z1_mm: float) -> list[Point]:
    """Return the profile (radius, z) of a disc with chamfered edges."""
    edge = BEVEL_MM
    return [
        (0, z0_mm), (radius_mm - edge, z0_mm), (radius_mm, z0_mm + edge), (radius_mm, z1_mm - edge),
        (radius_mm - edge, z1_mm), (0, z1_mm),
    ]  # fmt: skip


def round_single(height_mm: float, is_open: bool) -> Manifold:
    """Return a round 1 x 1 brick or plate: a body on a narrower foot, with one stud; an open one is pierced."""
    foot = cylinder(FOOT_RADIUS_MM, 0, FOOT_HEIGHT_MM + 0.1)
    body = turned(rim(ROUND_RADIUS_MM, FOOT_HEIGHT_MM, height_mm))
    knob = open_stud(height_mm) if is_open else stud(height_mm)
    solid = joined(body, foot, knob) - cylinder(TUBE_INNER_RADIUS_MM, -1, height_mm - ROOF_MM)
    return solid - cylinder(GRIP_RADIUS_MM, -1, height_mm + STUD_HEIGHT_MM + 1) if is_open else solid


def round_shell(studs: int, height_mm: float, wall_mm: float = WALL_MM) -> Manifold:
    """Return a hollow disc `studs` across, its rim cut away where studs of the part below would stand in its way."""
    radius = outer_mm(studs) / 2
    shell = turned(rim(radius, 0, height_mm)) - cylinder(radius - wall_mm, -1, height_mm - ROOF_MM)
    return shell - rim_notches(studs)


def rim_notches(studs: int) -> Manifold:
    """Return the room for the four studs below, at the corners of the square around it, that a round rim would hit."""
    outer, inner = outer_mm(studs) - 2 * WALL_MM, (studs - 2) * PITCH_MM + (PITCH_MM - 2 * STUD_RADIUS_MM)
    height = NOTCH_HEIGHT_MM + 1
    cross = union([box(outer + 9, inner, height + 1, bevel_mm=0), box(inner, outer + 9, height + 1, bevel_mm=0)])
    return (box(outer, outer, height, bevel_mm=0) - cross).translate((0, 0, -1))


def round_double(height_mm: float) -> Manifold:
    """Return a round 2 x 2 brick or plate with a tube below and a hole for an axle in its roof."""
    points = grid(2, 2)
    # Studs of a round part reach past its rim: what hangs over is cut off.
    studs = studs_on(points, height_mm) ^ cylinder(outer_mm(2) / 2, 0, height_mm + STUD_HEIGHT_MM + 1)
    solid = joined(round_shell(2, height_mm), tube(height_mm), studs) - axle_hole(0, height_mm + 1)
    return clean(solid - stud_holes(points, height_mm) if height_mm > PLATE_HEIGHT_MM else solid)


def round_reinforced() -> Manifold:
    """Return a round 2 x 2 brick whose tube is held by four ribs."""
    reach = outer_mm(2) / 2 - WALL_MM / 2
    rib = box(2 * reach, 1.2, BRICK_HEIGHT_MM - NOTCH_HEIGHT_MM - 1, bevel_mm=0).translate((0, 0, NOTCH_HEIGHT_MM))
    ribs = union([rib, rib.rotate((0, 0, 90))]) - cylinder(TUBE_INNER_RADIUS_MM, -1, BRICK_HEIGHT_MM)
    return clean(joined(round_double(BRICK_HEIGHT_MM), ribs))


def round_tile_single() -> Manifold:
    """Return a round 1 x 1 tile."""
    foot = cylinder(ROUND_RADIUS_MM - TILE_STEP_MM, 0, 1)
    slab = turned(rim(ROUND_RADIUS_MM, TILE_STEP_MM, PLATE_HEIGHT_MM))
    return joined(slab, foot) - cylinder(TUBE_INNER_RADIUS_MM, -1, PLATE_HEIGHT_MM - ROOF_MM)


def round_tile_double(crossed: bool) -> Manifold:
    """Return a round 2 x 2 tile; below it is a tube, or the cross of the older mould."""
    shell = round_shell(2, PLATE_HEIGHT_MM, TILE_WALL_MM) - step_around(outer_mm(2) / 2)
    if not crossed:
        return joined(shell, tube(PLATE_HEIGHT_MM))
    arm = box(6.6, 0.8, PLATE_HEIGHT_MM - ROOF_MM / 2, bevel_mm=0)
    return joined(shell, arm.rotate((0, 0, 45)), arm.rotate((0, 0, -45)))


def step_around(radius_mm: float) -> Manifold:
    """Return the ring that is taken away around the foot of a round tile."""
    return cylinder(radius_mm + 1, -1, TILE_STEP_MM) - cylinder(radius_mm - TILE_STEP_MM, -2, TILE_STEP_MM + 1)


def large_round_plate() -> Manifold:
    """Return a round 4 x 4 plate with a hole in its middle, tubes below, and studs where the rim leaves room."""
    radius, inside = outer_mm(4) / 2, outer_mm(4) / 2 - WALL_MM / 2
    points = [(x, y) for x, y in grid(4, 4) if abs(x) + abs(y) < 24]
    below = union(tube(PLATE_HEIGHT_MM, at) for at in grid(3, 3)) ^ cylinder(inside, -1, PLATE_HEIGHT_MM)
    studs = studs_on(points, PLATE_HEIGHT_MM) ^ cylinder(radius, 0, PLATE_HEIGHT_MM + 5)
    return joined(round_shell(4, PLATE_HEIGHT_MM), below, studs) - cylinder(TUBE_INNER_RADIUS_MM, -1, 5)


THIN_WALL_MM = 0.8
"""Least wall beside a pocket for a stud."""


def arc(radius_mm: float, start_deg: float, stop_deg: float, centre: Point = (0.0, 0.0)) -> list[Point]:
    """Return points on a circle, both ends included, as densely as on other curves."""
    steps = max(2, round(abs(stop_deg - start_deg) / 360 * CURVE_SEGMENTS * (2 if radius_mm > 6 else 1)))
    turns = np.radians(np.linspace(start_deg, stop_deg, steps + 1))
    return [(centre[0] + radius_mm * float(np.cos(t)), centre[1] + radius_mm * float(np.sin(t))) for t in turns]


# Outer arcs reach 0.02 mm too far: the chamfer of their ends takes it back.
QUARTER = ((-4.0, 4.0), *arc(8.02, 270, 360, (-4.0, 4.0)))
HALF = ((4.0, 4.0), (-4.0, 4.0), *arc(4.0, 180, 360))
MACARONI = (*arc(16.02, 270, 360, (-8.0, 8.0)), *arc(8.0, 360, 270, (-8.0, 8.0)))
MACARONI_CELLS = ((4.0, 4.0), (-4.0, -4.0))
MACARONI_CORNER = (4.0, -4.0)


def pocketed(
    outline: Sequence[Point], height_mm: float, pockets: Iterable[Point], notches: Iterable[Point] = ()
) -> Manifold:
    """Return a part over the nominal `outline` with a square pocket below for each stud at `pockets`.

    A round rim would stand in the way of the studs at `notches`: there it has a gap below.
    """
    footprint, roof = inset(outline, GAP_MM), height_mm - ROOF_MM
    return extrusion(footprint, height_mm) - _rooms(footprint, roof, pockets) - _gaps(notches)


def _rooms(footprint: NDArray[np.float64], roof_mm: float, pockets: Iterable[Point]) -> Manifold:
    side = 2 * STUD_RADIUS_MM + 0.1
    cells = union(box(side, side, roof_mm + 1, bevel_mm=0).translate((x, y, -1)) for x, y in pockets)
    return cells ^ extrusion(inset(footprint, THIN_WALL_MM), roof_mm + 1, bevel_mm=0).translate((0, 0, -1))


def _gaps(notches: Iterable[Point]) -> Manifold:
    return union(cylinder(STUD_RADIUS_MM + 0.05, -1, NOTCH_HEIGHT_MM, at) for at in notches)


def rounded_tile(outline: Sequence[Point], pockets: Iterable[Point], notches: Iterable[Point] = ()) -> Manifold:
    """Return a tile over the nominal `outline`, with the step around its foot."""
    footprint = inset(outline, GAP_MM)
    slab = pocketed(outline, PLATE_HEIGHT_MM, pockets, notches)
    around = box(40, 40, TILE_STEP_MM + 1, bevel_mm=0) - extrusion(inset(footprint, TILE_STEP_MM), 9, bevel_mm=0)
    return slab - around.translate((0, 0, -1))


def half_tile() -> Manifold:
    """Return a 1 x 1 tile with one round end, hollow up to its walls."""
    hollow = extrusion(inset(HALF, GAP_MM + WALL_MM), PLATE_HEIGHT_MM - ROOF_MM + 1, bevel_mm=0)
    return rounded_tile(HALF, ()) - hollow.translate((0, 0, -1))


def corner_brick() -> Manifold:
    """Return a round 2 x 2 corner brick with two studs."""
    studs = list(MACARONI_CELLS)
    body = pocketed(MACARONI, BRICK_HEIGHT_MM, [*studs, MACARONI_CORNER], [MACARONI_CORNER])
    return joined(body, studs_on(studs, BRICK_HEIGHT_MM)) - stud_holes(studs, BRICK_HEIGHT_MM)


def _tile(part_id: str, size: str, outline: Sequence[Point], pockets: list[Point], notches: list[Point]) -> Part:
    return Part(part_id, f"Tile {size}", "Tile, round", partial(rounded_tile, outline, pockets, notches))


PARTS = (
    Part("3062b", "Brick 1 x 1 round", "Brick, round", partial(round_single, BRICK_HEIGHT_MM, True), ("3062",)),
    Part("3062a", "Brick 1 x 1 round with solid stud", "Brick, round", partial(round_single, BRICK_HEIGHT_MM, False)),
    Part("3941", "Brick 2 x 2 round", "Brick, round", partial(round_double, BRICK_HEIGHT_MM)),
    Part("6143", "Brick 2 x 2 round, reinforced", "Brick, round", round_reinforced),
    Part("6141", "Plate 1 x 1 round", "Plate, round", partial(round_single, PLATE_HEIGHT_MM, False), ("4073",)),
    Part("85861", "Plate 1 x 1 round with open stud", "Plate, round", partial(round_single, PLATE_HEIGHT_MM, True)),
    Part("4032", "Plate 2 x 2 round", "Plate, round", partial(round_double, PLATE_HEIGHT_MM), ("4032a", "4032b")),
    Part("60474", "Plate 4 x 4 round with hole", "Plate, round", large_round_plate),
    Part("98138", "Tile 1 x 1 round", "Tile, round", round_tile_single),
    Part("14769", "Tile 2 x 2 round", "Tile, round", partial(round_tile_double, False)),
    Part("4150", "Tile 2 x 2 round with cross below", "Tile, round", partial(round_tile_double, True)),
    _tile("25269", "1 x 1 quarter round", QUARTER, [(0.0, 0.0)], [(0.0, 0.0)]),
    Part("24246", "Tile 1 x 1 half round", "Tile, round", half_tile),
    _tile("27925", "2 x 2 round corner", MACARONI, [*MACARONI_CELLS, MACARONI_CORNER], [MACARONI_CORNER]),
    Part("85080", "Brick 2 x 2 round corner", "Brick, round", corner_brick, ("3063", "3063b")),
)
