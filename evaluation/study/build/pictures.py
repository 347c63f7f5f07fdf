"""What participants see: squares of one size in one style that tells nothing but where an explanation points."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from explain.draw import GAMMA, OPACITY, STEPS, Picture, Resize, colouring_of, ground, resized, scaled_picture, shades

MARGIN = 128
"""Grey of what a square adds to a picture that is none."""
REACH = 1.8
"""Radius of a check's disc, in radii of the largest circle inside of the part."""
DEEP = 0.9
"""Share of the greatest depth: among places so deep, the disc lies in their middle, not at an end of a long part."""
LEAST_RADIUS = 0.08
"""The same as a share of the picture's longer side: smaller ones are overlooked on a phone."""


def draw_picture(picture: Picture, size_px: int) -> Picture:
    """Return `picture` (H, W, 3) in the middle of a square (size_px, size_px, 3)."""
    return _square(scaled_picture(picture, size_px), size_px)


def draw_explanation(picture: Picture, values: NDArray[Any], *, resize: Resize, size_px: int) -> Picture:
    """Return `picture`, paled, with what a raw map says for the part in one colour, as a square.

    One style for all methods: only what is above 0 is drawn, since some methods know no other, and blue would tell the
    rest. 0 has no cover, the largest value (of a pixel-wise map the 99th percentile, as in reports) the most, so that a
    method's scale does not show. Nothing is smoothed; there is no outline, title or bar. A map without a value above 0
    leaves the paled picture.

    Args:
        picture: (H, W, 3) uint8 RGB.
        values: (h, w) float, raw; not finite ones count as 0.
        resize: as the method's row says: ``bilinear`` for grids of samples, ``nearest`` for areas.
        size_px: side of the square.
    """
    base = scaled_picture(picture, size_px)
    positive = np.where(np.isfinite(values), np.maximum(values, 0.0), 0.0).astype(np.float32)
    strength = np.clip(resized(positive / np.float32(colouring_of(positive).limit), base.shape, resize), 0.0, 1.0)
    step = np.round(strength * STEPS).astype(int)
    cover = OPACITY * (step / STEPS)[..., None] ** GAMMA
    drawn: Picture = np.round(ground(base) * (1 - cover) + shades()[step + STEPS] * cover).astype(np.uint8)
    return _square(drawn, size_px)


def check_maps(
    part: NDArray[np.bool_], bricks: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return two maps (H, W) for an attention check: a soft disc on a part, and the same where there is no brick.

    The same shape in two places: only who looks at the picture can tell them apart, and whoever does can. Explanations
    by the methods would not do, since a poor network's may point anywhere. None comes back where the part is not
    outlined or the bricks leave no room for the disc. `part` and `bricks` (H, W) are pixels of the part, of any brick.
    """
    if room_for_check(part, bricks) <= 1:
        return None
    inside, room, radius = _depth(part), _depth(~bricks), _radius(part)
    return _disc(inside, radius), _disc(room, radius)


def room_for_check(part: NDArray[np.bool_], bricks: NDArray[np.bool_]) -> float:
    """Return how plain a check would be: the room beside the bricks in radii of the disc; 0 where there is no part."""
    return DEEP * float(_depth(~bricks).max()) / _radius(part) if part.any() else 0.0


def _radius(part: NDArray[np.bool_]) -> float:
    return max(REACH * float(_depth(part).max()), LEAST_RADIUS * max(part.shape))


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how far each pixel lies inside of `mask`, in pixels; the picture's border is outside."""
    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(depth[1:-1, 1:-1], dtype=np.float32)


def _disc(depth: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """Return 1 at a deep place in the middle, falling to 0 at `radius`."""
    deep = np.argwhere(depth >= DEEP * depth.max())
    y, x = deep[((deep - deep.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    rows, columns = np.indices(depth.shape)
    distance = ((rows - y) ** 2 + (columns - x) ** 2) / radius**2
    return np.asarray(np.maximum(1 - distance, 0.0), dtype=np.float32)


def _square(picture: Picture, size_px: int) -> Picture:
    height, width = picture.shape[:2]
    square = np.full((size_px, size_px, 3), MARGIN, dtype=np.uint8)
    top, left = (size_px - height) // 2, (size_px - width) // 2
    square[top : top + height, left : left + width] = picture
    return square
