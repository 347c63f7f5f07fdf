"""Tiles: plates without studs, with the groove around the foot by which they are lifted; grilles and jumpers."""

from functools import partial

from manifold3d import Manifold

from blender_assets.dimensions import BEVEL_MM, PLATE_HEIGHT_MM, WALL_MM
from blender_assets.part import Part
from blender_assets.solids import (
    box,
    clutch_ribs,
    cylinder,
    hollow_box,
    joined,
    open_stud,
    outer_mm,
    tube,
    underside,
    union,
)

GROOVE_MM = 0.4
"""Depth and height of the groove."""

GRILLE_BAR_MM = 1.6
"""Height of a grille's bars, and width of the middle one."""

GRILLE_SLOT_MM = 1.55


def tile(columns: int, rows: int) -> Manifold:
    """Return a tile of `columns` x `rows` studs."""
    solid = _slab(columns, rows, PLATE_HEIGHT_MM) - hollow_box(columns, rows, PLATE_HEIGHT_MM)
    return joined(solid, underside(columns, rows, PLATE_HEIGHT_MM))


def grille() -> Manifold:
    """Return a 1 x 2 tile of three bars with open slots between them, on a frame."""
    bar_z = PLATE_HEIGHT_MM - GRILLE_BAR_MM
    frame_hole = box(outer_mm(2) - 2 * WALL_MM, outer_mm(1) - 2 * WALL_MM, PLATE_HEIGHT_MM, bevel_mm=0)
    frame = _slab(2, 1, bar_z, bevel_mm=0) - frame_hole.translate((0, 0, -0.5))
    edge_bar = (outer_mm(1) - GRILLE_BAR_MM) / 2 - GRILLE_SLOT_MM
    bars = [
        box(outer_mm(2), width, GRILLE_BAR_MM + 0.2).translate((0, y, bar_z - 0.2))
        for width, y in (
            (edge_bar, -(outer_mm(1) - edge_bar) / 2),
            (GRILLE_BAR_MM, 0.0),
            (edge_bar, (outer_mm(1) - edge_bar) / 2),
        )
    ]
    blade = Manifold.batch_hull([cylinder(0.4, 0, bar_z, at) for at in ((-1.2, 0.0), (1.2, 0.0))])
    return union([frame, *bars, blade])


def jumper(rows: int) -> Manifold:
    """Return a tile 2 studs long and `rows` wide with one hollow stud in the middle."""
    solid = _slab(2, rows, PLATE_HEIGHT_MM) - hollow_box(2, rows, PLATE_HEIGHT_MM)
    below = clutch_ribs(PLATE_HEIGHT_MM) if rows == 1 else tube(PLATE_HEIGHT_MM)
    return joined(solid, below, open_stud(PLATE_HEIGHT_MM))


def ingot() -> Manifold:
    """Return a 1 x 2 tile with slanting sides and two shallow square dents on top."""
    foot, edge, slant, dent = GROOVE_MM, 1.2, 1.0, 0.2
    x, y, z = outer_mm(2) / 2, outer_mm(1) / 2, PLATE_HEIGHT_MM
    levels = ((x, y, foot), (x, y, edge), (x - slant, y - slant, z))
    body = Manifold.hull_points([(i * a, j * b, c) for a, b, c in levels for i in (-1, 1) for j in (-1, 1)])
    body += box(2 * (x - GROOVE_MM), 2 * (y - GROOVE_MM), 2 * foot, bevel_mm=0)
    dents = [box(2.4, 4.8, 1.0, bevel_mm=0).translate((side * 4.4, 0, z - dent)) for side in (-1, 1)]
    return body - hollow_box(2, 1, z) - union(dents)


def _slab(columns: int, rows: int, height_mm: float, bevel_mm: float = BEVEL_MM) -> Manifold:
    """Return a solid block of this footprint and height, with the groove around its foot."""
    length, width = outer_mm(columns), outer_mm(rows)
    foot = box(length - 2 * GROOVE_MM, width - 2 * GROOVE_MM, 2 * GROOVE_MM, bevel_mm=0)
    return joined(foot, box(length, width, height_mm - GROOVE_MM, bevel_mm).translate((0, 0, GROOVE_MM)))


def _part(part_id: str, rows: int, columns: int, *aliases: str) -> Part:
    return Part(part_id, f"Tile {rows} x {columns}", "Tile", partial(tile, columns, rows), aliases)


PARTS = (
    _part("3070b", 1, 1, "3070", "3070a"),
    _part("3069b", 1, 2, "3069", "3069a"),
    _part("63864", 1, 3),
    _part("2431", 1, 4),
    _part("6636", 1, 6),
    _part("4162", 1, 8),
    _part("3068b", 2, 2, "3068", "3068a"),
    _part("26603", 2, 3),
    _part("87079", 2, 4),
    Part("2412b", "Tile 1 x 2 grille", "Tile", grille, ("2412", "2412a")),
    Part("99563", "Tile 1 x 2 ingot", "Tile", ingot, ("96910",)),
    Part("15573", "Plate 1 x 2 with 1 stud", "Tile", partial(jumper, 1), ("3794", "3794a", "3794b")),
    Part("87580", "Plate 2 x 2 with 1 stud", "Tile", partial(jumper, 2)),
)
