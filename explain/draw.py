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

# Both ramps differ in lightness as well as hue, so they survive colour-blind eyes and a grey printer.
POSITIVE = LinearSegmentedColormap.from_list("positive", colormaps["inferno"](np.linspace(0.25, 0.97, 256)))
SIGNED = LinearSegmentedColormap.from_list("signed", colormaps["RdBu_r"](np.linspace(0.04, 0.96, 257)))


@dataclass(frozen=True)
class Colouring:
    """How one map is coloured: its ramp and the value at the ramp's end."""

    signed: bool
    limit: float

    @property
    def low(self) -> float:
        """The value at the ramp's beginning."""
        return -self.limit if self.signed else 0.0

    @property
    def ramp(self) -> LinearSegmentedColormap:
        """The colours from `low` to `limit`."""
        return SIGNED if self.signed else POSITIVE


def colouring_of(values: NDArray[Any]) -> Colouring:
    """Return the colouring of a raw map: diverging about 0 if it has negative values, else from 0 up."""
    finite = values[np.isfinite(values)]
    limit = float(np.abs(finite).max()) if finite.size else 0.0
    return Colouring(bool((finite < 0).any()), limit if limit > 0 else 1.0)


def overlay(
    picture: Picture,
    values: NDArray[Any],
    *,
    resize: Resize,
    size_px: int = 320,
    mask: NDArray[np.bool_] | None = None,
) -> Picture:
    """Return `picture` with a raw map over it, enlarged or reduced to a longer side of `size_px`.

    The stronger the map, the more its colour covers; where it is weak the picture stays, paled to grey.

    Args:
        picture: (H, W, 3) uint8 RGB.
        values: (h, w) float, raw; not finite ones count as 0.
        resize: ``bilinear`` for grids of samples, ``nearest`` for areas with sharp borders.
        size_px: longer side of what comes back.
        mask: (H, W) bool; its outline is drawn.
    """
    base = scaled_picture(picture, size_px)
    height, width = base.shape[:2]
    colouring = colouring_of(values)
    clean = np.where(np.isfinite(values), values, 0.0).astype(np.float32) / np.float32(colouring.limit)
    method = cv2.INTER_LINEAR if resize == "bilinear" else cv2.INTER_NEAREST
    strength = np.clip(cv2.resize(clean, (width, height), interpolation=method), -1.0, 1.0)[..., None]
    colours = colouring.ramp((strength[..., 0] + 1) / 2 if colouring.signed else strength[..., 0])[..., :3] * 255
    grey = base @ np.array([0.299, 0.587, 0.114])
    pale = 0.35 * base + 0.65 * grey[..., None]
    cover = 0.82 * np.abs(strength) ** 0.75
    mixed = pale * (1 - cover) + colours * cover
    drawn: Picture = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    return drawn if mask is None else with_outline(drawn, mask)


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
