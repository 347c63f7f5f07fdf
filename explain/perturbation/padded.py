"""Arrays of a picture's pixels with a margin around, flat, so that a step in any direction is one shift."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)
Floats = NDArray[np.float64]
Places = NDArray[np.intp]


class Padded:
    """The layout of such arrays for one size of picture.

    A place counts pixels in reading order, rows being `reach` longer than the picture's: what steps over a picture's
    edge, by at most `reach` pixels each way, lands in the margin. Whole arrays without gaps are what numpy is fastest
    at: 2.5 times faster than windows of rows.
    """

    def __init__(self, height: int, width: int, reach: int) -> None:
        """Take the picture's size, and the longest step that will be taken."""
        self.height, self.width, self.reach = height, width, reach
        self.stride = width + reach
        self.size = height * self.stride
        self._first = reach * (self.stride + 1)  # where place 0 is
        self.pixels: Places = np.arange(self.size).reshape(height, self.stride)[:, :width]
        """(H, W): the place of each pixel."""

    def lay(self, picture: Floats, margin: float) -> Floats:
        """Return `picture` (..., H, W) laid out flat, with `margin` around."""
        flat = np.full((*picture.shape[:-2], 2 * self._first + self.size), margin)
        self.moved(flat)[..., self.pixels] = picture
        return flat

    def moved(self, flat: NDArray[Kind], shift: int = 0, start: int = 0, stop: int | None = None) -> NDArray[Kind]:
        """Return a view of `flat` at the places from `start` to `stop`, each moved by `shift`."""
        first = self._first + shift
        return flat[..., first + start : first + (self.size if stop is None else stop)]

    def window(self, reach: int) -> Places:
        """Return the shifts of a square window of `reach` pixels each way, in reading order, its middle included."""
        side = np.arange(-reach, reach + 1)
        return np.asarray((side[:, None] * self.stride + side).ravel())

    def windows(self, flat: Floats, places: Places, reach: int) -> Floats:
        """Return copies (..., places, window) of `flat` around `places`."""
        return np.asarray(np.take(flat, places[:, None] + (self.window(reach) + self._first), axis=-1, mode="clip"))
