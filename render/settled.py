"""A pile at rest, as plain data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_assets.catalogue import load_catalogue
from render.pile import Pile


@dataclass(frozen=True)
class SettledPile:
    """A pile at rest."""

    pile: Pile
    world_from_part: NDArray[np.float64]  # (B, 3, 4), millimetres

    def vertices_mm(self) -> list[NDArray[np.float64]]:
        """Return each brick's vertices in the world, (V, 3)."""
        return [
            load_catalogue().mesh(brick.part_id).vertices_mm @ pose[:, :3].T + pose[:, 3]
            for brick, pose in zip(self.pile.bricks, self.world_from_part, strict=True)
        ]
