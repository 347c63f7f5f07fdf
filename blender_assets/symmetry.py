"""Rotations that leave a part as it is, as pose estimation needs to know them."""

from dataclasses import dataclass
from functools import cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from blender_assets.mesh import PartMesh, face_normals
from core.seeding import Purpose, generator

TOLERANCE_MM = 0.3
"""A rotated surface that lies nowhere farther from the part's own is the same: a stud is 1.7 mm high, lettering 0.1."""
POINTS_A_MM2 = 60.0
MOST_POINTS = 400_000
EMPTY = 17.0
"""A point finds a neighbour within the tolerance unless a disc is empty, by chance once in exp(17)."""
TRIED_POINTS = 1_500
MOST_TURNS = 60
ODD_ANGLES_DEG = (7.3, 19.1, 31.7, 53.9)
"""A part that looks the same after each of these turns looks so after any."""


@dataclass(frozen=True)
class Symmetries:
    """Rotations about the centre of the part's box that leave it as it is, in the part's axes."""

    rotations: NDArray[np.float64]
    """(S, 3, 3), without the identity, and without those about an axis in `axes`."""
    axes: tuple[int, ...]
    """Axes, 0 to 2, about which any turn leaves it as it is."""


def find_symmetries(mesh: PartMesh) -> Symmetries:
    """Return the symmetries of a part among turns about its own axes and the rotations of a cube.

    Two surfaces are the same where no point of one is farther than `TOLERANCE_MM` from the other, as sampled: on parts
    of more than some 70 cm2 a little more.
    """
    low, high = mesh.bounds_mm
    points, density = _surface_points(mesh)
    points -= (low.astype(np.float64) + high) / 2
    tolerance = max(TOLERANCE_MM, float(np.sqrt(EMPTY / np.pi / density)))
    tree, tried = KDTree(points), points[:TRIED_POINTS]

    def is_same(rotation: NDArray[np.float64]) -> bool:
        return all(
            np.isfinite(tree.query(some @ rotation.T, distance_upper_bound=tolerance)[0]).all()
            for some in (tried[:50], tried[50:])  # most are refuted by a few points
        )

    axes = tuple(axis for axis in range(3) if all(is_same(_about(axis, angle)) for angle in ODD_ANGLES_DEG))
    if len(axes) > 1:  # a ball
        return Symmetries(np.empty((0, 3, 3)), axes)
    others = (axis for axis in range(3) if axis not in axes)
    turns = [
        _about(axis, 360 / count)
        for axis in others
        for count in range(2, MOST_TURNS + 1)
        if not is_same(_about(axis, 180 / count))  # else small turns are all alike, or more turns than these
    ]
    found = _closed([one for one in (*turns, *_cube_rotations()) if is_same(one)])
    rotations = [one for one in found if not any(_is_about(one, axis) for axis in axes)]
    return Symmetries(np.array(_one_for_each(rotations, axes)).reshape(-1, 3, 3), axes)


def diameter_mm(mesh: PartMesh) -> float:
    """Return the largest distance between two vertices, in millimetres."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    vertices = mesh.vertices_mm.astype(np.float64)
    return float(pdist(vertices[ConvexHull(vertices).vertices]).max())


def _surface_points(mesh: PartMesh) -> tuple[NDArray[np.float64], float]:
    """Return points that lie evenly on the surface, in an order by lot, (N, 3), and how many there are a mm2."""
    rng = generator(0, Purpose.PROPS)
    triangles = mesh.vertices_mm[mesh.faces].astype(np.float64)
    area = face_normals(triangles)[1] / 2
    count = int(np.clip(area.sum() * POINTS_A_MM2, TRIED_POINTS, MOST_POINTS))
    chosen = triangles[np.searchsorted(np.cumsum(area) / area.sum(), (np.arange(count) + 0.5) / count)]
    u, v = rng.random((2, count, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    points = chosen[:, 0] + u * (chosen[:, 1] - chosen[:, 0]) + v * (chosen[:, 2] - chosen[:, 0])
    return np.asarray(points[rng.permutation(count)]), count / float(area.sum())


def _closed(rotations: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return what `rotations` give by being done one after the other, without the identity."""

    def key(one: NDArray[np.float64]) -> bytes:
        return bytes((np.rint(one * 1000) + 0.0).tobytes())  # + 0.0: no negative zeros

    group = {key(one): one for one in rotations}
    fresh = list(group.values())
    while fresh:
        products = {key(one @ other): one @ other for one in fresh for other in rotations}
        fresh = [one for name, one in products.items() if name not in group]
        group |= {key(one): one for one in fresh}
    group.pop(key(np.eye(3)), None)
    return list(group.values())


def _about(axis: int, angle_deg: float) -> NDArray[np.float64]:
    return np.asarray(Rotation.from_rotvec(np.eye(3)[axis] * angle_deg, degrees=True).as_matrix())


def _is_about(rotation: NDArray[np.float64], axis: int) -> bool:
    return bool(rotation[axis, axis] > 1 - 1e-9)


def _one_for_each(rotations: list[NDArray[np.float64]], axes: tuple[int, ...]) -> list[NDArray[np.float64]]:
    """Return one rotation for each way in which the `axes` come to lie, as turns about them are free; else all."""
    if not axes:
        return rotations
    kept: dict[tuple[int, ...], NDArray[np.float64]] = {}
    for one in rotations:
        kept.setdefault(tuple(np.rint(one[:, list(axes)]).astype(int).ravel().tolist()), one)
    return list(kept.values())


@cache
def _cube_rotations() -> tuple[NDArray[np.float64], ...]:
    """Return the 23 rotations of a cube that are not the identity."""
    found = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        matrix = np.zeros((3, 3))
        matrix[range(3), order] = signs
        if np.linalg.det(matrix) > 0 and not np.array_equal(matrix, np.eye(3)):
            found.append(matrix)
    return tuple(found)
