"""Raw maps brought to the size of the masks, by a named rule that is recorded beside the scores."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

ResizePolicy = Literal["bilinear", "nearest"]


def resize_maps(maps: NDArray[Any], height: int, width: int, policy: ResizePolicy) -> NDArray[Any]:
    """Return `maps` (N, h, w) as (N, height, width), float64 if they are, else float32.

    ``bilinear`` is for coarse grids of samples (class activation maps), ``nearest`` for areas with sharp borders
    (superpixels). Pixel centres lie at half-integers and the border is continued, as in
    ``torch.nn.functional.interpolate(align_corners=False)``. Written as a + w (b - a), so that equal
    neighbours stay exactly equal: rounding must not break the ties that metrics count.
    """
    values = np.asarray(maps, dtype=np.float64 if maps.dtype == np.float64 else np.float32)
    if values.shape[1:] == (height, width):
        return values
    if policy == "nearest":
        rows, columns = _nearest(values.shape[1], height), _nearest(values.shape[2], width)
        return np.take(np.take(values, rows, axis=1), columns, axis=2)
    low, high, weight = _neighbours(values.shape[1], height)
    values = _between(np.take(values, low, axis=1), np.take(values, high, axis=1), weight.astype(values.dtype)[:, None])
    low, high, weight = _neighbours(values.shape[2], width)
    return _between(np.take(values, low, axis=2), np.take(values, high, axis=2), weight.astype(values.dtype))


def _between(low: NDArray[Any], high: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(low + weight * (high - low))


def _nearest(size: int, target: int) -> NDArray[np.intp]:
    return np.minimum((np.arange(target) + 0.5) * size / target, size - 1).astype(np.intp)


def _neighbours(size: int, target: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    position: NDArray[np.float64] = np.clip((np.arange(target) + 0.5) * size / target - 0.5, 0.0, size - 1.0)
    low = np.floor(position).astype(np.intp)
    return low, np.minimum(low + 1, size - 1), position - low
