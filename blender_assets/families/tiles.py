"""Tiles: plates without studs, with the groove around the foot by which they are lifted."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import PLATE_HEIGHT_MM
from blender_assets.part import Part
from blender_assets.solids import box, hollow_box, joined, outer_mm, underside

GROOVE_MM = 0.4
"""Depth and height of the groove."""


def tile(columns: int, rows: int) -> Manifold:
    """Return a tile of `columns` x `rows` studs."""
    length, width = outer_mm(columns), outer_mm(rows)
    foot = box(length - 2 * GROOVE_MM, width - 2 * GROOVE_MM, 2 * GROOVE_MM, bevel_mm=0)
    slab = box(length, width, PLATE_HEIGHT_MM - GROOVE_MM).translate((0, 0, GROOVE_MM))
    hollow = hollow_box(columns, rows, PLATE_HEIGHT_MM)
    return joined(joined(foot, slab) - hollow, underside(columns, rows, PLATE_HEIGHT_MM))


def _part(part_id: str, rows: int, columns: int) -> Part:
    return Part(part_id, f"Tile {rows} x {columns}", "Tile", partial(tile, columns, rows))


PARTS = (
    _part("3070b", 1, 1),
    _part("3069b", 1, 2),
    _part("2431", 1, 4),
    _part("3068b", 2, 2),
)
