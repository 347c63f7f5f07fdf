"""Labels of one picture in little memory: which thing each pixel shows, and each thing's whole silhouette as a crop."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOTHING = -1
"""In a map of things: floor, tray, or nothing at all."""


@dataclass(frozen=True)
class Crop:
    """A mask that is empty outside of a rectangle of the picture."""

    left_px: int
    top_px: int
    mask: NDArray[np.bool_]  # (h, w)

    @property
    def window(self) -> tuple[slice, slice]:
        """The rows and columns of the picture that the rectangle covers."""
        height, width = self.mask.shape
        return slice(self.top_px, self.top_px + height), slice(self.left_px, self.left_px + width)

    def box_xywh_px(self) -> tuple[int, int, int, int]:
        """Return the tight box of the mask as (left, top, width, height), all 0 where it is empty."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        if not len(rows):
            return 0, 0, 0, 0
        left, top = int(columns[0]), int(rows[0])
        return left + self.left_px, top + self.top_px, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1

    def whole(self, height_px: int, width_px: int) -> NDArray[np.bool_]:
        """Return the mask of the whole picture, (height_px, width_px)."""
        full = np.zeros((height_px, width_px), dtype=np.bool_)
        full[self.window] = self.mask
        return full


EMPTY = Crop(0, 0, np.zeros((0, 0), dtype=np.bool_))


@dataclass(frozen=True)
class PileMasks:
    """Where each thing is seen (visible), and where it would be seen with nothing in front of it (amodal).

    Things have the numbers of `render.pile.SettledPile`: the bricks come first, then the props.
    """

    things: NDArray[np.int16]
    """Number of the thing that each pixel shows, (H, W); `NOTHING` where it shows none."""

    silhouettes: tuple[Crop, ...]
    """Of each thing, as far as it lies inside the picture; empty for one that is absent."""

    in_frame_fraction: NDArray[np.float64]
    """Share of each thing's whole silhouette that lies inside the picture; 0 for one that is outside."""

    def visible_crop(self, thing: int) -> Crop:
        """Return where a thing is seen, in the rectangle of its silhouette."""
        outline = self.silhouettes[thing]
        return Crop(outline.left_px, outline.top_px, self.things[outline.window] == thing)

    def visible(self, thing: int) -> NDArray[np.bool_]:
        """Return where a thing is seen, (H, W)."""
        return np.asarray(self.things == thing)

    def amodal(self, thing: int) -> NDArray[np.bool_]:
        """Return where a thing would be seen alone, (H, W)."""
        return self.silhouettes[thing].whole(*self.things.shape)
