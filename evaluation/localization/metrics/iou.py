"""Intersection over union of the mask and the part of the map above a share of its maximum."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from pydantic import Field
from scipy.stats import binom

from core.seeding import Purpose, generator
from core.settings import Settings
from evaluation.localization.batch import Batch
from evaluation.measure import BoolArray, FloatArray, Measure, NoSettings, Values

STEPS = 100
"""Thresholds tried on val maps: 0.01, 0.02, … 1. The mean IoU of many maps is flat around its best one."""


class IouSettings(Settings):
    """Where the map is cut."""

    threshold: float = Field(0.5, gt=0, le=1)
    """Share of the map's maximum from which on a pixel belongs to the region. One half is the usual "full width at
    half maximum" and favours neither sharp nor blurred maps by design; CAM took 0.2 and Grad-CAM 0.15 for boxes."""


class ChosenIouSettings(Settings):
    """Where the map is cut, if that is known already."""

    threshold: float | None = Field(None, gt=0, le=1)
    """Share of the map's maximum. None: `evaluate localize` takes the share with the highest mean IoU on the maps of
    val pictures by the same method and checkpoint."""


def iou_at(batch: Batch, thresholds: FloatArray) -> FloatArray:
    """Return the IoU of mask and region at each of `thresholds` (T,), (M, T); NaN where no value is positive."""
    hits, marked = batch.at_least_shares(thresholds, "maximum")
    return np.where(batch.highest[:, None] > 0, hits / (batch.area_px[:, None] + marked - hits), np.nan)


def iou_fixed(batch: Batch, settings: IouSettings) -> Values:
    """Return the IoU of mask and region, and its expectation for a map of independent uniform pixels."""
    chance = [expected_iou(int(size), batch.pixels, settings.threshold) for size in batch.area_px]
    return iou_at(batch, np.array([settings.threshold]))[:, 0], np.array(chance, dtype=np.float64)


def iou_best(batch: Batch, settings: ChosenIouSettings) -> Values:
    """Return as `iou_fixed` at the threshold that was chosen, NaN if none was."""
    if settings.threshold is None:
        return np.full(len(batch), np.nan), np.full(len(batch), np.nan)
    return iou_fixed(batch, IouSettings(threshold=settings.threshold))


def iou_oracle(batch: Batch, _settings: Settings) -> Values:
    """Return the highest IoU that any threshold above 0 gives, and what it comes to for random orders of the pixels.

    The best threshold is a value inside the mask: a lower one only takes in other pixels.
    """
    steps = batch.steps
    found = steps.hits / (batch.area_px[steps.row] + steps.marked - steps.hits)
    best = np.maximum.reduceat(np.where(steps.value > 0, found, 0.0), steps.starts)
    chance = [expected_best_iou(int(size), batch.pixels) for size in batch.area_px]
    return np.where(batch.highest > 0, best, np.nan), np.array(chance, dtype=np.float64)


def iou_curve(batch: Batch, _settings: Settings) -> FloatArray:
    """Return the IoU at each of `STEPS` thresholds, (M, STEPS); NaN where no value is positive."""
    return iou_at(batch, np.arange(1, STEPS + 1) / STEPS)


def best_threshold(sums: FloatArray, _settings: Settings) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the highest mean IoU, NaN for chance, and the threshold that gives it."""
    means = sums[..., 1:] / sums[..., :1]
    return means.max(axis=-1), np.full(means.shape[:-1], np.nan), (means.argmax(axis=-1) + 1) / STEPS


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


def expected_best_iou(mask_px: int, pixels: int) -> float:
    """Return the expected IoU at the best threshold for a random order of `pixels`, `mask_px` of them in the mask.

    There is no closed form: it is simulated at sizes 20 % apart, and taken from the line between two of them.
    """
    low = _grid_size(mask_px)
    high = min(max(low + 1, int(low * 1.2)), pixels)
    if low == mask_px:
        return _simulated_best_iou(low, pixels)
    weight = (mask_px - low) / (high - low)
    return (1 - weight) * _simulated_best_iou(low, pixels) + weight * _simulated_best_iou(high, pixels)


@lru_cache(maxsize=65536)
def _grid_size(mask_px: int) -> int:
    """Return the largest size of the grid 1, 2, … 10, 12, 14, … that is not above `mask_px`."""
    size = 1
    while (following := max(size + 1, int(size * 1.2))) <= mask_px:
        size = following
    return size


@lru_cache(maxsize=4096)
def _simulated_best_iou(mask_px: int, pixels: int) -> float:
    if mask_px >= pixels:
        return 1.0
    rng = generator(0, mask_px, Purpose.BOOTSTRAP, pixels)
    draws = int(np.clip(4_000_000 // pixels, 200, 20_000))
    at_once = max(1, 500_000 // pixels)
    taken = np.arange(1, mask_px + 1)
    total = 0.0
    for start in range(0, draws, at_once):
        heights = rng.random((min(at_once, draws - start), pixels))
        places = np.sort(np.argpartition(heights, mask_px - 1, axis=1)[:, :mask_px], axis=1) + 1  # 1 is the highest
        total += float((taken / (mask_px + places - taken)).max(axis=1).sum())
    return total / draws


def _not_chosen(batch: Batch, settings: ChosenIouSettings) -> BoolArray:
    return np.full(len(batch), settings.threshold is None)


_SOURCE = "Everingham et al. 2010 (IoU) on the thresholded map, as Zhou et al. 2016 (CAM) did for boxes"
_CHANCE = (
    "expectation for independent uniform random pixels at the same threshold (about a/(1 + a) at 0.5, where "
    "a is the mask's share of the picture)"
)

IOU_FIXED = Measure(
    name="iou_fixed",
    title="IoU at half maximum",
    answers="Does the map, cut at half its height, have the brick's shape?",
    compute=iou_fixed,
    settings=IouSettings,
    formula="pixels in both / pixels in either, of the mask and of {map >= threshold x maximum}",
    direction="higher",
    range=(0.0, 1.0),
    needs_zero=True,
    chance=_CHANCE + "; a constant map marks the whole picture and scores a, a little more",
    uniform="the mask's share of the picture, a little above chance",
    oracle="1",
    ties="none arise: equal values fall on the same side",
    zero_mass="undefined where the map has no positive value",
    negative_values="never in the region",
    source=_SOURCE,
)

IOU_BEST = replace(
    IOU_FIXED,
    name="iou_best",
    title="IoU at the best threshold",
    answers="Does the map, cut where that suits its method best, have the brick's shape?",
    compute=iou_best,
    settings=ChosenIouSettings,
    lacking=("no_cutoff", _not_chosen),
    formula="as iou_fixed, at the one threshold with the highest mean IoU on val maps of the same method",
    chance=_CHANCE,
    uniform="the mask's share of the picture",
    source=_SOURCE + "; the threshold is chosen on other pictures, as Choe et al. 2020 ask",
)

IOU_ORACLE = replace(
    IOU_FIXED,
    name="iou_oracle",
    title="IoU at each map's best threshold",
    answers="How well could the map be cut if one knew the mask? An upper bound, not a result.",
    compute=iou_oracle,
    settings=NoSettings,
    formula="maximum of iou_fixed over all thresholds, for each map alone",
    chance="expectation over random orders of the pixels, simulated at mask sizes 20 % apart",
    uniform="the mask's share of the picture, below chance",
)

IOU_CHOICE = Measure(
    name="iou_best",
    title="Threshold of the best IoU",
    kind="split",
    answers="Where does a method's map have to be cut?",
    compute=iou_curve,
    finish=best_threshold,
    settings=ChosenIouSettings,
    formula=f"the share of the maximum, of {1 / STEPS:g} to 1 in {STEPS} steps, with the highest mean IoU",
    direction="higher",
    range=(0.0, 1.0),
    needs_zero=True,
    chance="none: it is a choice",
    uniform="the mean share of the masks, at every threshold",
    oracle="1, at every threshold",
    ties="the lowest of equally good thresholds",
    zero_mass="left out where the map has no positive value",
    negative_values="never in the region",
    source="Choe et al. 2020, Evaluating weakly supervised object localization methods right",
)
