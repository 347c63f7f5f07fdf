"""Parts whose outline is a part of a circle: quarter and half round tiles, round corner bricks."""

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
from manifold3d import Manifold
from numpy.typing import NDArray

from blender_assets.dimensions import (
    BRICK_HEIGHT_MM,
    CURVE_SEGMENTS,
    GAP_MM,
    PLATE_HEIGHT_MM,
    ROOF_MM,
    STUD_RADIUS_MM,
    WALL_MM,
)
from blender_assets.families.rounds import NOTCH_HEIGHT_MM, TILE_STEP_MM
from blender_assets.part import Part
from blender_assets.solids import Point, box, cylinder, extrusion, inset, joined, stud_holes, studs_on, union

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


PARTS = (
    Part(
        "25269",
        "Tile 1 x 1 quarter round",
        "Tile, round",
        partial(rounded_tile, QUARTER, [(0.0, 0.0)], [(0.0, 0.0)]),
    ),
    Part("24246", "Tile 1 x 1 half round", "Tile, round", half_tile),
    Part(
        "27925",
        "Tile 2 x 2 round corner",
        "Tile, round",
        partial(rounded_tile, MACARONI, [*MACARONI_CELLS, MACARONI_CORNER], [MACARONI_CORNER]),
    ),
    Part("85080", "Brick 2 x 2 round corner", "Brick, round", corner_brick, ("3063", "3063b")),
)
