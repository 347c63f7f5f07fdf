"""Slopes: bricks whose front falls towards -y, hollow below, with studs on what is left of the top; inverted ones.

Inverted slopes overhang towards -y, with an open top of hollow studs over the overhang.
"""

from functools import partial

from manifold3d import CrossSection, Manifold

from blender_assets.dimensions import (
    BRICK_HEIGHT_MM,
    GAP_MM,
    OPEN_STUD_INNER_RADIUS_MM,
    PIN_RADIUS_MM,
    PITCH_MM,
    PLATE_HEIGHT_MM,
    ROOF_MM,
    STUD_HEIGHT_MM,
    WALL_MM,
)
from blender_assets.part import Part
from blender_assets.solids import (
    Point,
    box,
    clutch_ribs,
    cylinder,
    extrusion,
    facing_front,
    grid,
    hollow_box,
    joined,
    open_stud,
    outer_mm,
    prism,
    profile_hollow,
    rounded_outline,
    stud,
    stud_holes,
    studs_on,
    tube,
    under_roof,
    underside,
    union,
)

LIP_MM = 1.6
"""Height of the upright edge at the foot of a slope, or at the top of an inverted one."""

CHEESE_HEIGHT_MM = 6.24
"""Two plates, less a little that is rounded off the edge."""

EDGE_RADIUS_MM = 0.8
"""Rounding of the ends of a sharp upper edge."""

FOOT_MM = 0.4
"""Depth and height of the groove around the foot of a slope without studs, as on a tile."""


def slope(columns: int, rows: int) -> Manifold:
    """Return a slope of brick height, `columns` wide (x) and `rows` deep (y); its last row is flat and studded."""
    return _slope(columns, rows, BRICK_HEIGHT_MM, underside(columns, rows, BRICK_HEIGHT_MM))


def steep_slope() -> Manifold:
    """Return a slope 1 wide, 2 deep and two bricks high; ribs instead of a pin hold the studs below."""
    height = 2 * BRICK_HEIGHT_MM
    return _slope(1, 2, height, clutch_ribs(height).rotate((0, 0, 90)))


def _slope(columns: int, rows: int, height_mm: float, below: Manifold | None) -> Manifold:
    profile, length = _profile(rows, height_mm), outer_mm(columns)
    points = [(x, y) for x, y in grid(columns, rows) if y > outer_mm(rows) / 2 - PITCH_MM]
    supports = below ^ under_roof(profile, length) if below is not None else None
    body = prism(profile, length) - profile_hollow(profile, length)
    return joined(body, studs_on(points, height_mm), supports) - stud_holes(points, height_mm)


def convex_corner() -> Manifold:
    """Return a 2 x 2 slope that falls towards -y and +x, with one stud at the high corner."""
    profile, length, at = _profile(2), outer_mm(2), [(-PITCH_MM / 2, PITCH_MM / 2)]

    def both(solid: Manifold) -> Manifold:
        return solid ^ solid.rotate((0, 0, 90))

    body = both(prism(profile, length)) - both(profile_hollow(profile, length))
    support = tube(BRICK_HEIGHT_MM) ^ both(under_roof(profile, length))
    return joined(body, studs_on(at, BRICK_HEIGHT_MM), support) - stud_holes(at, BRICK_HEIGHT_MM)


def cheese(columns: int) -> Manifold:
    """Return a slope one stud deep that runs up to a narrow edge at the back."""
    half, length = outer_mm(1) / 2, outer_mm(columns)
    profile = [(-half, 0.0), (half, 0.0), (half, CHEESE_HEIGHT_MM), (half - 0.3, CHEESE_HEIGHT_MM), (-half, LIP_MM)]
    pin = underside(columns, 1, LIP_MM + ROOF_MM)
    body = prism(profile, length) ^ _rounding(length, CHEESE_HEIGHT_MM, half)
    return joined(_footed(body) - profile_hollow(profile, length), pin)


def grille_slope() -> Manifold:
    """Return a slope 1 wide and 2 deep, two thirds of a brick high, with four slots above a stepped hollow."""
    half, length, low, rise = outer_mm(2) / 2, outer_mm(1), 1.5, 0.3  # rise in mm per mm
    body = prism([(-half, 0.0), (half, 0.0), (half, low + rise * 2 * half), (-half, low)], length)
    panel = [(y, low + rise * (y + half) + lift) for y, lift in ((-7.0, -0.5), (6.9, -0.5), (6.8, 0.2), (-7.0, 0.2))]
    wide, step_y, step_z = length - 2 * WALL_MM, 3.2, 0.96
    cut = CrossSection.square((2 * (half - WALL_MM), 1.6 + 1)).translate((WALL_MM - half, -1))
    for k in range(4):
        # The slot's front is upright; its back leans, so that light falls through two thirds of it only.
        y0, ceiling = -5.6 + step_y * k, 1.6 + step_z * k
        top = ceiling + 2.5
        cut += CrossSection([[(y0, 0.0), (y0 + 1.6, 0.0), (y0 + 1.6, ceiling), (y0 + 3.0, top), (y0, top)]])
        cut += CrossSection.square((half - WALL_MM - y0, ceiling + 1)).translate((y0, -1))
    solid = joined(_footed(body), prism(panel, length - 1.8, bevel_mm=0))
    return solid - prism(cut.to_polygons()[0], wide, bevel_mm=0)


def plate_slope() -> Manifold:
    """Return a plate 1 wide and 2 deep with a stud behind and a steep wedge, upright at its back, in front."""
    half, length, high = outer_mm(2) / 2, outer_mm(1), BRICK_HEIGHT_MM
    profile = [
        (-half, 0.0), (half, 0.0), (half, PLATE_HEIGHT_MM), (0.0, PLATE_HEIGHT_MM), (0.0, high), (-0.2, high),
        (-half, LIP_MM),
    ]  # fmt: skip
    body = prism(profile, length) ^ _rounding(length, high, half)
    inner, roof = half - WALL_MM, PLATE_HEIGHT_MM - ROOF_MM
    room = [(-inner, -1.0), (inner, -1.0), (inner, roof), (-1.6, roof), (-1.6, 6.4), (-inner, 1.6)]
    pin = cylinder(PIN_RADIUS_MM, 0, PLATE_HEIGHT_MM - ROOF_MM / 2)
    return joined(body - prism(room, length - 2 * WALL_MM, bevel_mm=0), pin, stud(PLATE_HEIGHT_MM, (0.0, PITCH_MM / 2)))


def _profile(rows: int, height_mm: float = BRICK_HEIGHT_MM) -> list[Point]:
    half, high = outer_mm(rows) / 2, height_mm
    return [(-half, 0.0), (half, 0.0), (half, high), (half - PITCH_MM + GAP_MM, high), (-half, LIP_MM)]


def _footed(body: Manifold) -> Manifold:
    """Return `body`, which stands on z = 0, with the groove around its foot."""
    x0, y0, _, x1, y1, _ = body.bounding_box()
    foot = box(x1 - x0 - 2 * FOOT_MM, y1 - y0 - 2 * FOOT_MM, FOOT_MM, bevel_mm=0)
    return body - (box(2 * x1 + 2, 2 * y1 + 2, 2 * FOOT_MM, bevel_mm=0).translate((0, 0, -FOOT_MM)) - foot)


def _rounding(length_mm: float, height_mm: float, half_width_mm: float) -> Manifold:
    """Return what a part that ends in a sharp upper edge is cut with, to round the ends of that edge."""
    shape = extrusion(rounded_outline(length_mm, height_mm, EDGE_RADIUS_MM), 2 * half_width_mm, bevel_mm=0)
    return facing_front(shape).translate((0, half_width_mm, 0))


def _part(part_id: str, name: str, columns: int, rows: int, *aliases: str) -> Part:
    return Part(part_id, name, "Slope", partial(slope, columns, rows), aliases)


INVERTED_SHELL_MM = 1.6
"""Upright thickness of the sloping wall."""

RIM_MM = 0.8
"""Thickness of the walls at the sides of the open top."""


def inverted_slope(columns: int, rows: int) -> Manifold:
    """Return an inverted slope `columns` wide (x) and `rows` deep (y) that stands on its last row."""
    half, length, top = outer_mm(rows) / 2, outer_mm(columns), BRICK_HEIGHT_MM
    foot_y = half - outer_mm(1)  # where the overhang begins
    profile = [(foot_y, 0.0), (half, 0.0), (half, top), (-half, top), (-half, top - LIP_MM)]
    rise = (top - LIP_MM) / (foot_y + half)  # of the slope, mm per mm towards -y

    def floor_mm(y_mm: float) -> float:
        return (foot_y - y_mm) * rise + INVERTED_SHELL_MM

    front = -half + INVERTED_SHELL_MM
    recess = prism(
        [(front, floor_mm(front)), (foot_y, floor_mm(foot_y)), (foot_y, top + 1), (front, top + 1)],
        length - 2 * RIM_MM,
        bevel_mm=0,
    )
    foot_at = (0.0, half - outer_mm(1) / 2)
    cell = hollow_box(columns, 1, top).translate((*foot_at, 0))
    below = underside(columns, 1, top)
    open_at = [at for at in grid(columns, rows) if at[1] < foot_y]
    solid_at = [at for at in grid(columns, rows) if at[1] > foot_y]
    body = prism(profile, length) - recess - cell
    pins = below.translate((*foot_at, 0)) if below is not None else None
    room = [(foot_y, 0.4), (half, 0.4), (half, 2 * top), (-half, 2 * top), (-half, top - LIP_MM + 0.4)]
    tubes = union(open_stud(top, at, root_mm=top) for at in open_at) ^ prism(room, length, bevel_mm=0)
    bores = union(
        cylinder(OPEN_STUD_INNER_RADIUS_MM, min(floor_mm(y), top) + 0.4, top + STUD_HEIGHT_MM + 1, (x, y))
        for x, y in open_at
    )
    return joined(body, pins, tubes, studs_on(solid_at, top)) - bores - stud_holes(solid_at, top)


def _inverted(part_id: str, name: str, columns: int, rows: int) -> Part:
    return Part(
        part_id, name, "Slope, inverted", partial(inverted_slope, columns, rows), (f"{part_id}a", f"{part_id}b")
    )


PARTS = (
    _part("3040b", "Slope 45 2 x 1", 1, 2, "3040", "3040a"),
    _part("3039", "Slope 45 2 x 2", 2, 2),
    _part("3038", "Slope 45 2 x 3", 3, 2),
    _part("3037", "Slope 45 2 x 4", 4, 2),
    Part("3045", "Slope 45 2 x 2 double convex", "Slope", convex_corner),
    _part("4286", "Slope 33 3 x 1", 1, 3),
    _part("3298", "Slope 33 3 x 2", 2, 3),
    _part("60477", "Slope 18 4 x 1", 1, 4),
    Part("60481", "Slope 65 2 x 1 x 2", "Slope", steep_slope, ("60481a", "60481b")),
    Part("54200", "Slope 30 1 x 1 x 2/3", "Slope", partial(cheese, 1), ("50746",)),
    Part("85984", "Slope 30 1 x 2 x 2/3", "Slope", partial(cheese, 2)),
    Part("61409", "Slope 18 2 x 1 x 2/3 grille", "Slope", grille_slope),
    Part("92946", "Slope 45 2 x 1 with 2/3 cutout", "Slope", plate_slope),
    _inverted("3665", "Slope, inverted 45 2 x 1", 1, 2),
    _inverted("3660", "Slope, inverted 45 2 x 2", 2, 2),
    _inverted("3747", "Slope, inverted 33 3 x 2", 2, 3),
)
