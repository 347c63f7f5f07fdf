"""The building blocks that part families share: bevelled bodies, hollows, studs, tubes. All in millimetres.

The order of a mesh's triangles, and with it the last bits of a picture, depend on the order in which a solid's pieces
are made and joined: a family that is written otherwise makes other pictures.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from manifold3d import CrossSection, JoinType, Manifold, Mesh, OpType, triangulate
from numpy.typing import ArrayLike, NDArray

from blender_assets.dimensions import (
    BEVEL_MM,
    CURVE_SEGMENTS,
    GAP_MM,
    HOLE_SEGMENTS,
    OPEN_STUD_INNER_RADIUS_MM,
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
from blender_assets.lettering import stud_letters

Point = tuple[float, float]

_RELIEF = ContextVar("stud_relief", default=False)

ROOT_MM = 0.1
"""How far a stud's foot is sunk into what carries it."""

MERGE_MM = 2e-3
"""Corners nearer than this become one when a solid is cleaned."""

SMOOTH_TURN_DEG = 40.0
"""A corner of an outline that turns by less belongs to a curve and is not chamfered."""


def union(solids: Iterable[Manifold]) -> Manifold:
    """Return one solid that holds all of `solids`."""
    return Manifold.batch_boolean(list(solids), OpType.Add)


def outer_mm(studs: int) -> float:
    """Return the outer length of a body `studs` long: the pitch less the play on both sides."""
    return studs * PITCH_MM - 2 * GAP_MM


def extrusion(outline: ArrayLike, height_mm: float, bevel_mm: float = BEVEL_MM) -> Manifold:
    """Return a simple polygon (x, y), given counter-clockwise, drawn up from z = 0, its edges chamfered.

    Both ends and the outward corners are cut; inward corners and the facets of curves stay as they are.
    """
    if bevel_mm == 0:
        return Manifold.extrude(CrossSection([np.asarray(outline, dtype=float)]), height_mm)
    full = _cut_corners(np.asarray(outline, dtype=float), bevel_mm)
    small = inset(full, bevel_mm)
    rings = ((small, 0.0), (full, bevel_mm), (full, height_mm - bevel_mm), (small, height_mm))
    vertices = np.concatenate([np.column_stack([ring, np.full(len(ring), z)]) for ring, z in rings])
    count, cap = len(full), triangulate([small])
    here = np.arange(count)
    after = np.roll(here, -1)
    side = np.concatenate(
        [np.column_stack([here, after, after + count]), np.column_stack([here, after + count, here + count])]
    )
    faces = np.concatenate([cap[:, ::-1], side, side + count, side + 2 * count, cap + 3 * count])
    return Manifold(Mesh(vertices.astype(np.float32), faces.astype(np.uint32)))


def inset(outline: ArrayLike, depth_mm: float) -> NDArray[np.float64]:
    """Return a counter-clockwise outline, (P, 2), moved inwards by `depth_mm` corner by corner (none may vanish)."""
    points = np.asarray(outline, dtype=float)
    along = np.roll(points, -1, axis=0) - points
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    inward = np.column_stack([-along[:, 1], along[:, 0]])
    both = inward + np.roll(inward, 1, axis=0)
    return np.asarray(points + depth_mm * 2 * both / (both**2).sum(axis=1, keepdims=True))


def prism(profile_yz: ArrayLike, length_mm: float, bevel_mm: float = BEVEL_MM) -> Manifold:
    """Return a profile in the y-z plane drawn out along x, centred on x = 0, its edges chamfered as by `extrusion`."""
    solid = extrusion(profile_yz, length_mm, bevel_mm)
    # Extrusion runs along z; turning (x, y, z) -> (z, x, y) lays the profile's axes on y and z.
    return solid.transform([[0, 0, 1, -length_mm / 2], [1, 0, 0, 0], [0, 1, 0, 0]])


def box(length_mm: float, width_mm: float, height_mm: float, bevel_mm: float = BEVEL_MM) -> Manifold:
    """Return a box with its footprint centred on the origin, standing on z = 0, all edges chamfered."""
    half = width_mm / 2
    return prism([(-half, 0), (half, 0), (half, height_mm), (-half, height_mm)], length_mm, bevel_mm)


def rounded_outline(length_mm: float, height_mm: float, radius_mm: float) -> list[Point]:
    """Return an upright rectangle (x, z), centred on x = 0, with round upper corners."""
    corner = rounded_corner(length_mm / 2, height_mm, radius_mm)
    return [(-length_mm / 2, 0.0), (length_mm / 2, 0.0), *corner, *((-x, z) for x, z in reversed(corner))]


def rounded_corner(x_mm: float, z_mm: float, radius_mm: float) -> list[Point]:
    """Return the quarter circle that rounds an upper right corner at (x, z), counter-clockwise."""
    turns = np.linspace(0, np.pi / 2, CURVE_SEGMENTS // 4)
    x, z = x_mm - radius_mm, z_mm - radius_mm
    return [(x + radius_mm * float(np.cos(turn)), z + radius_mm * float(np.sin(turn))) for turn in turns]


def cylinder(
    radius_mm: float, z0_mm: float, z1_mm: float, at: Point = (0.0, 0.0), segments: int = CURVE_SEGMENTS
) -> Manifold:
    """Return an upright cylinder of so many corners from `z0_mm` to `z1_mm` around `at`."""
    solid = Manifold.cylinder(z1_mm - z0_mm, radius_mm, circular_segments=segments)
    return solid.translate((at[0], at[1], z0_mm))


def turned(profile_rz: Sequence[Point], segments: int = CURVE_SEGMENTS) -> Manifold:
    """Return the solid that a profile (radius, z), given counter-clockwise, sweeps around the z axis."""
    return CrossSection([list(profile_rz)]).revolve(segments)


@contextmanager
def stud_relief() -> Iterator[None]:
    """Let studs that are made within the ``with`` block carry the raised lettering of real ones."""
    token = _RELIEF.set(True)
    try:
        yield
    finally:
        _RELIEF.reset(token)


def stud(top_z_mm: float, at: Point = (0.0, 0.0)) -> Manifold:
    """Return a stud on the level `top_z_mm`, its upper edge chamfered, its foot sunk so that it joins."""
    solid = _bare_stud(top_z_mm, ROOT_MM)
    if _RELIEF.get():
        solid += stud_letters().translate((0, 0, top_z_mm + STUD_HEIGHT_MM))
    return solid.translate((at[0], at[1], 0.0))


def open_stud(top_z_mm: float, at: Point = (0.0, 0.0), root_mm: float = ROOT_MM) -> Manifold:
    """Return a stud with a round hole down to the level it stands on, as on jumpers and on the sides of bricks."""
    hole = cylinder(OPEN_STUD_INNER_RADIUS_MM, top_z_mm, top_z_mm + STUD_HEIGHT_MM + 1)
    return (_bare_stud(top_z_mm, root_mm) - hole).translate((at[0], at[1], 0.0))


def facing_front(solid: Manifold) -> Manifold:
    """Return `solid` turned about x so that its top looks towards -y and its +y side upwards."""
    return solid.rotate((90, 0, 0))


def along_x(solid: Manifold) -> Manifold:
    """Return `solid` turned about y, so that what ran up the z axis runs along x."""
    return solid.transform([[0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 0]])


def along_y(solid: Manifold) -> Manifold:
    """Return `solid` turned about x, so that what ran up the z axis runs along y."""
    return solid.transform([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]])


def clean(solid: Manifold) -> Manifold:
    """Return `solid` without the needles that cuts along nearly the same edge leave."""
    return solid.simplify(MERGE_MM)


def centred(solid: Manifold) -> Manifold:
    """Return `solid` moved so that its box stands on z = 0, centred on the z axis."""
    x0, y0, z0, x1, y1, _ = solid.bounding_box()
    return solid.translate((-(x0 + x1) / 2, -(y0 + y1) / 2, -z0))


def grounded(solid: Manifold) -> Manifold:
    """Return `solid`, cleaned and centred."""
    return centred(clean(solid))


def grid(columns: int, rows: int) -> list[Point]:
    """Return the stud centres of a `columns` x `rows` part, in millimetres around its centre."""
    return [
        ((i - (columns - 1) / 2) * PITCH_MM, (j - (rows - 1) / 2) * PITCH_MM)
        for i, j in itertools.product(range(columns), range(rows))
    ]


def studs_on(points: Iterable[Point], top_z_mm: float) -> Manifold:
    """Return studs at `points`, standing on `top_z_mm`."""
    return union(stud(top_z_mm, at) for at in points)


def open_studs_on(points: Iterable[Point], top_z_mm: float) -> Manifold:
    """Return open studs at `points`, standing on `top_z_mm`."""
    return union(open_stud(top_z_mm, at) for at in points)


def hollowed_box(columns: int, rows: int, height_mm: float) -> Manifold:
    """Return the body of a box-shaped part: open below, with a roof."""
    return box(outer_mm(columns), outer_mm(rows), height_mm) - hollow_box(columns, rows, height_mm)


def hollow_box(columns: int, rows: int, height_mm: float) -> Manifold:
    """Return the space below the roof of a box-shaped part, to be taken away from its body."""
    length, width = outer_mm(columns) - 2 * WALL_MM, outer_mm(rows) - 2 * WALL_MM
    return box(length, width, height_mm - ROOF_MM + 1, bevel_mm=0).translate((0, 0, -1))


def profile_hollow(profile_yz: Sequence[Point], length_mm: float) -> Manifold:
    """Return the space below the roof of a `prism` whose walls and roof follow its convex profile."""
    inner = CrossSection([list(profile_yz)]).offset(-WALL_MM, JoinType.Miter)
    low_y, low_z, high_y, _ = inner.bounds()
    opening = CrossSection.square((high_y - low_y, low_z + 1.5)).translate((low_y, -1.0))
    return prism((inner + opening).to_polygons()[0], length_mm - 2 * WALL_MM, bevel_mm=0)


def under_roof(profile_yz: Sequence[Point], length_mm: float) -> Manifold:
    """Return the space in which tubes and pins may stand below a `prism`: up to the middle of its roof."""
    return prism(profile_yz, length_mm, bevel_mm=0).translate((0, 0, -ROOF_MM / 2))


def stud_holes(points: Iterable[Point], roof_z_mm: float) -> Manifold:
    """Return the blind holes that run up from below the roof into the studs at `points`."""
    depth = STUD_HEIGHT_MM - 0.6  # leaves 0.6 mm above the roof's own thickness
    low, high = roof_z_mm - ROOF_MM - 0.5, roof_z_mm + depth
    return union(cylinder(STUD_HOLE_RADIUS_MM, low, high, at, HOLE_SEGMENTS) for at in points)


def tube(height_mm: float, at: Point = (0.0, 0.0)) -> Manifold:
    """Return the tube at `at` between four studs, from the floor into the roof of a part `height_mm` high."""
    bore = cylinder(TUBE_INNER_RADIUS_MM, -1, height_mm - ROOF_MM, at, HOLE_SEGMENTS)
    return cylinder(TUBE_OUTER_RADIUS_MM, 0, height_mm - ROOF_MM / 2, at) - bore


def underside(columns: int, rows: int, height_mm: float) -> Manifold | None:
    """Return the tubes (parts two or more wide) or pins (one wide) below a part; None for a single stud."""
    if min(columns, rows) > 1:
        return union(tube(height_mm, at) for at in grid(columns - 1, rows - 1))
    points = grid(max(columns - 1, 1), max(rows - 1, 1)) if max(columns, rows) > 1 else []
    top = height_mm - ROOF_MM / 2
    return union(cylinder(PIN_RADIUS_MM, 0, top, at) for at in points) if points else None


def clutch_ribs(height_mm: float) -> Manifold:
    """Return the four upright ribs on the inner walls that hold the studs below a 1 x 2 part without a pin."""
    wall = outer_mm(1) / 2 - WALL_MM
    rib = extrusion([(1.2, wall + 0.2), (2.0, 1.6), (2.8, wall + 0.2)], height_mm - ROOF_MM / 2, bevel_mm=0)
    return union([rib, rib.mirror((1, 0, 0)), rib.mirror((0, 1, 0)), rib.rotate((0, 0, 180))])


def joined(body: Manifold, *others: Manifold | None) -> Manifold:
    """Return `body` together with those of `others` that exist."""
    return union([body, *(other for other in others if other is not None)])


def _bare_stud(top_z_mm: float, root_mm: float) -> Manifold:
    radius, top, edge, foot = STUD_RADIUS_MM, top_z_mm + STUD_HEIGHT_MM, BEVEL_MM, top_z_mm - root_mm
    return turned([(0, foot), (radius, foot), (radius, top - edge), (radius - edge, top), (0, top)])


def _cut_corners(outline: NDArray[np.float64], cut_mm: float) -> NDArray[np.float64]:
    points: list[NDArray[np.float64]] = []
    for before, corner, after in zip(np.roll(outline, 1, axis=0), outline, np.roll(outline, -1, axis=0), strict=True):
        to_before, to_after = _unit(before - corner), _unit(after - corner)
        turn = np.arctan2(_cross(-to_before, to_after), -to_before @ to_after)
        if turn < np.radians(SMOOTH_TURN_DEG):
            points.append(corner)
            continue
        # A pointed corner loses more, so that the new edge outlives an inset of the same depth.
        reach = max(cut_mm, 1.2 * cut_mm * np.tan(turn / 4) / np.cos(turn / 2))
        points += [corner + reach * to_before, corner + reach * to_after]
    return np.array(points)


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector))


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(a[0] * b[1] - a[1] * b[0])
