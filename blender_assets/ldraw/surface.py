"""From loose triangles to one surface: corners welded, rubbish dropped, faces turned the right way round, normals.

Shading normals follow the marked edges.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.spatial import cKDTree

from blender_assets.mesh import SMOOTH_ANGLE_DEG, face_normals
from blender_assets.rays import RayCaster, sphere_directions

WELD_MM = 0.004
"""Corners nearer than this are one: a hundredth of an LDraw unit, the usual rounding of the files."""

CONDITIONAL_ANGLE_DEG = 89.0
"""A conditional line makes an edge smooth up to here; at right angles it is a slip of the author's."""

FLAT_ANGLE_DEG = 1.0
"""Faces that meet at less are one plane: no line makes an edge of that."""

_SAME_DIRECTION = 0.02
"""Unit vectors count as one if they round to the same multiple of this."""

_LEAST_HEIGHT_MM = 1e-3
"""Triangles that are lower are needles without a direction."""


def weld(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the distinct points (V, 3) and for each of `points` (N, 3) the index of its own, (N,)."""
    coarse, index = np.unique(np.round(points, 5), axis=0, return_inverse=True)
    pairs = cKDTree(coarse).query_pairs(WELD_MM, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(coarse), len(coarse)))
    count, label = connected_components(graph, directed=False)
    mean = np.zeros((count, 3))
    np.add.at(mean, label, coarse)
    mean /= np.bincount(label, minlength=count)[:, None]
    return mean, label[index.ravel()]


def sound_faces(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices of the faces to keep: no needles, nothing twice (same corners, same winding)."""
    corners = vertices[faces]
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    _, doubled_area = face_normals(corners)
    kept = np.flatnonzero(doubled_area > _LEAST_HEIGHT_MM * np.maximum(sides.max(axis=1), 1e-9))
    first = np.argmin(faces[kept], axis=1)
    turned = np.take_along_axis(faces[kept], (first[:, None] + np.arange(3)) % 3, axis=1)
    return np.asarray(kept[np.sort(np.unique(turned, axis=0, return_index=True)[1])])


def corner_normals(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int64],
    sharp_edges: NDArray[np.int64],
    smooth_edges: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return a unit normal for each corner of each face, (F, 3, 3).

    At a vertex, faces are shaded as one surface if they meet in an edge that is smooth: not drawn as a
    line, and either marked by a conditional line or bent by less than `SMOOTH_ANGLE_DEG`. Their normals
    are averaged by the angle that each has there. Edges that meet in a T count as one if they leave the
    vertex in the same direction.

    Args:
        vertices: (V, 3), in millimetres.
        faces: (F, 3).
        sharp_edges: pairs of vertices that a line of type 2 joins, (E, 2).
        smooth_edges: pairs of vertices that a line of type 5 joins, (C, 2).
    """
    corners = vertices[faces]
    normals, _ = face_normals(corners)
    count = len(vertices)
    sharp, smooth = (np.unique(_keys(edges, count)) for edges in (sharp_edges, smooth_edges))

    # Each corner has two edges: to the next corner and to the one before.
    at = np.tile(faces.ravel(), 2)
    to = np.concatenate([np.roll(faces, -1, axis=1).ravel(), np.roll(faces, 1, axis=1).ravel()])
    corner = np.tile(np.arange(faces.size), 2)
    key = _keys(np.stack([at, to], axis=1), count)

    # Two faces at one vertex are neighbours if they share an edge there, or if the edges in which each
    # of them stands alone leave in the same direction.
    left, right = _pairs(np.stack([at, to], axis=1))
    _, edge, uses = np.unique(key, return_inverse=True, return_counts=True)
    alone = np.flatnonzero(uses[edge.ravel()] == 2)  # both ends of one face's edge, and no other's
    direction = vertices[to[alone]] - vertices[at[alone]]
    direction = np.round(direction / np.linalg.norm(direction, axis=1, keepdims=True) / _SAME_DIRECTION)
    more_left, more_right = _pairs(np.column_stack([at[alone], direction]).astype(np.int64))
    left, right = np.r_[left, alone[more_left]], np.r_[right, alone[more_right]]

    drawn = np.isin(key[left], sharp) | np.isin(key[right], sharp)
    marked = np.isin(key[left], smooth) | np.isin(key[right], smooth)
    limit = np.where(marked, CONDITIONAL_ANGLE_DEG, SMOOTH_ANGLE_DEG)
    limit = np.cos(np.radians(np.where(drawn, FLAT_ANGLE_DEG, limit)))
    cosine = np.einsum("ij,ij->i", normals[corner[left] // 3], normals[corner[right] // 3])
    left, right = corner[left[cosine >= limit]], corner[right[cosine >= limit]]
    graph = coo_matrix((np.ones(len(left)), (left, right)), shape=(faces.size, faces.size))
    groups, label = connected_components(graph, directed=False)
    sums = np.zeros((groups, 3))
    np.add.at(sums, label, np.repeat(normals, 3, axis=0) * _angles(corners).reshape(-1, 1))
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    result = np.where(length > 1e-6, sums / np.maximum(length, 1e-12), 0.0)[label].reshape(-1, 3, 3)
    lost = (result == 0).all(axis=2, keepdims=True)
    return np.where(lost, normals[:, None], result).astype(np.float32)


def _pairs(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of equal `rows`, each with the next one like it."""
    order = np.lexsort(rows.T[::-1])
    same = (rows[order][1:] == rows[order][:-1]).all(axis=1)
    return order[:-1][same], order[1:][same]


def _keys(edges: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    low, high = edges.min(axis=1, initial=count), edges.max(axis=1, initial=0)
    return np.asarray(low * count + high, dtype=np.int64)


def _angles(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inner angle of each triangle at each of its corners, (F, 3), in radians."""
    forth, back = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
    length = np.linalg.norm(forth, axis=2) * np.linalg.norm(back, axis=2)
    return np.asarray(np.arccos(np.clip((forth * back).sum(axis=2) / np.maximum(length, 1e-12), -1, 1)))


_SAMPLED_FACES = 64
_DIRECTIONS = sphere_directions(48)


def outward_faces(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], certified: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return `faces` (F, 3), those that are not `certified` (F,) turned outwards as well as can be told.

    Faces of unknown winding that share an edge are made to agree. Each such sheet then follows the certified
    faces along its rim, or else looks to the side from which more rays escape to infinity.
    """
    if certified.all():
        return faces
    left, right, opposed = _shared_edges(faces)
    loose = ~certified[left] & ~certified[right]
    turned = _agreeing(len(faces), left[loose], right[loose], opposed[loose])
    links = coo_matrix((np.ones(loose.sum()), (left[loose], right[loose])), shape=(len(faces), len(faces)))
    sheet = connected_components(links, directed=False)[1]

    # +1: as it is after `turned`; -1: the other way round.
    rim = certified[left] != certified[right]
    unknown = np.where(certified[left], right, left)[rim]
    votes = np.bincount(sheet[unknown], np.where(opposed[rim] != turned[unknown], 1, -1), sheet.max() + 1)
    undecided = np.flatnonzero((votes == 0) & (np.bincount(sheet[~certified], minlength=len(votes)) > 0))
    caster = RayCaster(vertices, faces)
    for label in undecided:
        members = np.flatnonzero((sheet == label) & ~certified)
        votes[label] = _openness(vertices, faces[members], turned[members], caster)
    flip = ~certified & (turned != (votes[sheet] < 0))
    return np.where(flip[:, None], faces[:, ::-1], faces)


def _shared_edges(faces: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the pairs of faces that alone share an edge, and whether they run along it in opposite ways (agree)."""
    start, stop = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    key = np.minimum(start, stop) * (faces.max() + 1) + np.maximum(start, stop)
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(key[order]) > 0])
    pairs = first[np.diff(np.r_[first, len(order)]) == 2]
    one, two = order[pairs], order[pairs + 1]
    return one // 3, two // 3, start[one] != start[two]


def _agreeing(
    count: int, left: NDArray[np.int64], right: NDArray[np.int64], opposed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which of `count` faces to turn round so that neighbours agree, walking from face to face."""
    turned = np.zeros(count, dtype=np.bool_)
    graph = coo_matrix((np.ones(len(left)), (left, right)), shape=(count, count)).tocsr()
    agrees = {(a, b): same for a, b, same in zip(left.tolist(), right.tolist(), opposed.tolist(), strict=True)}
    seen = np.ones(count, dtype=np.bool_)
    seen[np.union1d(left, right)] = False
    for root in range(count):
        if seen[root]:
            continue
        order, before = breadth_first_order(graph, root, directed=False)
        seen[order] = True
        for face in order[1:].tolist():
            parent = int(before[face])
            same = agrees[(parent, face)] if (parent, face) in agrees else agrees[(face, parent)]
            turned[face] = turned[parent] == same
    return turned


def _openness(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], turned: NDArray[np.bool_], caster: RayCaster
) -> float:
    """Return how many more rays escape from the front than from the back; fronts are those after turning."""
    corners = vertices[faces]
    normals, area = face_normals(corners)
    largest = np.argsort(-area, kind="stable")[:_SAMPLED_FACES]
    normals = np.where(turned, -1, 1)[largest, None] * normals[largest]
    centres = corners[largest].mean(axis=1)
    facing = normals @ _DIRECTIONS.T  # (S, D)
    # Each ray starts on the side to which it goes.
    side = np.sign(facing)[..., None] * normals[:, None] * 2e-3
    origins = (centres[:, None] + side).reshape(-1, 3)
    free = ~caster.blocked(origins, np.tile(_DIRECTIONS, (len(largest), 1))).reshape(facing.shape)
    return float((np.sign(facing) * free * area[largest, None]).sum())
