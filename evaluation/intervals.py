"""Percentile intervals that resample piles: two views of one pile are not two independent pictures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.bootstrap import LEVEL, interval_ends, resample_counts
from core.seeding import Purpose, generator
from evaluation.statistics.totals import Piles

RESAMPLES = 2000
"""Enough for two digits: the ends of a 95 % interval then wander by about 2 % of its width between seeds."""


@dataclass(frozen=True)
class Interval:
    """A mean with its percentile interval; NaN ends where fewer than two piles have a value."""

    mean: float
    low: float
    high: float
    values: int
    piles: int


def mean_interval(
    values: NDArray[np.float64],
    piles: NDArray[Any],
    *,
    seed: int,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the mean of the defined `values` and its interval from resampled piles.

    Args:
        values: (N,) float64, NaN where undefined; those are left out.
        piles: (N,) the pile of each value; piles are drawn with replacement, with all their values.
        seed: of the resampling; the same seed gives the same interval.
        level: share of resampled means within the interval.
        resamples: how many times the piles are drawn.

    Source: Efron & Tibshirani 1993, percentile intervals; Davison & Hinkley 1997, section 3.8, clusters as units;
    expanded for few piles as in `core.bootstrap.expanded_level`.
    """
    defined = ~np.isnan(values)
    values, names = values[defined], piles[defined]
    if len(values) == 0:
        return Interval(np.nan, np.nan, np.nan, 0, 0)
    mean = float(values.mean())
    found, member = np.unique(names, return_inverse=True)
    if len(found) < 2:
        return Interval(mean, np.nan, np.nan, len(values), len(found))
    sums = np.bincount(member, weights=values)
    counts = np.bincount(member).astype(np.float64)
    drawn = resample_counts(generator(seed, Purpose.BOOTSTRAP), len(found), resamples)  # (B, piles)
    means = (drawn @ sums) / (drawn @ counts)
    low, high = interval_ends(means, len(found), level)
    return Interval(mean, float(low), float(high), len(values), len(found))


def mean_intervals(
    values: NDArray[np.float64], piles: NDArray[Any], *, seed: int, resamples: int = RESAMPLES
) -> list[Interval]:
    """Return `mean_interval` of each row of `values` (C, N), from one drawing of piles for all of them.

    A pile in which a row has no value is drawn for it all the same, and adds nothing.
    """
    found = Piles.of(piles)
    drawn = resample_counts(generator(seed, Purpose.BOOTSTRAP), found.count, resamples)  # (B, G)
    sums, counts = found.sums(values), found.counts(values)  # (C, G)
    with np.errstate(invalid="ignore"):
        means = (sums @ drawn.T) / (counts @ drawn.T)  # (C, B)
    intervals = []
    for row, total, count, resampled in zip(values, sums.sum(axis=1), counts, means, strict=True):
        units = int((count > 0).sum())
        mean = float(total / count.sum()) if units else np.nan
        low, high = interval_ends(resampled, units)
        intervals.append(Interval(mean, float(low), float(high), int((~np.isnan(row)).sum()), units))
    return intervals


def median_interval(
    values: NDArray[np.float64],
    piles: NDArray[Any],
    *,
    seed: int,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the median of the defined `values`, as `Interval.mean`, and its interval from resampled piles.

    Arguments and intervals are those of `mean_interval`, and the same seed draws the same piles.
    """
    defined = ~np.isnan(values)
    order = np.argsort(values[defined], kind="stable")
    values = values[defined][order]
    names, member = np.unique(piles[defined], return_inverse=True)
    if len(values) == 0:
        return Interval(np.nan, np.nan, np.nan, 0, 0)
    median = float(np.median(values))
    if len(names) < 2:
        return Interval(median, np.nan, np.nan, len(values), len(names))
    member = member[order]
    drawn = resample_counts(generator(seed, Purpose.BOOTSTRAP), len(names), resamples)  # (B, piles)
    medians = np.empty(resamples)
    for start in range(0, resamples, 256):  # 256 resamples of 1,000 values are 2 MB
        reached = np.cumsum(drawn[start : start + 256][:, member], axis=1)  # (256, N)
        half = reached[:, -1:] / 2
        lower, upper = (reached >= half).argmax(axis=1), (reached > half).argmax(axis=1)
        medians[start : start + 256] = (values[lower] + values[upper]) / 2
    low, high = interval_ends(medians, len(names), level)
    return Interval(median, float(low), float(high), len(values), len(names))
