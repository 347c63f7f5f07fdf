"""Maps as colours over pictures. Scaling, cutting off and colouring happen here and nowhere else."""

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Resize = Literal["bilinear", "nearest"]

# One direction of lightness from end to end, and blue against yellow: the sign survives a grey printer and eyes that do
# not tell red from green.
_AGAINST = ("#071a4d", "#123a86", "#2c5ca8")
_FOR = ("#c9853c", "#f0ab37", "#ffee7d")
SIGNED = LinearSegmentedColormap.from_list("signed", [*_AGAINST, "#858585", *_FOR])
POSITIVE = LinearSegmentedColormap.from_list("positive", colormaps["inferno"](np.linspace(0.0, 0.98, 256)))
"""For tiles that lie over nothing."""
STEPS = 255
"""Shades of either sign; a page looks them up in the same table."""
PALEST, DARKEST = 150, 45
"""Greys of the ground's white and black, so that colours at both ends stand out from all of it."""
OPACITY = 0.8
"""Share of the ground that the strongest colour covers."""
GAMMA = 0.6
"""Of cover by strength: below 1, so that what is half as strong is more than half as visible."""
PIXEL_WISE = 1000
"""Different values from which the strongest 1 % of a map may share a colour; of fewer each counts."""
QUANTILE = 0.99


@dataclass(frozen=True)
class Colouring:
    """How one map is coloured: its ramp and the values at the ramp's ends."""

    signed: bool
    low: float
    """The value at the ramp's beginning: −`limit` of a signed map, else the map's smallest, or 0 where that is near."""
    limit: float
    """The value at the ramp's end; what is beyond has the end's colour."""
    largest: float
    """The largest absolute value."""

    @property
    def ramp(self) -> LinearSegmentedColormap:
        """The colours from `low` to `limit`, of tiles that lie over nothing."""
        return SIGNED if self.signed else POSITIVE

    @property
    def is_cut(self) -> bool:
        """Whether values beyond `limit` share its colour."""
        return self.largest > self.limit

    def ticks(self) -> list[tuple[float, str]]:
        """Return (value, label) of the ends and, of a signed map, of 0; a cut end is marked ≤ or ≥."""
        upper = (self.limit, f"{'≥ ' if self.is_cut else ''}{value_text(self.limit)}")
        if not self.signed:
            return [(self.low, value_text(self.low)), upper]
        return [(self.low, f"{'≤ ' if self.is_cut else ''}{value_text(self.low)}"), (0.0, "0"), upper]

    def strength(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return `values` on the scale of the ramp, −1 to 1 or 0 to 1; not finite ones are 0, others are not cut."""
        clean = np.where(np.isfinite(values), values, 0.0 if self.signed else self.low).astype(np.float32)
        if self.signed:
            return clean / np.float32(self.limit)
        return (clean - np.float32(self.low)) / np.float32(self.limit - self.low)


def colouring_of(values: NDArray[Any]) -> Colouring:
    """Return the colouring of a raw map: diverging about 0 if it has negative values, else from the smallest up.

    It ends at the largest absolute value. Of a pixel-wise map, one with more than 1,000 different values, it ends at
    the 99th percentile of the absolute values that are not 0: a few pixels hold the largest, and would leave the rest
    without colour.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    sizes = np.abs(finite[finite != 0])
    if not sizes.size:
        return Colouring(False, 0.0, 1.0, 0.0)
    signed, largest = bool((finite < 0).any()), float(sizes.max())
    limit = largest
    if np.unique(sizes).size > PIXEL_WISE:
        limit = float(np.quantile(sizes, QUANTILE))
    low = float(finite.min())
    if not 0.01 * limit < low < limit:  # nearly 0, or the same everywhere
        low = 0.0
    return Colouring(signed, -limit if signed else low, limit, largest)


def value_text(value: float) -> str:
    """Return `value` in three digits, with a minus sign that is one."""
    return f"{value:.3g}".replace("-", "−")


def shades() -> Picture:
    """Return the colours of strengths −1 to 1 over a picture, (2 · STEPS + 1, 3); the cover is `cover`'s."""
    strength = np.linspace(-1, 1, 2 * STEPS + 1)
    # Weak values are weak by their cover, and begin with a colour of their own, not with grey.
    position = 0.5 + np.sign(strength) * (0.18 + 0.32 * np.abs(strength))
    return np.asarray(np.round(255 * SIGNED(position)[:, :3]), dtype=np.uint8)


def overlay(
    picture: Picture,
    values: NDArray[Any],
    *,
    resize: Resize,
    size_px: int = 320,
    mask: NDArray[np.bool_] | None = None,
    opacity: float = OPACITY,
) -> Picture:
    """Return `picture` with a raw map over it, enlarged or reduced to a longer side of `size_px`.

    The stronger the map, the more its colour covers; where it is weak the picture stays, paled to grey.

    Args:
        picture: (H, W, 3) uint8 RGB.
        values: (h, w) float, raw; not finite ones count as 0.
        resize: ``bilinear`` for grids of samples, ``nearest`` for areas with sharp borders.
        size_px: longer side of what comes back.
        mask: (H, W) bool; its outline is drawn.
        opacity: 0 gives the picture itself, 1 covers it wholly where the map is strongest.
    """
    base = scaled_picture(picture, size_px)
    strength = np.clip(resized(colouring_of(values).strength(values), base.shape, resize), -1.0, 1.0)
    step = np.round(strength * STEPS).astype(int)
    cover = opacity * (np.abs(step) / STEPS)[..., None] ** GAMMA
    mixed = ground(base, opacity) * (1 - cover) + shades()[step + STEPS] * cover
    drawn: Picture = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    return drawn if mask is None else with_outline(drawn, mask)


def ground(base: Picture, opacity: float = OPACITY) -> NDArray[np.float64]:
    """Return `base` (H, W, 3) as colours lie over it: nearly grey and of middling lightness, at opacity 0 as it is."""
    grey = (base @ np.array([0.299, 0.587, 0.114]))[..., None]
    pale = DARKEST + (PALEST - DARKEST) * (0.3 * base + 0.7 * grey) / 255
    share = min(1.0, 2 * opacity)
    mixed: NDArray[np.float64] = base * (1 - share) + pale * share
    return mixed


def resized(values: NDArray[np.float32], shape: tuple[int, ...], resize: Resize) -> NDArray[np.float32]:
    """Return `values` (h, w) at the height and width that `shape` begins with."""
    method = cv2.INTER_LINEAR if resize == "bilinear" else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=method), dtype=np.float32)


def scaled_picture(picture: Picture, size_px: int) -> Picture:
    """Return `picture` (H, W, 3) with a longer side of `size_px`: averaged down, or enlarged smoothly."""
    height, width = picture.shape[:2]
    factor = size_px / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), dtype=np.uint8)


def with_outline(picture: Picture, mask: NDArray[np.bool_]) -> Picture:
    """Return `picture` (h, w, 3) with the outline of `mask` (H, W) in white on black, visible on any ground."""
    height, width = picture.shape[:2]
    smooth = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    outlines, _ = cv2.findContours((smooth >= 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    drawn = np.ascontiguousarray(picture)
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
        drawn = np.asarray(cv2.drawContours(drawn.copy(), outlines, -1, colour, thickness, cv2.LINE_AA), dtype=np.uint8)
    return drawn
