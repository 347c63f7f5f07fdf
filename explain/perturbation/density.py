"""Quick shift's density at each pixel of a picture, as exact as its comparisons need, and the layout of its arrays."""

import math
from typing import Any, TypeVar

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


FAR = 1e3
"""Of a margin: a colour so far from all others that exp(-FAR²) is 0; and, below 0, a density lower than any."""
_BLOCK_BYTES = 1 << 18
"""Size of one array of the places whose densities are added up at once; a quarter of it took half as long again."""
_AT_ONCE = 256
"""Pixels whose densities are added up one by one at once: 256 windows of 25 x 25 are 1.3 MB an array."""
_MOST_SETTLED = 1 / 6
"""Share of pixels above which all together are sooner done in double precision than these one by one."""


class Densities:
    """For each pixel the sum of a Gaussian kernel over its neighbours in place and colour, and a little noise.

    Double precision costs three times as much as single, and few comparisons need it: those of densities that lie
    within `doubt` of each other. These are settled when they are met.
    """

    def __init__(self, colours: Floats, kernel_size: float, noise: Floats, padded: Padded) -> None:
        """Add up in single precision.

        Args:
            colours: (3, H, W).
            kernel_size: width of the Gaussian, in pixels and in units of colour.
            noise: (H, W), added to the densities.
            padded: the layout; its reach is the window's.
        """
        self._padded, self._kernel_size = padded, kernel_size
        middle = (colours.max(axis=(1, 2)) + colours.min(axis=(1, 2))) / 2  # small numbers are rounded less
        scaled = (colours - middle[:, None, None]) / (math.sqrt(2) * kernel_size)
        self._scaled = padded.lay(scaled, FAR)
        self._noise = padded.moved(padded.lay(noise, 0.0))
        self.flat = padded.lay(np.zeros_like(noise), -FAR)
        """Laid out as `padded`; a pixel's is exact once it is settled, and within half of `doubt` before."""
        self._add_up(np.float32)
        self._settled = np.zeros(padded.size, dtype=np.bool_)
        # With u = 2^-24, and A the largest scaled colour, rounding colours changes an exponent -(r² + s) by at most
        # (4 sqrt(3) A r + 2 r²) u, computing it by 4 (r² + s) u; times exp(-r² - s), that is less than
        # (3 A + 2.2 + 4 s) u exp(-s), and s exp(-s) sums up to the kernel's mass at most. exp is off by 8 u or less,
        # and each row of a window is added up in single precision.
        mass = float(np.exp(-self._places(padded.reach)).sum())
        bound = 2.0**-24 * mass * (3 * float(np.abs(scaled).max()) + 16 + 2 * padded.reach)
        self.doubt = 2 * bound
        """Densities further apart than this compare rightly, settled or not; 0 once all are settled."""

    def settle(self, places: Places) -> None:
        """Make the densities of `places` exact, to the rounding of double precision."""
        places = places[~self._settled[places]]
        if not places.size:
            return
        if self._settled.sum() + places.size > _MOST_SETTLED * self._settled.size:
            self.settle_all()
            return
        reach, at = self._padded.reach, self._padded.moved
        for start in range(0, places.size, _AT_ONCE):
            some = places[start : start + _AT_ONCE]
            terms = self._padded.windows(self._scaled, some, reach)
            terms -= at(self._scaled)[:, some, None]
            terms *= terms
            exponents = terms[0] + terms[1] + terms[2] + self._places(reach)
            at(self.flat)[some] = np.exp(-exponents).sum(axis=1) + self._noise[some]
        self._settled[places] = True

    def settle_all(self) -> None:
        """Make all densities exact."""
        if self.doubt:
            self._add_up(np.float64)
            self._settled[:] = True
            self.doubt = 0.0

    def _places(self, reach: int) -> Floats:
        """Return what place adds to the exponents of a window, (window,)."""
        steps = np.arange(-reach, reach + 1) ** 2 / (2 * self._kernel_size**2)
        return np.asarray((steps[:, None] + steps).ravel())

    def _add_up(self, kind: type[np.float32 | np.float64]) -> None:
        pixels = self._padded.pixels
        sums = _sums(self._padded, self._scaled.astype(kind), self._kernel_size)
        self._padded.moved(self.flat)[pixels] = self._padded.moved(sums)[pixels] + self._noise[pixels]


def _sums(padded: Padded, scaled: NDArray[Any], kernel_size: float) -> Floats:
    """Return for each place the sum of kernel values over its window, itself included, in the precision of `scaled`.

    scikit-image visits all of a window; here a kernel value serves both pixels of a pair. Rows of a window are added up
    in the precision of `scaled`, and the rows in double precision.
    """
    kind, reach = scaled.dtype.type, padded.reach
    total = np.ones(scaled.shape[1])
    block = min(_BLOCK_BYTES // scaled.itemsize, padded.size)
    spare, spare_here, spare_there = (
        np.empty(shape, dtype=kind) for shape in ((3, block), (block,), (block + 2 * reach,))
    )
    for start in range(0, padded.size, block):
        for down in range(min(reach, padded.height - 1) + 1):
            count = min(start + block, padded.size - down * padded.stride) - start
            if count <= 0:
                break
            stop = start + count
            here, terms = padded.moved(scaled, 0, start, stop), spare[:, :count]
            to_here, to_there = spare_here[:count], spare_there[: count + 2 * reach]
            to_here[:] = to_there[:] = 0
            for right in range(-reach if down else 1, reach + 1):
                np.subtract(here, padded.moved(scaled, down * padded.stride + right, start, stop), out=terms)
                np.multiply(terms, terms, out=terms)
                value = terms[0]
                value += terms[1]
                value += terms[2]
                np.subtract(kind(-(down * down + right * right) / (2 * kernel_size**2)), value, out=value)
                np.exp(value, out=value)
                to_here += value
                to_there[reach + right : reach + right + count] += value
            padded.moved(total, 0, start, stop)[:] += to_here
            padded.moved(total, down * padded.stride - reach, start, stop + 2 * reach)[:] += to_there
    return total
