"""Intersection over union of the mask and the part of the map above a fixed share of its maximum."""

from functools import lru_cache

import numpy as np
from pydantic import Field
from scipy.stats import binom

from core.settings import Settings
from evaluation.batch import Batch
from evaluation.scores import FloatArray, Metric


class IouSettings(Settings):
    """Where the map is cut."""

    threshold: float = Field(0.5, gt=0, le=1)
    """Share of the map's maximum from which on a pixel belongs to the region. One half is the usual "full width at
    half maximum" and favours neither sharp nor blurred maps by design; CAM took 0.2 and Grad-CAM 0.15 for boxes."""


def compute(batch: Batch, settings: Settings) -> tuple[FloatArray, FloatArray]:
    """Return the IoU of mask and region, and its expectation for a map of independent uniform pixels."""
    assert isinstance(settings, IouSettings)
    top = batch.maps.max(axis=1, keepdims=True)
    # Divided, not multiplied: value / top is exactly 1 at the maximum whatever the scale of the map.
    scaled = np.divide(batch.maps, top, out=np.zeros_like(batch.maps), where=top > 0)
    region = scaled >= settings.threshold
    common = (region & batch.masks).sum(axis=1)
    union = (region | batch.masks).sum(axis=1)
    values = np.where(top[:, 0] > 0, common / union, np.nan)
    pixels = batch.masks.shape[1]
    chance = [expected_iou(int(size), pixels, settings.threshold) for size in batch.area_px]
    return values, np.array(chance, dtype=np.float64)


@lru_cache(maxsize=65536)
def expected_iou(mask_px: int, pixels: int, threshold: float) -> float:
    """Return the expected IoU of a mask of `mask_px` of `pixels` with the region of a uniform random map.

    Given the maximum, the other pixels are independent and uniform below it, so each lies in the region with
    probability q = 1 - threshold, whatever the maximum is; the maximum itself always does. The region's pixels in
    and out of the mask are then independent binomials, and the expectation is a sum over those outside:
    with n = mask_px and m = pixels - n, n/P (1 + (n-1)q) E[1/(n + B(m, q))] + m/P nq E[1/(n + 1 + B(m-1, q))].
    """
    inside, outside, share = mask_px, pixels - mask_px, 1.0 - threshold
    top_inside = (1 + (inside - 1) * share) * _mean_inverse(inside, outside, share)
    top_outside = inside * share * _mean_inverse(inside + 1, outside - 1, share)
    return (inside * top_inside + outside * top_outside) / pixels


def _mean_inverse(offset: int, trials: int, share: float) -> float:
    """Return E[1 / (offset + B)] for B binomial; terms beyond 12 standard deviations weigh under 1e-30."""
    middle, reach = trials * share, 12 * np.sqrt(trials * share * (1 - share)) + 12
    counts = np.arange(max(0, int(middle - reach)), min(trials, int(middle + reach)) + 1)
    return float(np.sum(binom.pmf(counts, trials, share) / (offset + counts)))


IOU_FIXED = Metric(
    name="iou_fixed",
    title="IoU at half maximum",
    compute=compute,
    settings=IouSettings,
    formula="pixels in both / pixels in either, of the mask and of {map >= threshold x maximum}",
    direction="higher",
    range=(0.0, 1.0),
    chance="expectation for independent uniform random pixels at the same threshold (about a/(1 + a) at 0.5, where "
    "a is the mask's share of the picture); a constant map marks the whole picture and scores a, a little more",
    ties="none arise: equal values fall on the same side",
    zero_mass="undefined where the map has no positive value",
    negative_values="never in the region",
    source="Everingham et al. 2010 (IoU) on the thresholded map, as Zhou et al. 2016 (CAM) did for boxes",
)
