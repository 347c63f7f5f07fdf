"""The strongest of a map as flat areas, green for and red against: how the founding paper draws LIME."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError
from explain.draw import OPACITY, Picture, Resize, colouring_of, ground, resized, scaled_picture, with_outline

FOR, AGAINST = (92, 226, 138), (150, 16, 38)
"""Green and red that differ in lightness, so that they differ to all eyes and in grey."""
FILL = 0.65
"""Cover inside of an area, as a share of the opacity; its border is covered wholly."""
BORDER_PX = 2


@dataclass(frozen=True)
class Strongest:
    """What of a map is drawn."""

    top: int | None = None
    """So many superpixels, cells or pixels, those with the largest absolute values; None for all."""
    threshold: float | None = None
    """Least absolute value, in the map's own units."""
    share: float | None = None
    """Least absolute value, as a share of where the map's colours end."""
    for_only: bool = False
    """Leave out what speaks against."""

    def cut(self, values: NDArray[Any], resize: Resize) -> float:
        """Return the least absolute value of raw map `values` (h, w) that is drawn; infinite if none is so strong.

        What has the same value is drawn or left out together, and 0 never is.
        """
        sizes = (values if self.for_only else np.abs(values))[np.isfinite(values)]
        sizes = np.sort(sizes[sizes > 0])[::-1]
        if resize == "nearest":  # a superpixel is an area of one value
            sizes = np.unique(sizes)[::-1]
        least = max(self.threshold or 0.0, (self.share or 0.0) * colouring_of(values).limit)
        if not sizes.size or least > sizes[0]:
            return float("inf")
        return least if self.top is None else max(least, float(sizes[: self.top][-1]))


def parse_threshold(text: str | None, top: int | None, *, for_only: bool) -> Strongest | None:
    """Return what ``--top``, ``--threshold`` (``0.3`` or ``50%``) and ``--for-only`` ask for; None if for nothing.

    Raises:
        SettingsError: the threshold is no number above 0.
    """
    if text is None:
        return Strongest(top, for_only=for_only) if top is not None or for_only else None
    is_share = text.rstrip().endswith("%")
    try:
        value = float(text.rstrip().removesuffix("%"))
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise SettingsError(
            f"--threshold {text!r} should be a number above 0 in the map's units, such as 0.3, or a share of where its "
            "colours end, such as 50%."
        )
    return Strongest(top, None if is_share else value, value / 100 if is_share else None, for_only)


def areas(
    picture: Picture,
    values: NDArray[Any],
    strongest: Strongest,
    *,
    resize: Resize,
    size_px: int = 320,
    mask: NDArray[np.bool_] | None = None,
) -> Picture:
    """Return `picture` with the strongest of a raw map as green and red areas, with a longer side of `size_px`.

    Arguments are those of `explain.draw.overlay`, at its opacity; `strongest` says what is drawn. The map is brought to
    the picture's size first, so that areas of smooth maps have smooth borders.
    """
    base = scaled_picture(picture, size_px)
    cut = strongest.cut(values, resize)
    large = resized(np.where(np.isfinite(values), values, 0.0).astype(np.float32), base.shape, resize)
    drawn = ground(base)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for colour, size in ((FOR, large), (AGAINST, -large)):
        shown = (size > 0) & (size >= np.float32(cut))
        if colour is AGAINST and strongest.for_only:
            continue
        inside = cv2.erode(shown.astype(np.uint8), cross, iterations=BORDER_PX) > 0
        cover = np.where(inside, FILL * OPACITY, 1.0) * shown
        drawn = drawn * (1 - cover[..., None]) + np.array(colour) * cover[..., None]
    rounded: Picture = np.clip(np.round(drawn), 0, 255).astype(np.uint8)
    return rounded if mask is None else with_outline(rounded, mask)
