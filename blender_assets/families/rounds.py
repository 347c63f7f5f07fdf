"""Round parts: bricks, plates, tiles and cones turned around the z axis."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import (
    BEVEL_MM,
    BRICK_HEIGHT_MM,
    PLATE_HEIGHT_MM,
    ROOF_MM,
    TUBE_INNER_RADIUS_MM,
    TUBE_OUTER_RADIUS_MM,
    WALL_MM,
)
from blender_assets.part import Part
from blender_assets.solids import cylinder, grid, joined, outer_mm, stud, stud_holes, studs_on, turned

FOOT_RADIUS_MM = 3.2
"""Radius of the lower ring of a round 1 x 1 part, which fits between studs."""


def round_single(height_mm: float) -> Manifold:
    """Return a round 1 x 1 brick or plate: a body on a narrower foot, with one stud."""
    radius, foot_top, edge = outer_mm(1) / 2, 1.2, BEVEL_MM
    profile = [
        (0, 0), (FOOT_RADIUS_MM - edge, 0), (FOOT_RADIUS_MM, edge), (FOOT_RADIUS_MM, foot_top),
        (radius - edge, foot_top), (radius, foot_top + edge), (radius, height_mm - edge),
        (radius - edge, height_mm), (0, height_mm),
    ]  # fmt: skip
    hollow = cylinder(TUBE_INNER_RADIUS_MM, -1, height_mm - ROOF_MM)
    return joined(turned(profile) - hollow, stud(height_mm))


def round_double(height_mm: float, studded: bool) -> Manifold:
    """Return a round 2 x 2 brick, plate or tile, hollow, with a tube below and an axle-wide hole above."""
    radius = outer_mm(2) / 2
    body = turned(_rim(radius, 0, height_mm)) - cylinder(radius - WALL_MM, -1, height_mm - ROOF_MM)
    tube = cylinder(TUBE_OUTER_RADIUS_MM, 0, height_mm - ROOF_MM / 2) - cylinder(
        TUBE_INNER_RADIUS_MM, -1, height_mm - ROOF_MM
    )
    solid = joined(body, tube)
    if not studded:
        return solid
    points = grid(2, 2)
    solid = joined(solid, studs_on(points, height_mm)) - cylinder(TUBE_INNER_RADIUS_MM, -1, height_mm + 1)
    # Studs of a round part reach past its rim: what hangs over is cut off.
    solid ^= cylinder(radius, -1, height_mm + 5)
    return solid - stud_holes(points, height_mm) if height_mm > PLATE_HEIGHT_MM else solid


def round_tile_single() -> Manifold:
    """Return a round 1 x 1 tile."""
    radius = outer_mm(1) / 2
    profile = [(0, 0), (FOOT_RADIUS_MM, 0), (FOOT_RADIUS_MM, 0.8), *_rim(radius, 0.8, PLATE_HEIGHT_MM)[1:]]
    return turned(profile) - cylinder(TUBE_INNER_RADIUS_MM, -1, PLATE_HEIGHT_MM - ROOF_MM)


def cone_single() -> Manifold:
    """Return a 1 x 1 cone: a foot, a straight flank, one stud."""
    radius, neck, edge = outer_mm(1) / 2, 2.9, BEVEL_MM
    profile = [
        (0, 0), (FOOT_RADIUS_MM, 0), (FOOT_RADIUS_MM, 1.2), (radius - edge, 1.2), (radius, 1.2 + edge), (radius, 1.8),
        (neck, BRICK_HEIGHT_MM - edge), (neck - edge, BRICK_HEIGHT_MM), (0, BRICK_HEIGHT_MM),
    ]  # fmt: skip
    return joined(turned(profile) - cylinder(TUBE_INNER_RADIUS_MM, -1, BRICK_HEIGHT_MM - 4), stud(BRICK_HEIGHT_MM))


def _rim(radius_mm: float, z0_mm: float, z1_mm: float) -> list[tuple[float, float]]:
    edge = BEVEL_MM
    return [
        (0, z0_mm), (radius_mm - edge, z0_mm), (radius_mm, z0_mm + edge), (radius_mm, z1_mm - edge),
        (radius_mm - edge, z1_mm), (0, z1_mm),
    ]  # fmt: skip


PARTS = (
    Part("3062b", "Brick 1 x 1 round", "Brick, round", partial(round_single, BRICK_HEIGHT_MM), ("3062",)),
    Part("3941", "Brick 2 x 2 round", "Brick, round", partial(round_double, BRICK_HEIGHT_MM, True)),
    Part("6141", "Plate 1 x 1 round", "Plate, round", partial(round_single, PLATE_HEIGHT_MM)),
    Part("4032", "Plate 2 x 2 round", "Plate, round", partial(round_double, PLATE_HEIGHT_MM, True)),
    Part("98138", "Tile 1 x 1 round", "Tile, round", round_tile_single),
    Part("14769", "Tile 2 x 2 round", "Tile, round", partial(round_double, PLATE_HEIGHT_MM, False)),
    Part("4589", "Cone 1 x 1", "Cone", cone_single),
)
