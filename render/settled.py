"""A pile at rest, as plain data."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from render.pile import Pile


@dataclass(frozen=True)
class SettledPile:
    """A pile at rest."""

    pile: Pile
    world_from_thing: NDArray[np.float64]  # (B + P, 3, 4), millimetres: the bricks, then the props
    present: tuple[int, ...]
    """Numbers of the bricks that are there: all of them, but for a twin."""

    def things(self) -> list[int]:
        """Return the rows of `world_from_thing` that are there: the present bricks, then all props."""
        return [*self.present, *range(len(self.pile.bricks), len(self.world_from_thing))]

    def vertices_mm(self, thing: int) -> NDArray[np.float64]:
        """Return the vertices of one brick or prop in the world, (V, 3)."""
        pose = self.world_from_thing[thing]
        return np.asarray(self.pile.mesh(thing).vertices_mm @ pose[:, :3].T + pose[:, 3])

    def corners_mm(self) -> NDArray[np.float64]:
        """Return the corners of the boxes of all bricks of the pile, present or not, in the world, (8 B, 3)."""
        points = []
        for thing in range(len(self.pile.bricks)):
            pose = self.world_from_thing[thing]
            low, high = self.pile.mesh(thing).bounds_mm
            corners = np.array(list(itertools.product(*zip(low, high, strict=True))))
            points.append(corners @ pose[:, :3].T + pose[:, 3])
        return np.concatenate(points)
