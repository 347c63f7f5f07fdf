"""How bricks stick together: where a part has studs, where it takes studs from below, how one sits on another.

Both are read off the mesh by rays, so they are known of built-in parts and of a library's alike.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_assets.dimensions import PITCH_MM, STUD_RADIUS_MM
from blender_assets.mesh import PartMesh
from blender_assets.rays import RayCaster

STUD_HEIGHTS_MM = (1.5, 1.8)
"""Of built-in parts 1.7, of LDraw's 1.6."""

_ON_STUD_MM, _BESIDE_STUD_MM = 2.0, 2.8
"""Rays at these distances from a stud's axis meet its top (also of a hollow stud) and what it stands on."""

_IN_SOCKET_MM = (0.0, 1.2, 2.3)
_FREE_MM = 1.58
"""Depth that a stud needs: plates of LDraw's library have 1.6."""

_GRIP_MM = 2.75
"""A stud is held by walls, tubes or ribs nearer to its axis than this: they touch it at 2.4."""

_GRIPS = 3
_AROUND = 16
_FLAT_MM = 0.05
_FAR_MM = 1e6
"""Where a ray meets nothing."""


@dataclass(frozen=True)
class Clutch:
    """Where a part sticks to others, in the part frame, in millimetres."""

    studs_mm: NDArray[np.float64]  # (S, 2): those that stand on its highest plane
    top_mm: float
    """Height of that plane: a brick on top rests there."""

    sockets_mm: NDArray[np.float64]  # (K, 2): where it takes a stud from below


@dataclass(frozen=True)
class Seat:
    """One way in which a part sits on another."""

    offset_mm: NDArray[np.float64]  # (2,) from the axis of the lower part to that of the upper
    quarter_turns: int
    studs: int
    """How many studs hold it."""


def find_clutch(mesh: PartMesh) -> Clutch:
    """Return where a part sticks to others: no studs or no sockets if it cannot."""
    low, high = mesh.bounds_mm
    half = PITCH_MM / 2
    steps = [np.arange(np.ceil(low[k] / half), np.floor(high[k] / half) + 1) * half for k in range(2)]
    places = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 2)
    caster = RayCaster(mesh.vertices_mm, mesh.faces)
    studs, tops = _studs(caster, places, float(high[2]))
    sockets = _sockets(caster, places) if abs(float(low[2])) < _FLAT_MM else places[:0]
    top = float(tops.max(initial=0.0))
    highest = (tops > top - _FLAT_MM) & (float(high[2]) - top < STUD_HEIGHTS_MM[1])
    return Clutch(studs[highest], top, sockets)


def seats(lower: Clutch, upper: Clutch, upper_half_mm: NDArray[np.floating[Any]]) -> list[Seat]:
    """Return every way in which `upper` sits on the studs of `lower`: on the grid, in quarter turns.

    Each stud below the upper part goes into a socket, or the part could not be pressed on.

    Args:
        lower: of the part below.
        upper: of the part above.
        upper_half_mm: half sizes of its box in x and y, (2,).
    """
    found: list[Seat] = []
    if not len(lower.studs_mm) or not len(upper.sockets_mm):
        return found
    for turns in range(4):
        turn = quarter_turn(turns)[:2, :2]
        sockets = upper.sockets_mm @ turn.T
        half = np.abs(turn) @ np.asarray(upper_half_mm, dtype=np.float64)
        offsets = (lower.studs_mm[:, None] - sockets[None]).reshape(-1, 2)
        for offset in np.unique(np.round(offsets, 3), axis=0):
            studs = lower.studs_mm - offset  # (S, 2) in the frame of the turned upper part
            below = (np.abs(studs) < half + STUD_RADIUS_MM - _FLAT_MM).all(axis=1)
            gaps = np.linalg.norm(studs[below, None] - sockets[None], axis=2).min(axis=1)
            if len(gaps) and gaps.max() < _FLAT_MM:
                found.append(Seat(offset, turns, int(below.sum())))
    return found


def quarter_turn(turns: int) -> NDArray[np.float64]:
    """Return the exact rotation by `turns` times 90 degrees about the vertical, (3, 3)."""
    c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[turns % 4]
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=np.float64)


def _ring(radius_mm: float) -> NDArray[np.float64]:
    angles = 2 * np.pi * (np.arange(_AROUND) + 0.5) / _AROUND
    return np.asarray(radius_mm * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def _heights(
    caster: RayCaster, places: NDArray[np.float64], ring: NDArray[np.float64], start_mm: float, way: int
) -> NDArray[np.float64]:
    """Return the heights at which vertical rays around each place meet the part, (N, R)."""
    xy = (places[:, None] + ring[None]).reshape(-1, 2)
    origins = np.column_stack([xy, np.full(len(xy), start_mm)])
    distance = caster.first_hits(origins, np.tile([0.0, 0.0, float(way)], (len(xy), 1)))[1]
    return np.asarray(start_mm + way * np.minimum(distance, _FAR_MM)).reshape(len(places), len(ring))


def _studs(
    caster: RayCaster, places: NDArray[np.float64], highest_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where studs stand (S, 2) and the heights of what they stand on (S,)."""
    top = _heights(caster, places, _ring(_ON_STUD_MM), highest_mm + 1, -1)
    beside = _heights(caster, places, _ring(_BESIDE_STUD_MM), highest_mm + 1, -1)
    level = (np.ptp(top, axis=1) < _FLAT_MM) & (np.ptp(beside, axis=1) < _FLAT_MM)
    rise = top[:, 0] - beside[:, 0]
    stud = level & (rise > STUD_HEIGHTS_MM[0]) & (rise < STUD_HEIGHTS_MM[1])
    return places[stud], beside[stud, 0]


def _sockets(caster: RayCaster, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where a stud fits in from below and is held, (K, 2)."""
    inside = np.concatenate([_ring(radius) for radius in _IN_SOCKET_MM])
    free = (_heights(caster, places, inside, -1.0, 1) > _FREE_MM).all(axis=1)
    angles = 2 * np.pi * np.arange(_AROUND) / _AROUND
    sideways = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(_AROUND)])
    origins = np.column_stack([np.repeat(places, _AROUND, axis=0), np.full(len(places) * _AROUND, 0.9)])
    distance = caster.first_hits(origins, np.tile(sideways, (len(places), 1)))[1].reshape(len(places), _AROUND)
    held = (distance < _GRIP_MM).sum(axis=1) >= _GRIPS
    return np.asarray(places[free & held])
