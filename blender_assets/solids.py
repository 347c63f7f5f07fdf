"""The building blocks that part families share: bevelled bodies, hollows, studs, tubes. All in millimetres."""

import itertools
from collections.abc import Iterable, Sequence

from manifold3d import CrossSection, JoinType, Manifold, OpType

from blender_assets.dimensions import (
    BEVEL_MM,
    CURVE_SEGMENTS,
    GAP_MM,
    PIN_RADIUS_MM,
    PITCH_MM,
    ROOF_MM,
    STUD_HEIGHT_MM,
    STUD_HOLE_RADIUS_MM,
    STUD_RADIUS_MM,
    TUBE_INNER_RADIUS_MM,
    TUBE_OUTER_RADIUS_MM,
    WALL_MM,
)

Point = tuple[float, float]


def union(solids: Iterable[Manifold]) -> Manifold:
    """Return one solid that holds all of `solids`."""
    return Manifold.batch_boolean(list(solids), OpType.Add)


def outer_mm(studs: int) -> float:
    """Return the outer length of a body `studs` long: the pitch less the play on both sides."""
    return studs * PITCH_MM - 2 * GAP_MM


def prism(profile_yz: Sequence[Point], length_mm: float, bevel_mm: float = BEVEL_MM) -> Manifold:
    """Return a convex profile in the y-z plane drawn out along x, centred on x = 0, all edges chamfered."""
    shape = CrossSection([list(profile_yz)])
    if bevel_mm == 0:
        return _along_x(shape, length_mm)
    small = shape.offset(-bevel_mm, JoinType.Miter)
    # Growing back with square joins cuts the profile's corners; the hull with the full-length inset cuts the rest.
    rounded = small.offset(bevel_mm, JoinType.Square, circular_segments=8)
    return Manifold.batch_hull([_along_x(small, length_mm), _along_x(rounded, length_mm - 2 * bevel_mm)])


def box(length_mm: float, width_mm: float, height_mm: float, bevel_mm: float = BEVEL_MM) -> Manifold:
    """Return a box with its footprint centred on the origin, standing on z = 0, all edges chamfered."""
    half = width_mm / 2
    return prism([(-half, 0), (half, 0), (half, height_mm), (-half, height_mm)], length_mm, bevel_mm)


def cylinder(radius_mm: float, z0_mm: float, z1_mm: float, at: Point = (0.0, 0.0)) -> Manifold:
    """Return an upright cylinder from `z0_mm` to `z1_mm` around `at`."""
    solid = Manifold.cylinder(z1_mm - z0_mm, radius_mm, circular_segments=CURVE_SEGMENTS)
    return solid.translate((at[0], at[1], z0_mm))


def turned(profile_rz: Sequence[Point]) -> Manifold:
    """Return the solid that a profile (radius, z), given counter-clockwise, sweeps around the z axis."""
    return CrossSection([list(profile_rz)]).revolve(CURVE_SEGMENTS)


def stud(top_z_mm: float, at: Point = (0.0, 0.0)) -> Manifold:
    """Return a stud that stands on `top_z_mm`, its upper edge chamfered, its foot sunk in so that it joins."""
    radius, top = STUD_RADIUS_MM, top_z_mm + STUD_HEIGHT_MM
    edge = BEVEL_MM
    solid = turned(
        [(0, top_z_mm - 0.1), (radius, top_z_mm - 0.1), (radius, top - edge), (radius - edge, top), (0, top)]
    )
    return solid.translate((at[0], at[1], 0.0))


def grid(columns: int, rows: int) -> list[Point]:
    """Return the stud centres of a `columns` x `rows` part, in millimetres around its centre."""
    return [
        ((i - (columns - 1) / 2) * PITCH_MM, (j - (rows - 1) / 2) * PITCH_MM)
        for i, j in itertools.product(range(columns), range(rows))
    ]


def studs_on(points: Iterable[Point], top_z_mm: float) -> Manifold:
    """Return studs at `points`, standing on `top_z_mm`."""
    return union(stud(top_z_mm, at) for at in points)


def hollow_box(columns: int, rows: int, height_mm: float) -> Manifold:
    """Return the space below the roof of a box-shaped part, to be taken away from its body."""
    length, width = outer_mm(columns) - 2 * WALL_MM, outer_mm(rows) - 2 * WALL_MM
    return box(length, width, height_mm - ROOF_MM + 1, bevel_mm=0).translate((0, 0, -1))


def stud_holes(points: Iterable[Point], roof_z_mm: float) -> Manifold:
    """Return the blind holes that run up from below the roof into the studs at `points`."""
    depth = STUD_HEIGHT_MM - 0.6  # leaves 0.6 mm above the roof's own thickness
    return union(cylinder(STUD_HOLE_RADIUS_MM, roof_z_mm - ROOF_MM - 0.5, roof_z_mm + depth, at) for at in points)


def underside(columns: int, rows: int, height_mm: float) -> Manifold | None:
    """Return the tubes (parts two or more wide) or pins (one wide) below a part; None for a single stud."""
    top = height_mm - ROOF_MM / 2
    points = grid(columns - 1, rows - 1) if min(columns, rows) > 1 else grid(max(columns, rows) - 1, 1)
    if min(columns, rows) > 1:
        return union(
            cylinder(TUBE_OUTER_RADIUS_MM, 0, top, at) - cylinder(TUBE_INNER_RADIUS_MM, -1, height_mm - ROOF_MM, at)
            for at in points
        )
    return union(cylinder(PIN_RADIUS_MM, 0, top, at) for at in points) if points else None


def joined(body: Manifold, *others: Manifold | None) -> Manifold:
    """Return `body` together with those of `others` that exist."""
    return union([body, *(other for other in others if other is not None)])


def _along_x(shape: CrossSection, length_mm: float) -> Manifold:
    # Extrusion runs along z; turning (x, y, z) -> (z, x, y) lays the profile's axes on y and z.
    solid = Manifold.extrude(shape, length_mm)
    return solid.transform([[0, 0, 1, -length_mm / 2], [1, 0, 0, 0], [0, 1, 0, 0]])
