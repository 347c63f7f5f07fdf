"""Quick shift (Vedaldi & Soatto 2008) with scikit-image's labels, by whole-array arithmetic."""

import math

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from explain.perturbation.density import FAR, Densities, Floats, Padded, Places

_NEAR = 2
"""Parents are looked for within this many pixels in the whole picture at once; the few pixels without one go on."""
_FURTHER = 5
"""Those look this far, and what is left then in the whole window."""
_AT_ONCE = 256
"""Pixels whose window is searched at once: 256 windows of 25 x 25 are 1.3 MB an array."""
_MOST_DOUBTFUL = 1 / 6
"""Share of doubtful pixels above which all densities are settled at once, as in pictures of one-coloured faces."""


def quickshift(
    picture: Floats, *, kernel_size: float = 5, max_dist: float = 10, ratio: float = 1.0, rng: int = 42
) -> NDArray[np.intp]:
    """Return the labels (H, W), 0, 1, … without gaps, that `skimage.segmentation.quickshift` gives, sooner.

    Each pixel's density is the sum of a Gaussian kernel over its neighbours in place and Lab colour; each pixel then
    hangs on its nearest neighbour of higher density. scikit-image visits a window of (6 kernel_size + 1)² pixels
    twice for each pixel. Here a kernel value serves both pixels of a pair, in single precision where that settles the
    comparisons, and most parents are found next door. Distances, their ties and the noise are the library's; densities
    that are compared closely may differ in the last digits, about 1e-14, since their terms are added in another order.

    Args:
        picture: (H, W, 3) RGB in 0..1.
        kernel_size: width of the Gaussian, in pixels; 1 or more.
        max_dist: longest link; a pixel without a shorter one is the root of its superpixel.
        ratio: weight of colour against place.
        rng: seed of the noise of 1e-5 that parts equal densities; scikit-image's default is 42.
    """
    height, width = picture.shape[:2]
    colours = np.ascontiguousarray(np.moveaxis(rgb2lab(picture) * ratio, 2, 0))  # (3, H, W)
    noise = np.random.default_rng(rng).normal(scale=0.00001, size=(height, width))
    padded = Padded(height, width, math.ceil(3 * kernel_size))
    density = Densities(colours, kernel_size, noise, padded)
    parent, squared = _parents(padded, padded.lay(colours, FAR), density)
    parent = np.where(np.sqrt(squared) > max_dist, np.arange(parent.size), parent)
    while not np.array_equal(above := parent[parent], parent):
        parent = above
    root = np.zeros(padded.size, dtype=np.intp)
    root[padded.pixels] = parent[padded.pixels] == padded.pixels
    return np.asarray(root.cumsum()[parent[padded.pixels]] - 1)


def _parents(padded: Padded, colours: Floats, density: Densities) -> tuple[Places, Floats]:
    """Return each place's nearest place of higher density in its window and the squared distance; inf: it has none.

    Among equally near ones the first in reading order counts, as in scikit-image.
    """
    parent, squared, doubtful = _next_door(padded, colours, density)
    if doubtful.sum() > _MOST_DOUBTFUL * doubtful.size:
        density.settle_all()
        parent, squared, doubtful = _next_door(padded, colours, density)
    waiting = np.flatnonzero(doubtful)
    for reach in sorted({_NEAR, min(_FURTHER, padded.reach), padded.reach}):
        for start in range(0, waiting.size, _AT_ONCE):
            some = waiting[start : start + _AT_ONCE]
            parent[some], squared[some] = _search(padded, colours, density, some, reach)
        waiting = np.flatnonzero(squared >= (reach + 1) ** 2)  # something further off may be as near, colour and all
    return parent, squared


def _next_door(padded: Padded, colours: Floats, density: Densities) -> tuple[Places, Floats, NDArray[np.bool_]]:
    """Return parents and squared distances within `_NEAR` pixels, and which places should be looked at again.

    Only densities that surely are higher count; a place is doubtful if one that may be is as near. A distance serves
    both pixels of a pair. Ties: a pixel's neighbours after it come in reading order and have to be nearer than those
    before; its neighbours before it come in the opposite order and have to be as near.
    """
    shape = colours.shape[1:]
    all_squared, all_steps = np.full(shape, np.inf), np.zeros(shape, dtype=np.intp)
    all_doubtful = np.zeros(shape, dtype=np.bool_)
    at = padded.moved
    squared, steps, doubtful = at(all_squared), at(all_steps), at(all_doubtful)
    terms, rise = np.empty((3, padded.size)), np.empty(padded.size)
    for down in range(_NEAR + 1):
        for right in range(-_NEAR if down else 1, _NEAR + 1):
            shift = down * padded.stride + right
            np.subtract(at(colours), at(colours, shift), out=terms)
            distance = _squared(terms, down * down, right * right)
            np.subtract(at(density.flat, shift), at(density.flat), out=rise)
            higher, lower = rise > density.doubt, rise < -density.doubt
            sure = higher | lower
            nearer = distance < squared
            _set(squared, steps, nearer & higher, distance, shift)
            doubtful |= nearer > sure
            nearer = distance <= at(all_squared, shift)
            _set(at(all_squared, shift), at(all_steps, shift), nearer & lower, distance, -shift)
            at(all_doubtful, shift)[:] |= nearer > sure
    margin = np.ones(padded.size, dtype=np.bool_)
    margin[padded.pixels] = False
    steps[margin] = squared[margin] = 0
    return np.arange(padded.size) + steps, squared, doubtful & ~margin & (density.doubt > 0)


def _search(padded: Padded, colours: Floats, density: Densities, places: Places, reach: int) -> tuple[Places, Floats]:
    """Return parents and squared distances of a few `places` within `reach` pixels, densities settled as needed."""
    window = padded.window(reach)
    terms = padded.windows(colours, places, reach)
    terms -= padded.moved(colours)[:, places, None]
    side = np.arange(-reach, reach + 1) ** 2
    distance = _squared(terms, side.repeat(side.size), np.tile(side, side.size))  # (places, window)
    rise = _rises(padded, density, places, reach)
    if density.doubt:
        nearest = np.where(rise > density.doubt, distance, np.inf).min(axis=1)
        unsure = (np.abs(rise) <= density.doubt) & (distance <= nearest[:, None])
        place, step = unsure.nonzero()
        density.settle(np.unique([places[place], places[place] + window[step]]))
        rise = _rises(padded, density, places, reach)
    distance[rise <= 0] = np.inf
    best = distance.argmin(axis=1)
    squared = distance[np.arange(places.size), best]
    return np.where(np.isinf(squared), places, places + window[best]), squared


def _rises(padded: Padded, density: Densities, places: Places, reach: int) -> Floats:
    """Return how much denser it is all over the windows (places, window) than in their middle."""
    rise = padded.windows(density.flat, places, reach) - padded.moved(density.flat)[places, None]
    rise[:, rise.shape[1] // 2] = -FAR  # the pixel itself is no neighbour
    return rise


def _squared(terms: Floats, down: int | Places, right: int | Places) -> Floats:
    """Return the squared distance in colour and place, its terms added in scikit-image's order; `terms` are lost."""
    np.multiply(terms, terms, out=terms)
    distance: Floats = terms[0]
    for term in (terms[1], terms[2], down, right):
        distance += term
    return distance


def _set(squared: Floats, steps: Places, where: NDArray[np.bool_], distance: Floats, shift: int) -> None:
    np.copyto(squared, distance, where=where)
    np.copyto(steps, shift, where=where)
