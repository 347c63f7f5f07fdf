"""In which order pixels or cells are removed: by the map, and among equals by a draw that the seed decides."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.seeding import Purpose, generator
from evaluation.measure import FloatArray
from explain.protocol import image_key

# Streams of this package within Purpose.BASELINE, each followed by the key of a picture; append, never renumber.
TIES, PAINT, NOISE_MAP, NEARBY, SUBSETS, SQUARES, OTHER_CLASS = range(101, 108)


def picture_stream(seed: int, stream: int, image: Tensor, *key: int) -> np.random.Generator:
    """Return the random numbers of one purpose for one picture: the same in any batch and order."""
    return generator(seed, Purpose.BASELINE, stream, image_key(image), *key)


def importance_ranks(values: FloatArray, images: Tensor, seed: int) -> NDArray[np.int64]:
    """Return for each value its place from the most important (0) down, row by row.

    Equal values come in an order drawn anew for each picture: in reading order, a constant map would be a sweep from
    the top of the picture to its bottom, and score as one.

    Args:
        values: (B, P).
        images: (B, 3, S, S), whose content keys the draw.
        seed: of the draw.
    """
    ranks = np.empty(values.shape, dtype=np.int64)
    for row, (one, image) in enumerate(zip(values, images, strict=True)):
        drawn = picture_stream(seed, TIES, image).permutation(len(one))
        order = drawn[np.argsort(-one[drawn], kind="stable")]
        ranks[row, order] = np.arange(len(one))
    return ranks


def pixel_ranks(maps: FloatArray, images: Tensor, seed: int) -> NDArray[np.int64]:
    """Return the ranks (B, S, S) of the pixels of `maps` (B, S, S)."""
    return importance_ranks(maps.reshape(len(maps), -1), images, seed).reshape(maps.shape)


def cell_numbers(size: int, cell_px: int) -> NDArray[np.int64]:
    """Return for each pixel of a square picture the cell it lies in, (size, size): 0, 1, … in reading order.

    Cells are `cell_px` squared; those at the right and lower border are what is left.
    """
    along = np.arange(size) // cell_px
    return np.asarray(along[:, None] * (along[-1] + 1) + along[None, :], dtype=np.int64)


def cell_means(maps: FloatArray, cells: NDArray[np.int64]) -> FloatArray:
    """Return the mean of each of `maps` (B, S, S) in each cell, (B, cells)."""
    flat = cells.ravel()
    area = np.bincount(flat)
    return np.stack([np.bincount(flat, weights=one.ravel()) / area for one in maps])


def noise_maps(images: Tensor, classes: NDArray[np.int64], seed: int) -> FloatArray:
    """Return maps of independent uniform noise, (B, S, S): what chance looks like for a picture and class."""
    size = images.shape[2:]
    return np.stack(
        [
            picture_stream(seed, NOISE_MAP, image, int(index)).random(size)
            for image, index in zip(images, classes, strict=True)
        ]
    )
