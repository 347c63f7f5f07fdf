"""Where a table ends and the eye meets something lower, as plain data, and how far rays go to such a floor."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from render.surfaces import Surface

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Edge:
    """A table's straight edge."""

    side_deg: float
    """Where it lies, seen from the pile: from x towards y."""

    beyond_mm: float
    """How far it lies beyond the outermost thing of the pile."""

    drop_mm: float
    """How far below the table the next floor is."""

    thickness_mm: float
    """Of the table's board."""

    below: Surface
    at_mm: float | None = None
    """Its distance from the origin; None until the pile lies still."""

    @property
    def outwards(self) -> Floats:
        """Unit vector towards it, (2,)."""
        return np.array([np.cos(np.radians(self.side_deg)), np.sin(np.radians(self.side_deg))])


def floor_distances_mm(edge: Edge | None, origin_mm: Floats, directions: Floats) -> tuple[Floats, Floats]:
    """Return how far rays go to the floor, (N,), infinite where they miss it, and its normals there, (N, 3).

    Args:
        edge: where the floor ends, in its place; None: nowhere.
        origin_mm: where the rays start, (3,), above the floor.
        directions: unit vectors, (N, 3).
    """
    falls, slope = directions[:, 2] < 0, np.minimum(directions[:, 2], -1e-12)
    distances = np.where(falls, -origin_mm[2] / slope, np.inf)
    normals = np.tile([0.0, 0.0, 1.0], (len(directions), 1))
    if edge is None or edge.at_mm is None:
        return distances, normals
    outwards = directions[:, :2] @ edge.outwards
    to_edge = edge.at_mm - float(origin_mm[:2] @ edge.outwards)
    on_table = falls & (-origin_mm[2] / slope * outwards <= to_edge)
    distances = np.where(on_table | ~falls, distances, -(origin_mm[2] + edge.drop_mm) / slope)
    if to_edge < 0:  # from beyond the table its side is seen
        side = to_edge / np.minimum(outwards, -1e-12)
        height = origin_mm[2] + side * directions[:, 2]
        on_side = ~on_table & (outwards < 0) & (height <= 0) & (height >= -edge.thickness_mm)
        distances = np.where(on_side, side, distances)
        normals[on_side] = (*edge.outwards, 0.0)
    return distances, normals
