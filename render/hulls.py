"""Convex hulls of few corners, as collision shapes.

Bullet builds a hull anew for each body and searches its corners in each step. Circles alone give it dozens, and a brick
on a fine circle rolls long; with polygons instead, a pile lies still after half as many steps that cost two thirds.
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

TOLERANCE_MM = 0.13
"""How far the hull may be cut short in any direction: a third of a pixel of most pictures. Corners of boxes all stay."""

DIRECTIONS = 2048


@functools.lru_cache(maxsize=1)
def _directions() -> NDArray[np.float64]:
    """Return unit vectors spread evenly over the sphere (a Fibonacci lattice), with those of the axes: (D, 3)."""
    k = np.arange(DIRECTIONS) + 0.5
    z, turn = 1 - 2 * k / DIRECTIONS, np.pi * (1 + 5**0.5) * k
    ring = np.sqrt(1 - z * z)
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    return np.concatenate([axes, np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)])


def few_corners(points: NDArray[np.floating[Any]], tolerance_mm: float = TOLERANCE_MM) -> NDArray[np.float64]:
    """Return corners of the convex hull of `points` (N, 3) so chosen that few of them come close to it: (C, 3).

    Greedily the corner that sticks out farthest is taken, until none does by more than `tolerance_mm` in any of the
    directions that are looked at.
    """
    corners = np.asarray(points, dtype=np.float64)
    corners = corners[np.sort(ConvexHull(corners).vertices)]
    reach = _directions() @ corners.T
    whole = reach.max(axis=1)
    kept = np.full(len(whole), -np.inf)
    chosen: list[int] = []
    while not chosen or (whole - kept).max() > tolerance_mm:
        chosen.append(int(reach[(whole - kept).argmax()].argmax()))
        kept = np.maximum(kept, reach[:, chosen[-1]])
    return corners[sorted(chosen)]
