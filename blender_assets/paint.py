"""Colours that belong to a part itself, face by face: printed parts, assemblies, meshes with colours in their file."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_assets.colors import FINISHES, Color, Finish

UNPAINTED = -1


@dataclass(frozen=True)
class Paint:
    """The colour of each face of a mesh that has one of its own; all other faces take the colour of the brick."""

    rgb: NDArray[np.float32]  # (F, 3) scene-linear Rec. 709, 0..1; 0 where there is none
    finish: NDArray[np.int8]  # (F,) place in `FINISHES`, or UNPAINTED

    @property
    def covers_all(self) -> bool:
        """Whether no face is left for the colour of the brick."""
        return bool((self.finish != UNPAINTED).all())

    def over(self, color: Color) -> NDArray[np.float64]:
        """Return the colour of every face of a brick of `color`, scene-linear, (F, 3)."""
        painted = self.finish[:, None] != UNPAINTED
        return np.where(painted, self.rgb, np.array(color.linear_rgb)).astype(np.float64)


def make_paint(rgb: NDArray[np.floating[Any]], finish: NDArray[np.integer[Any]]) -> Paint | None:
    """Return a `Paint`, or None if no face has a colour of its own."""
    painted = np.asarray(finish) != UNPAINTED
    if not painted.any():
        return None
    return Paint(np.where(painted[:, None], rgb, 0).astype(np.float32), np.asarray(finish, dtype=np.int8))


def finish_number(finish: Finish) -> int:
    """Return the place of a finish in `FINISHES`."""
    return FINISHES.index(finish)


def linear_from_srgb(srgb: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return scene-linear values of sRGB ones, both 0..1, of any shape (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.maximum(srgb, 0) + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(linear: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return sRGB values of scene-linear ones, both 0..1, of any shape (IEC 61966-2-1)."""
    high = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, high)
