"""Bricks with hollow studs on their sides ("studs not on top"), on the front (-y) first."""

from collections.abc import Sequence
from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import (
    BRICK_HEIGHT_MM,
    OPEN_STUD_INNER_RADIUS_MM,
    PITCH_MM,
    PLATE_HEIGHT_MM,
    STUD_HEIGHT_MM,
    WALL_MM,
)
from blender_assets.part import Part
from blender_assets.solids import (
    Point,
    box,
    centred,
    clutch_ribs,
    cylinder,
    facing_front,
    grid,
    hollow_box,
    joined,
    open_stud,
    outer_mm,
    prism,
    stud_holes,
    studs_on,
    underside,
    union,
)

SIDE_STUD_Z_MM = 5.6
"""Height of the stud on the side of a brick: a stud's radius and half a plate below the top."""

TALL_HEIGHT_MM = 5 * PLATE_HEIGHT_MM


def side_studs(points_xz: Sequence[Point], face_mm: float) -> Manifold:
    """Return hollow studs that stand on the plane y = -`face_mm` and look towards -y."""
    return facing_front(union(open_stud(face_mm, at) for at in points_xz))


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
    body = box(outer_mm(columns), outer_mm(1), height) - hollow_box(columns, 1, height)
    solid = joined(body, studs, studs_on(points, height)) - holes - stud_holes(points, height)
    return centred(joined(solid, underside(columns, 1, height)))


def tall_snot_brick() -> Manifold:
    """Return a brick of 1 x 2 studs, five plates high, with four studs on its front."""
    height, points = TALL_HEIGHT_MM, grid(2, 1)
    at = [(x, z) for x, _ in points for z in (4.0, 12.0)]
    body = box(outer_mm(2), outer_mm(1), height) - hollow_box(2, 1, height)
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


PARTS = (
    Part("4070", "Brick 1 x 1 headlight", "Brick, side studs", headlight),
    _part("87087", "Brick 1 x 1 with stud on side", 1),
    _part("47905", "Brick 1 x 1 with studs on two sides", 1, back=True),
    _part("11211", "Brick 1 x 2 with studs on side", 2),
    _part("30414", "Brick 1 x 4 with studs on side", 4),
    Part("22885", "Brick 1 x 2 x 5/3 with studs on side", "Brick, side studs", tall_snot_brick),
)
