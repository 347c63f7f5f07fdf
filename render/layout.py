"""Where things start to fall: scattered over the floor, heaped up, or into a tray."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Point = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

CANDIDATES = 12
"""Places that are tried for each thing of a scatter; the first that is free is taken, else the freest."""


LONG = 1.8
"""A thing whose radius is more than so many times the median one counts for no more in the area of a scatter."""


@dataclass(frozen=True)
class Area:
    """The rectangle around the origin over which things fall, in millimetres."""

    half_length_mm: float
    half_width_mm: float
    apart: bool
    """Whether things look for a free place."""

    drop_mm: float = 2.0
    """Least gap below the lowest things at the start."""

    fenced: bool = False
    """Whether walls around the area hold the things together until they lie; then the walls go and the heap slumps."""


def _scattered(radii_mm: Sequence[float], spread: float, rng: np.random.Generator) -> Area:
    # Real scatters leave most of the floor free: 2 to 7 times the area of the bounding circles. One long beam among
    # small bricks does not drive those apart.
    most = LONG * float(np.median(radii_mm))
    return _rectangle(
        np.minimum(radii_mm, most), spread * rng.uniform(1.45, 2.6), rng.uniform(1.0, 1.5), apart=True, drop_mm=40.0
    )


def _heaped(radii_mm: Sequence[float], spread: float, rng: np.random.Generator) -> Area:
    # Bricks that fall on one another roll away, so a heap needs a fence. A part covers about half its bounding circle:
    # these areas hold one and a half to three layers.
    area = _rectangle(radii_mm, spread * rng.uniform(0.55, 0.85), rng.uniform(1.0, 1.3), apart=False)
    least = max(radii_mm) * 1.2
    return replace(
        area,
        half_length_mm=max(area.half_length_mm, least),
        half_width_mm=max(area.half_width_mm, least),
        fenced=len(radii_mm) > 1,
    )


def _rectangle(radii_mm: ArrayLike, spread: float, aspect: float, *, apart: bool, drop_mm: float = 2.0) -> Area:
    side = spread * float(np.sqrt(np.pi * np.sum(np.square(radii_mm)))) / 2
    return Area(side * aspect**0.5, side / aspect**0.5, apart, drop_mm)


ARRANGEMENTS: dict[str, Callable[[Sequence[float], float, np.random.Generator], Area]] = {
    "scattered": _scattered,
    "heaped": _heaped,
}
"""Each returns the area for things of the given bounding radii; a tray's area is the tray's own."""


def start_poses(
    radii_mm: Sequence[float], sizes_mm: Sequence[NDArray[np.floating[Any]]], area: Area, rng: np.random.Generator
) -> tuple[list[Point], list[Quaternion]]:
    """Return start positions whose bounding spheres neither touch each other nor the floor, and orientations.

    Each thing starts as low as the ones before it allow, so that a loose scatter falls from just above the floor and
    a heap from higher up. Positions (x, y, z) are those of the centres of mass in millimetres; orientations are unit
    quaternions (w, x, y, z): of two uniform ones that in which the box of `sizes_mm` is lower. Thrown plates come to
    rest on an edge far more seldom than those let go in any orientation, one in five of which stay there.
    """
    radii = np.asarray(radii_mm, dtype=float)
    placed = np.zeros((len(radii), 3))
    for k, radius in enumerate(radii):
        before, reach = placed[:k], radius + radii[:k] + 1.0
        x, y = _place(float(radius), before[:, :2], reach, area, rng)
        flat = np.hypot(before[:, 0] - x, before[:, 1] - y)
        below = flat < reach
        lift = np.sqrt(np.maximum(reach**2 - flat**2, 0.0))
        z = radius + area.drop_mm
        for other in np.flatnonzero(below)[np.argsort(before[below, 2], kind="stable")]:
            if abs(z - before[other, 2]) < lift[other]:
                z = before[other, 2] + lift[other]
        placed[k] = x, y, z
    pairs = rng.normal(size=(2, len(radii), 4))
    pairs /= np.linalg.norm(pairs, axis=2, keepdims=True)
    w, x, y, z = np.moveaxis(pairs, 2, 0)
    up = np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x**2 + y**2)], axis=2)  # last row of the rotation
    heights = (np.abs(up) * np.asarray(sizes_mm)).sum(axis=2)  # (2, N)
    quaternions = np.where((heights[0] <= heights[1])[:, None], pairs[0], pairs[1])
    return [(float(x), float(y), float(z)) for x, y, z in placed], [
        (float(w), float(x), float(y), float(z)) for w, x, y, z in quaternions
    ]


def _place(
    radius: float,
    before: NDArray[np.float64],
    reach: NDArray[np.float64],
    area: Area,
    rng: np.random.Generator,
) -> tuple[float, float]:
    inside = (area.half_length_mm, area.half_width_mm)
    if area.fenced:
        inside = (max(inside[0] - radius, 0.0), max(inside[1] - radius, 0.0))
    tries = rng.uniform(-1, 1, size=(CANDIDATES, 2)) * inside
    if not area.apart or not len(before):
        return float(tries[0, 0]), float(tries[0, 1])
    gaps = (np.linalg.norm(tries[:, None] - before[None], axis=2) - reach).min(axis=1)
    free = np.flatnonzero(gaps > 0)
    best = int(free[0]) if len(free) else int(gaps.argmax())
    return float(tries[best, 0]), float(tries[best, 1])
