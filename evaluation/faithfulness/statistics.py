"""Correlations that are NaN where they have no value, and intervals of anything over resampled piles."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from core.bootstrap import interval_ends, resample_counts
from core.seeding import Purpose, generator
from evaluation.intervals import Interval

FloatArray = NDArray[np.float64]
RESAMPLES = 500
"""A correlation is costly to draw again; the ends of an interval then wander by 4 % of its width between seeds."""


def pearson(first: FloatArray, second: FloatArray) -> float:
    """Return the correlation of two lists of numbers; NaN for fewer than two, or where one list is constant."""
    if len(first) < 2:
        return float("nan")
    one, other = first - first.mean(), second - second.mean()
    scale = np.sqrt((one @ one) * (other @ other))
    # Rounding leaves a constant list some 1e-16 of its size.
    flat = any(np.ptp(values) <= 1e-12 * np.abs(values).max() for values in (first, second))
    return float("nan") if flat or scale == 0 else float(np.clip(one @ other / scale, -1, 1))


def spearman(first: FloatArray, second: FloatArray) -> float:
    """Return the rank correlation, ties sharing their mean rank; NaN as for `pearson`."""
    return pearson(rankdata(first), rankdata(second))


def kendall(first: FloatArray, second: FloatArray) -> float:
    """Return concordant minus discordant pairs over all pairs; a tie counts 0 (tau-a). NaN for fewer than two."""
    count = len(first)
    if count < 2:
        return float("nan")
    signs = np.sign(first[:, None] - first) * np.sign(second[:, None] - second)
    return float(signs.sum() / (count * (count - 1)))


def interval_over_piles(
    estimate: Callable[[NDArray[np.intp]], float],
    piles: NDArray[Any],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return `estimate` of all items, and its percentile interval from piles drawn with replacement.

    Args:
        estimate: takes the places of the items, repeated as often as their pile was drawn; may return NaN.
        piles: (N,) the pile of each item.
        seed: of the resampling.
        resamples: how many times the piles are drawn.
    """
    everything = np.arange(len(piles))
    value = estimate(everything) if len(piles) else float("nan")
    found, member = np.unique(piles, return_inverse=True)
    if len(found) < 2:
        return Interval(value, np.nan, np.nan, len(piles), len(found))
    counts = resample_counts(generator(seed, Purpose.BOOTSTRAP), len(found), resamples)  # (B, piles)
    drawn = np.array([estimate(np.repeat(everything, times[member])) for times in counts])
    low, high = interval_ends(drawn, len(found))
    return Interval(value, float(low), float(high), len(piles), len(found))
