"""EXIF orientation: how a stored picture is turned upright, and the coordinates in it."""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

# Tag 274 of Exif 2.32: first swap the axes, then mirror left-right, then top-bottom.
_SWAP_FLIP_X_FLIP_Y = {
    1: (False, False, False), 2: (False, True, False), 3: (False, True, True), 4: (False, False, True),
    5: (True, False, False), 6: (True, True, False), 7: (True, True, True), 8: (True, False, True),
}  # fmt: skip


def swaps_axes(orientation: int) -> bool:
    """Return whether width and height change places."""
    return _SWAP_FLIP_X_FLIP_Y[orientation][0]


def turn_picture(pixels: Pixels, orientation: int) -> Pixels:
    """Return the upright picture, (H, W) or (H, W, C); memory is shared."""
    swap, flip_x, flip_y = _SWAP_FLIP_X_FLIP_Y[orientation]
    if swap:
        pixels = np.swapaxes(pixels, 0, 1)
    return pixels[:: -1 if flip_y else 1, :: -1 if flip_x else 1]


def turn_points(points: Points, orientation: int, width: float, height: float) -> Points:
    """Return where points (N, 2) of the stored picture, `width` x `height`, lie in the upright one."""
    swap, flip_x, flip_y = _SWAP_FLIP_X_FLIP_Y[orientation]
    x, y = points[:, 0], points[:, 1]
    if swap:
        x, y, width, height = y, x, height, width
    return np.stack([width - x if flip_x else x, height - y if flip_y else y], axis=1)
