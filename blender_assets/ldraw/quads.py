"""Quads as two triangles each, also concave ones and those whose corners cross."""

import numpy as np
from numpy.typing import NDArray

_ORDERS = np.array([[0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3]])
"""As given, then the two orders that undo a bow-tie."""


def split_quads(quads: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return two triangles for each quad, and which quads kept their order of corners.

    A diagonal is good if both triangles turn the same way: on a concave quad only the inner one does.
    Of two good ones the shorter is taken. Where neither is good the corners cross (a bow-tie): they
    are put in an order that does not, and the winding is lost.

    Args:
        quads: corners in order, (Q, 4, 3).

    Returns:
        triangles (2Q, 3, 3), those of one quad in succession; whole (Q,) False for bow-ties.
    """
    result = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1).reshape(-1, 2, 3, 3)
    settled = np.zeros(len(quads), dtype=np.bool_)
    whole = settled.copy()
    for attempt, order in enumerate(_ORDERS):
        corners = quads[:, order]
        across, along = _agreement(corners, (0, 1, 2), (0, 2, 3)), _agreement(corners, (0, 1, 3), (1, 2, 3))
        first = np.linalg.norm(corners[:, 0] - corners[:, 2], axis=1)
        second = np.linalg.norm(corners[:, 1] - corners[:, 3], axis=1)
        use_first = (across > 0) & ((along <= 0) | (first <= second + 1e-6))
        use_second = (along > 0) & ~use_first
        for chosen, one, two in ((use_first, (0, 1, 2), (0, 2, 3)), (use_second, (0, 1, 3), (1, 2, 3))):
            now = chosen & ~settled
            result[now] = np.stack([corners[now][:, one], corners[now][:, two]], axis=1)
        if attempt == 0:
            whole = use_first | use_second | (np.maximum(np.abs(across), np.abs(along)) == 0)
        settled |= use_first | use_second
    return result.reshape(-1, 3, 3), whole


def _agreement(
    corners: NDArray[np.float64], one: tuple[int, int, int], two: tuple[int, int, int]
) -> NDArray[np.float64]:
    """Return the dot product of the normals of two triangles of each quad, (Q,): positive if they turn alike."""
    normals = [np.cross(corners[:, b] - corners[:, a], corners[:, c] - corners[:, a]) for a, b, c in (one, two)]
    return np.asarray(np.einsum("ij,ij->i", normals[0], normals[1]))
