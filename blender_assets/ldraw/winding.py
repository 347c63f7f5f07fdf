"""Turning faces of unknown winding the right way round."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components

from blender_assets.rays import RayCaster, sphere_directions

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
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1)
    largest = np.argsort(-area, kind="stable")[:_SAMPLED_FACES]
    normals = np.where(turned, -1, 1)[largest, None] * cross[largest] / np.maximum(area[largest], 1e-12)[:, None]
    centres = corners[largest].mean(axis=1)
    facing = normals @ _DIRECTIONS.T  # (S, D)
    # Each ray starts on the side to which it goes.
    side = np.sign(facing)[..., None] * normals[:, None] * 2e-3
    origins = (centres[:, None] + side).reshape(-1, 3)
    free = ~caster.blocked(origins, np.tile(_DIRECTIONS, (len(largest), 1))).reshape(facing.shape)
    return float((np.sign(facing) * free * area[largest, None]).sum())
