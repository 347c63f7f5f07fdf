"""Bricks and plates: a hollow box with studs above and tubes or pins below."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import BRICK_HEIGHT_MM, PLATE_HEIGHT_MM
from blender_assets.part import Part
from blender_assets.solids import box, grid, hollow_box, joined, outer_mm, stud_holes, studs_on, underside


def studded_box(columns: int, rows: int, height_mm: float) -> Manifold:
    """Return a brick or plate of `columns` x `rows` studs."""
    points = grid(columns, rows)
    body = box(outer_mm(columns), outer_mm(rows), height_mm) - hollow_box(columns, rows, height_mm)
    solid = joined(body, studs_on(points, height_mm), underside(columns, rows, height_mm))
    return solid - stud_holes(points, height_mm) if height_mm > PLATE_HEIGHT_MM else solid


def _part(part_id: str, kind: str, height_mm: float, rows: int, columns: int) -> Part:
    return Part(part_id, f"{kind} {rows} x {columns}", kind, partial(studded_box, columns, rows, height_mm))


PARTS = (
    _part("3005", "Brick", BRICK_HEIGHT_MM, 1, 1),
    _part("3004", "Brick", BRICK_HEIGHT_MM, 1, 2),
    _part("3622", "Brick", BRICK_HEIGHT_MM, 1, 3),
    _part("3010", "Brick", BRICK_HEIGHT_MM, 1, 4),
    _part("3003", "Brick", BRICK_HEIGHT_MM, 2, 2),
    _part("3002", "Brick", BRICK_HEIGHT_MM, 2, 3),
    _part("3001", "Brick", BRICK_HEIGHT_MM, 2, 4),
    _part("3024", "Plate", PLATE_HEIGHT_MM, 1, 1),
    _part("3023", "Plate", PLATE_HEIGHT_MM, 1, 2),
    _part("3623", "Plate", PLATE_HEIGHT_MM, 1, 3),
    _part("3710", "Plate", PLATE_HEIGHT_MM, 1, 4),
    _part("3022", "Plate", PLATE_HEIGHT_MM, 2, 2),
    _part("3021", "Plate", PLATE_HEIGHT_MM, 2, 3),
    _part("3020", "Plate", PLATE_HEIGHT_MM, 2, 4),
    _part("3795", "Plate", PLATE_HEIGHT_MM, 2, 6),
    _part("3031", "Plate", PLATE_HEIGHT_MM, 4, 4),
)
