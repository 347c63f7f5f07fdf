"""Slopes: bricks whose front falls towards -y, hollow below, with studs on what is left of the top."""

from functools import partial

from manifold3d import CrossSection, JoinType, Manifold

from blender_assets.dimensions import BRICK_HEIGHT_MM, PITCH_MM, PLATE_HEIGHT_MM, ROOF_MM, WALL_MM
from blender_assets.part import Part
from blender_assets.solids import Point, grid, joined, outer_mm, prism, stud_holes, studs_on, underside

LIP_MM = 1.5
"""Height of the upright edge at the foot of a slope."""

CHEESE_HEIGHT_MM = 2 * PLATE_HEIGHT_MM


def slope(columns: int, rows: int, height_mm: float, top_rows: int, lip_mm: float = LIP_MM) -> Manifold:
    """Return a slope `columns` wide (x) and `rows` deep (y); its last `top_rows` rows are flat and studded.

    With ``top_rows`` 0 the slope runs up to a narrow edge at the back, as on a cheese slope.
    """
    half, length = outer_mm(rows) / 2, outer_mm(columns)
    crest = half - top_rows * PITCH_MM if top_rows else half - 0.6
    profile = [(-half, 0.0), (half, 0.0), (half, height_mm), (crest, height_mm), (-half, lip_mm)]
    body = prism(profile, length) - _hollow(profile, length)
    if not top_rows:
        return joined(body, underside(columns, 1, ROOF_MM + 0.6) if columns > 1 else None)
    points = [(x, y) for x, y in grid(columns, rows) if y > crest]
    inside = prism(profile, length, bevel_mm=0)  # tubes and pins end at the sloping roof
    below = underside(columns, rows, height_mm) if columns > 1 else underside(1, rows, height_mm)
    supports = below ^ inside if below is not None else None
    return joined(body, studs_on(points, height_mm), supports) - stud_holes(points, height_mm)


def _hollow(profile: list[Point], length_mm: float) -> Manifold:
    inner = CrossSection([profile]).offset(-WALL_MM, JoinType.Miter)
    low_y, low_z, high_y, _ = inner.bounds()
    opening = CrossSection.square((high_y - low_y, low_z + 1.5)).translate((low_y, -1.0))
    shape = inner + opening
    return prism(shape.to_polygons()[0], length_mm - 2 * WALL_MM, bevel_mm=0)


def _part(part_id: str, name: str, columns: int, rows: int, height_mm: float, top_rows: int, lip_mm: float) -> Part:
    return Part(part_id, name, "Slope", partial(slope, columns, rows, height_mm, top_rows, lip_mm))


PARTS = (
    _part("3040b", "Slope 45 2 x 1", 1, 2, BRICK_HEIGHT_MM, 1, LIP_MM),
    _part("3039", "Slope 45 2 x 2", 2, 2, BRICK_HEIGHT_MM, 1, LIP_MM),
    _part("3038", "Slope 45 2 x 3", 3, 2, BRICK_HEIGHT_MM, 1, LIP_MM),
    _part("3037", "Slope 45 2 x 4", 4, 2, BRICK_HEIGHT_MM, 1, LIP_MM),
    _part("4286", "Slope 33 3 x 1", 1, 3, BRICK_HEIGHT_MM, 1, LIP_MM),
    _part("3298", "Slope 33 3 x 2", 2, 3, BRICK_HEIGHT_MM, 1, LIP_MM),
    _part("54200", "Slope 30 1 x 1 x 2/3", 1, 1, CHEESE_HEIGHT_MM, 0, 1.2),
    _part("85984", "Slope 30 1 x 2 x 2/3", 2, 1, CHEESE_HEIGHT_MM, 0, 1.2),
)
