"""Parts with a curved top: curved slopes, which fall towards -y, and bricks with a rounded end."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from manifold3d import Manifold

from blender_assets.dimensions import (
    BRICK_HEIGHT_MM,
    CURVE_SEGMENTS,
    GAP_MM,
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
    cylinder,
    grid,
    joined,
    open_stud,
    outer_mm,
    prism,
    profile_hollow,
    stud,
    stud_holes,
    studs_on,
    tube,
    under_roof,
    underside,
    union,
)

LIP_MM = 1.6
"""Height of the upright edge at the foot of a curve."""

SHELL_MM = 1.6
"""Upright thickness of a roof."""

LOW_HEIGHT_MM = 2 * PLATE_HEIGHT_MM
SWEEP = np.pi / 4
"""A curved slope follows an eighth of an ellipse, level at its upper end."""

Section = tuple[int, float]
"""Depth in studs, and height of the floor in mm, of one part of a curved slope."""


def curved_slope(columns: int, sections: Sequence[Section], height_mm: float, double: bool = False) -> Manifold:
    """Return a curved slope `columns` wide (x), of `sections` from the front backwards; a `double` one falls both ways.

    Each section has its own hollow, and tubes or pins if it has room for them.
    """
    rows, length = sum(depth for depth, _ in sections), outer_mm(columns)
    half, crest_y = outer_mm(rows) / 2, 0.0 if double else outer_mm(rows) / 2
    curve = _eighth(crest_y, half + crest_y, height_mm)
    profile = [(-half, 0.0), (half, 0.0), *((-y, z) for y, z in curve[:0:-1] if double), *curve]
    pockets, gaps, supports, y0 = [], [], [], -rows * PITCH_MM / 2
    for depth, floor in sections:
        y1, margin = y0 + depth * PITCH_MM, GAP_MM + WALL_MM
        pockets.append(_pocket(curve, crest_y, (y0 + margin, y1 - margin), floor, length))
        if floor:
            gap = box(2 * length, y1 - y0 + 2 * GAP_MM, floor + 1, bevel_mm=0)
            gaps.append(gap.translate((0, (y0 + y1) / 2, -1)))
        below = underside(columns, depth, height_mm) if columns > 1 or floor else None
        if below is not None:
            supports.append(below.translate((0, (y0 + y1) / 2, 0)) ^ under_roof(profile, length))
        y0 = y1
    return joined(prism(profile, length) - union(pockets), *supports) - union(gaps)


def curved_step() -> Manifold:
    """Return a column of 1 x 1 stud with a quarter round at its front, and a plate with a stud behind its top."""
    half, length, low, high = outer_mm(2) / 2, outer_mm(1), 2 * PLATE_HEIGHT_MM, BRICK_HEIGHT_MM + PLATE_HEIGHT_MM
    profile = [
        (-half, 0.0), (-GAP_MM, 0.0), (-GAP_MM, low), (half, low), (half, BRICK_HEIGHT_MM),
        (-GAP_MM, BRICK_HEIGHT_MM), *_quarter((-GAP_MM, high - PITCH_MM), half - GAP_MM, PITCH_MM),
    ]  # fmt: skip
    wide = length - 2 * WALL_MM
    arch = [(-1.6, -1.0), *_quarter((-1.6, 4.8), half - 3.2, 6.0), (WALL_MM - half, -1.0)]
    below = box(wide, half - WALL_MM, SHELL_MM + 1, bevel_mm=0).translate((0, (half - WALL_MM) / 2, low - 1))
    return joined(prism(profile, length) - prism(arch, wide, bevel_mm=0) - below, stud(BRICK_HEIGHT_MM, (0.0, 4.0)))


def rounded_end() -> Manifold:
    """Return a brick 2 wide and 3 deep whose front row is a quarter round, with four studs."""
    half, length, high = outer_mm(3) / 2, outer_mm(2), BRICK_HEIGHT_MM
    radius = high - LIP_MM
    profile = [(-half, 0.0), (half, 0.0), (half, high), *_quarter((radius - half, high - radius), radius)]
    points = [(x, y) for x, y in grid(2, 3) if y > -PITCH_MM / 2]
    tubes = union(tube(high, at) for at in grid(1, 2)) ^ under_roof(profile, length)
    body = prism(profile, length) - profile_hollow(profile, length)
    return joined(body, tubes, studs_on(points, high)) - stud_holes(points, high)


def rounded_top() -> Manifold:
    """Return a 2 x 2 brick whose top is a half round along x, with two hollow studs on its ridge."""
    half, length, high = outer_mm(2) / 2, outer_mm(2), BRICK_HEIGHT_MM
    arc = _quarter((0.0, LIP_MM), half, high - LIP_MM)
    profile = [(-half, 0.0), (half, 0.0), *((-y, z) for y, z in arc[:0:-1]), *arc]
    points = grid(2, 1)
    bores = union(cylinder(OPEN_STUD_INNER_RADIUS_MM, high - 0.3, high + STUD_HEIGHT_MM + 1, at) for at in points)
    support = tube(high) ^ under_roof(profile, length)
    studs = union(open_stud(high, at, root_mm=0.6) for at in points)  # the roof falls away below them
    return joined(prism(profile, length) - profile_hollow(profile, length), support, studs) - bores


def triple_curve() -> Manifold:
    """Return a 2 x 2 slope that falls in a curve to the front and aslant to the sides, with two studs on bosses."""
    high, radius, points = LOW_HEIGHT_MM, outer_mm(1) / 2, [(x, PITCH_MM / 2) for x, _ in grid(2, 1)]
    body = _ridge(outer_mm(2) / 2, 0.0)
    bosses = union(cylinder(radius, 2.0, high, at) for at in points)
    inner = _ridge(outer_mm(2) / 2 - WALL_MM, SHELL_MM)
    below = box(outer_mm(2) - 2 * WALL_MM, outer_mm(2) - 2 * WALL_MM, 2, bevel_mm=0).translate((0, 0, -1))
    return joined(joined(body, bosses) - inner - below, tube(high) ^ body, studs_on(points, high))


def _ridge(half_mm: float, sunk_mm: float) -> Manifold:
    """Return a convex body over a square: level ridge at the back, curve in front; all upper points `sunk_mm` lower."""
    ridge = ((half_mm, 4.0, 0.0), (0.0, 4.0, 0.0), (-2.3, 4.3, 0.3), (-4.6, 5.0, 1.3), (-6.6, 6.3, 2.8))
    sides = ((half_mm, 3.2), (0.0, 3.4), (-4.0, 4.0), (-half_mm, 4.8))
    upper = [(x, y, LOW_HEIGHT_MM - sunk_mm - fall) for y, x, fall in ridge]
    upper += [(half_mm, y, LOW_HEIGHT_MM - sunk_mm - fall) for y, fall in sides]
    lower = [(half_mm, y, 0.0) for y in (-half_mm, half_mm)]
    return Manifold.hull_points([(side * x, y, z) for side in (-1, 1) for x, y, z in upper + lower])


def _eighth(crest_y_mm: float, run_mm: float, height_mm: float) -> list[Point]:
    """Return the curve from the crest forwards and down to the lip, as (y, z)."""
    turns = np.linspace(0, SWEEP, CURVE_SEGMENTS // 3 + 1)
    ahead = run_mm * np.sin(turns) / np.sin(SWEEP)
    fall = (height_mm - LIP_MM) * (1 - np.cos(turns)) / (1 - np.cos(SWEEP))
    return [(crest_y_mm - float(dy), height_mm - float(dz)) for dy, dz in zip(ahead, fall, strict=True)]


def _quarter(centre: Point, radius_y_mm: float, radius_z_mm: float | None = None) -> list[Point]:
    """Return a quarter ellipse around `centre` from its top forwards and down to its front, as (y, z)."""
    turns = np.linspace(0, np.pi / 2, CURVE_SEGMENTS // 3 + 1)
    radius_z = radius_y_mm if radius_z_mm is None else radius_z_mm
    return [
        (centre[0] - radius_y_mm * float(np.sin(turn)), centre[1] + radius_z * float(np.cos(turn))) for turn in turns
    ]


def _pocket(curve: list[Point], crest_y_mm: float, span_mm: Point, floor_mm: float, length_mm: float) -> Manifold:
    ys, zs = np.array(curve[::-1]).T  # rising y, up to the crest
    across = np.linspace(*span_mm, 7)
    roof = np.interp(crest_y_mm - np.abs(across - crest_y_mm), ys, zs) - SHELL_MM
    outline = [(span_mm[0], floor_mm - 1), (span_mm[1], floor_mm - 1), *zip(across[::-1], roof[::-1], strict=True)]
    return prism(outline, length_mm - 2 * WALL_MM, bevel_mm=0)


def _slope(
    part_id: str, name: str, columns: int, sections: Sequence[Section], height_mm: float, double: bool = False
) -> Part:
    build = partial(curved_slope, columns, sections, height_mm, double)
    return Part(part_id, f"Slope, curved {name}", "Slope, curved", build)


_FOOT, _RAISED = (1, 0.0), (1, PLATE_HEIGHT_MM)

PARTS = (
    _slope("11477", "2 x 1 x 2/3", 1, (_FOOT, _RAISED), LOW_HEIGHT_MM),
    _slope("15068", "2 x 2 x 2/3", 2, (_FOOT, _RAISED), LOW_HEIGHT_MM),
    _slope("88930", "2 x 4 x 2/3", 4, ((2, 0.0),), LOW_HEIGHT_MM),
    _slope("50950", "3 x 1", 1, ((2, 0.0), _RAISED), BRICK_HEIGHT_MM),
    _slope("93273", "4 x 1 x 2/3 double", 1, (_FOOT, (2, PLATE_HEIGHT_MM), _FOOT), LOW_HEIGHT_MM, double=True),
    Part("47457", "Slope, curved 2 x 2 x 2/3 with two studs", "Slope, curved", triple_curve),
    Part("6091", "Brick 2 x 1 x 4/3 with curved top", "Brick, curved", curved_step),
    Part("6215", "Brick 2 x 3 with curved end", "Brick, curved", rounded_end),
    Part("30165", "Brick 2 x 2 with curved top and 2 studs", "Brick, curved", rounded_top),
)
