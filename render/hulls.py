"""Convex hulls of few corners, as collision shapes.

Bullet builds a hull anew for each body and searches its corners in each step. Circles alone give it dozens, and a brick
on a fine circle rolls long. With polygons instead, 40 piles of eight lay still after half as many steps, each of which
took some two thirds of the time; with the circles three of the piles still rolled after five seconds.
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

TOLERANCE_MM = 0.16
"""How far the hull may be cut short, and so a brick sink into what it lies on: a third of a pixel of most pictures. The
lowest of those 320 bricks lay 0.14 mm deep. Corners of boxes all stay."""

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

    Greedily the corner that sticks out farthest is taken: first along directions all over the sphere, then above the
    faces of the hull so far, on which a brick would come to lie, until none sticks out by more than `tolerance_mm`.
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
    while True:
        faces = ConvexHull(corners[chosen]).equations  # (F, 4)
        above = (faces[:, :3] @ corners.T + faces[:, 3:]).max(axis=0)
        if above.max() <= tolerance_mm:
            return corners[sorted(chosen)]
        chosen.append(int(above.argmax()))
