"""Bricks and plates: a hollow box with studs above and tubes or pins below."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import BRICK_HEIGHT_MM, PLATE_HEIGHT_MM
from blender_assets.part import Part
from blender_assets.solids import box, clutch_ribs, grid, hollow_box, joined, outer_mm, stud_holes, studs_on, underside


def studded_box(columns: int, rows: int, height_mm: float) -> Manifold:
    """Return a brick or plate of `columns` x `rows` studs."""
    points = grid(columns, rows)
    body = box(outer_mm(columns), outer_mm(rows), height_mm) - hollow_box(columns, rows, height_mm)
    solid = joined(body, studs_on(points, height_mm), underside(columns, rows, height_mm))
    return solid - stud_holes(points, height_mm) if height_mm > PLATE_HEIGHT_MM else solid


def tall_brick() -> Manifold:
    """Return a brick of 1 x 2 studs, two bricks high; ribs instead of a pin hold the studs below."""
    height, points = 2 * BRICK_HEIGHT_MM, grid(2, 1)
    body = box(outer_mm(2), outer_mm(1), height) - hollow_box(2, 1, height)
    return joined(body, studs_on(points, height), clutch_ribs(height)) - stud_holes(points, height)


def _part(part_id: str, kind: str, height_mm: float, rows: int, columns: int, *aliases: str) -> Part:
    return Part(part_id, f"{kind} {rows} x {columns}", kind, partial(studded_box, columns, rows, height_mm), aliases)


def _brick(part_id: str, rows: int, columns: int) -> Part:
    return _part(part_id, "Brick", BRICK_HEIGHT_MM, rows, columns)


def _plate(part_id: str, rows: int, columns: int, *aliases: str) -> Part:
    return _part(part_id, "Plate", PLATE_HEIGHT_MM, rows, columns, *aliases)


PARTS = (
    _brick("3005", 1, 1),
    _brick("3004", 1, 2),
    _brick("3622", 1, 3),
    _brick("3010", 1, 4),
    _brick("3009", 1, 6),
    _brick("3008", 1, 8),
    _brick("6111", 1, 10),
    _brick("6112", 1, 12),
    _brick("3003", 2, 2),
    _brick("3002", 2, 3),
    _brick("3001", 2, 4),
    _brick("2456", 2, 6),
    _brick("3007", 2, 8),
    _brick("3006", 2, 10),
    Part("3245c", "Brick 1 x 2 x 2", "Brick", tall_brick, ("3245", "3245a", "3245b")),
    _plate("3024", 1, 1),
    _plate("3023", 1, 2, "3023b"),
    _plate("3623", 1, 3),
    _plate("3710", 1, 4),
    _plate("3666", 1, 6),
    _plate("3460", 1, 8),
    _plate("4477", 1, 10),
    _plate("60479", 1, 12),
    _plate("3022", 2, 2),
    _plate("3021", 2, 3),
    _plate("3020", 2, 4),
    _plate("3795", 2, 6),
    _plate("3034", 2, 8),
    _plate("3832", 2, 10),
    _plate("4282", 2, 16),
    _plate("11212", 3, 3),
    _plate("3031", 4, 4),
    _plate("3032", 4, 6),
    _plate("3035", 4, 8),
    _plate("3028", 6, 12),
)
