"""Quick shift (Vedaldi & Soatto 2008) with scikit-image's labels, by whole-array arithmetic."""

import math

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

Floats = NDArray[np.float64]
_NEAR = 2
"""Parents are looked for within this many pixels in the whole picture at once; the few pixels without one go on."""
_BLOCK = 16384
"""Pixels whose densities are added up at once: the arrays involved stay in a core's cache."""
_UNLIKE = 1e3
"""A colour so far from all others that exp(-_UNLIKE²) is 0."""
_AT_ONCE = 512
"""Pixels whose whole window is searched at once: 512 windows of 25 x 25 are 2.5 MB an array."""


def quickshift(
    picture: Floats, *, kernel_size: float = 5, max_dist: float = 10, ratio: float = 1.0, rng: int = 42
) -> NDArray[np.intp]:
    """Return the labels (H, W), 0, 1, … without gaps, that `skimage.segmentation.quickshift` gives, sooner.

    Each pixel's density is the sum of a Gaussian kernel over its neighbours in place and Lab colour; each pixel then
    hangs on its nearest neighbour of higher density. scikit-image visits a window of (6 kernel_size + 1)² pixels
    twice for each pixel. Here a kernel value serves both pixels of a pair, and most parents are found next door.
    Distances, their ties and the noise are the library's; densities may differ in the last digits, about 1e-14, since
    their terms are added in another order.

    Args:
        picture: (H, W, 3) RGB in 0..1.
        kernel_size: width of the Gaussian, in pixels; 1 or more.
        max_dist: longest link; a pixel without a shorter one is the root of its superpixel.
        ratio: weight of colour against place.
        rng: seed of the noise of 1e-5 that parts equal densities; scikit-image's default is 42.
    """
    height, width = picture.shape[:2]
    colours = rgb2lab(picture) * ratio
    planes = np.ascontiguousarray(np.moveaxis(colours, 2, 0))  # (3, H, W): each channel is one plane
    reach = math.ceil(3 * kernel_size)
    density = _densities(planes, kernel_size, reach)
    density += np.random.default_rng(rng).normal(scale=0.00001, size=(height, width))
    parent, squared = _parents(planes, density, reach)
    parent = np.where(np.sqrt(squared) > max_dist, np.arange(parent.size), parent)
    while not np.array_equal(above := parent[parent], parent):
        parent = above
    return np.asarray(np.unique(parent, return_inverse=True)[1], dtype=np.intp).reshape(height, width)


def _densities(planes: Floats, kernel_size: float, reach: int) -> Floats:
    """Return for each pixel the sum of kernel values over its window, itself included."""
    height, width = planes.shape[1:]
    # Rows end in pixels unlike any other, so that a step in any direction is a shift of one flat array, and whole
    # arrays without gaps are what numpy is fastest at: 2.5 times faster than windows of rows.
    padded = np.full((len(planes), height, width + reach), _UNLIKE)
    padded[:, :, :width] = planes / (math.sqrt(2) * kernel_size)
    flat = padded.reshape(len(planes), -1)
    density = np.ones(flat.shape[1])
    steps = [(down, right) for down, right in _window(reach) if (down, right) > (0, 0) and down < height]
    spare = np.empty((2, _BLOCK))
    for start in range(0, density.size, _BLOCK):
        for down, right in steps:  # the other half of the window are the same pairs
            shift = down * (width + reach) + right
            stop = min(start + _BLOCK, density.size - shift)
            if stop <= start:
                continue
            value, term = spare[:, : stop - start]
            for channel, plane in enumerate(flat):
                into = term if channel else value
                np.subtract(plane[start:stop], plane[start + shift : stop + shift], out=into)
                np.multiply(into, into, out=into)
                if channel:
                    value += term
            np.subtract(-(down * down + right * right) / (2 * kernel_size**2), value, out=value)
            np.exp(value, out=value)
            density[start:stop] += value
            density[start + shift : stop + shift] += value
    return np.ascontiguousarray(density.reshape(height, width + reach)[:, :width])


def _parents(planes: Floats, density: Floats, reach: int) -> tuple[NDArray[np.intp], Floats]:
    """Return each pixel's nearest pixel of higher density in its window and the squared distance; inf: it has none.

    Both are (H * W,). Among equally near ones the first in reading order counts, as in scikit-image.
    """
    height, width = density.shape
    squared = np.full((height, width), np.inf)
    step = np.zeros((height, width), dtype=np.intp)
    for down, right in _window(min(reach, _NEAR)):
        if abs(down) >= height or abs(right) >= width:
            continue
        here, there = _pairs(height, width, down, right)
        distance = _distance(planes[:, *here], planes[:, *there], down, right)
        nearer = (density[there] > density[here]) & (distance < squared[here])
        np.copyto(squared[here], distance, where=nearer)
        np.copyto(step[here], down * width + right, where=nearer)
    parent, found = np.arange(density.size) + step.ravel(), squared.ravel()
    waiting = np.flatnonzero(found >= (_NEAR + 1) ** 2)  # something further off may be as near, colour and all
    for start in range(0, waiting.size, _AT_ONCE):
        pixels = waiting[start : start + _AT_ONCE]
        parent[pixels], found[pixels] = _search(planes, density, reach, pixels)
    return parent, found


def _search(planes: Floats, density: Floats, reach: int, pixels: NDArray[np.intp]) -> tuple[NDArray[np.intp], Floats]:
    """Return parents and squared distances of a few pixels, from their whole windows."""
    height, width = density.shape
    down, right = np.array(_window(reach)).T
    row, column = (place[:, None] for place in np.divmod(pixels, width))
    inside = (row + down >= 0) & (row + down < height) & (column + right >= 0) & (column + right < width)
    there = np.where(inside, pixels[:, None] + (down * width + right), pixels[:, None])  # (pixels, window)
    flat = planes.reshape(len(planes), -1)
    distance = _distance(flat[:, pixels, None], flat[:, there], down, right)
    heights = density.ravel()
    distance[heights[there] <= heights[pixels, None]] = np.inf
    nearest = distance.argmin(axis=1)
    rows = np.arange(pixels.size)
    squared = distance[rows, nearest]
    return np.where(np.isinf(squared), pixels, there[rows, nearest]), squared


def _distance(one: Floats, other: Floats, down: NDArray[np.intp] | int, right: NDArray[np.intp] | int) -> Floats:
    """Return the squared distance in colour and place, its terms added in scikit-image's order."""
    terms = (one - other) ** 2
    return np.asarray(terms[0] + terms[1] + terms[2] + down * down + right * right)


def _window(reach: int) -> list[tuple[int, int]]:
    """Return the steps (down, right) to all pixels of a window but its middle, in reading order."""
    steps = range(-reach, reach + 1)
    return [(down, right) for down in steps for right in steps if (down, right) != (0, 0)]


def _pairs(height: int, width: int, down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where the pixels are that have a neighbour (down, right) of them, and where those neighbours are."""
    rows, columns = _overlap(height, down), _overlap(width, right)
    return (rows[0], columns[0]), (rows[1], columns[1])


def _overlap(size: int, step: int) -> tuple[slice, slice]:
    return slice(max(0, -step), size - max(0, step)), slice(max(0, step), size + min(0, step))
