"""Intervals over piles: two views of one pile are not two independent pictures. Few piles have Student's, or none.

Beside them: sums over piles for many columns of values at once, and correlations that are NaN where they have no value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from core.bootstrap import FEWEST_RESAMPLED, interval_ends, resample_counts
from core.seeding import Purpose, generator
from core.student import UNBOUNDED, Ends, mean_ends

FloatArray = NDArray[np.float64]
RESAMPLES = 2000
"""Enough for two digits: the ends of a 95 % interval then wander by about 2 % of its width between seeds."""
FEW_RESAMPLES = 500
"""A correlation is costly to draw again; the ends of an interval then wander by 4 % of its width between seeds."""


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; NaN ends where there is none, as where fewer than two piles have a value."""

    mean: float
    low: float
    high: float
    values: int
    piles: int

    def as_row(self) -> dict[str, object]:
        """Return the mean and its ends as columns of a table."""
        return {"mean": self.mean, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Piles:
    """Which of G piles each of N pairs belongs to."""

    member: NDArray[np.intp]
    """(N,) 0 to G - 1"""
    count: int
    """G"""

    @classmethod
    def of(cls, names: NDArray[Any]) -> "Piles":
        """Return the piles called `names`, (N,)."""
        distinct, member = np.unique(names, return_inverse=True)
        return cls(np.asarray(member, dtype=np.intp), len(distinct))

    def sums(self, values: FloatArray) -> FloatArray:
        """Return the sums of `values` (..., N) over the pairs of each pile, (..., G); NaN counts as 0."""
        flat = np.nan_to_num(values, nan=0.0).reshape(-1, values.shape[-1])
        totals = np.zeros((len(flat), self.count))
        for row, column in zip(totals, flat, strict=True):
            row[:] = np.bincount(self.member, weights=column, minlength=self.count)
        return totals.reshape(*values.shape[:-1], self.count)

    def counts(self, values: FloatArray) -> FloatArray:
        """Return how many of `values` (..., N) are defined in each pile, (..., G)."""
        return self.sums((~np.isnan(values)).astype(np.float64))


def mean_interval(
    values: FloatArray, piles: NDArray[Any], *, seed: int, resamples: int = RESAMPLES, bounds: Ends = UNBOUNDED
) -> Interval:
    """Return the mean of the defined `values` and its 95 % interval over piles.

    Args:
        values: (N,) float64, NaN where undefined; those are left out.
        piles: (N,) the pile of each value; piles are drawn with replacement, with all their values.
        seed: of the resampling; the same seed gives the same interval.
        resamples: how many times the piles are drawn.
        bounds: between which each value lies, such as a measure's range.

    From `FEWEST_RESAMPLED` piles on it is from resampled piles, with fewer Student's t; where all piles have the same
    mean, it follows from their number and `bounds` (`core.student.mean_ends`).

    Source: Efron & Tibshirani 1993, percentile intervals; Davison & Hinkley 1997, section 3.8, clusters as units;
    expanded as in `core.bootstrap.expanded_level`.
    """
    defined = ~np.isnan(values)
    values, units = values[defined], Piles.of(piles[defined])
    if len(values) == 0:
        return Interval(np.nan, np.nan, np.nan, 0, 0)
    sums, counts = units.sums(values), units.counts(values)
    drawn = resample_counts(generator(seed, Purpose.BOOTSTRAP), units.count, resamples)  # (B, G)
    low, high = mean_ends(sums, counts, (drawn @ sums) / (drawn @ counts), bounds=bounds)
    return Interval(float(values.mean()), low, high, len(values), units.count)


def _interval(value: float, resampled: FloatArray, values: int, piles: int) -> Interval:
    low, high = interval_ends(resampled, piles).tolist()
    return Interval(value, low, high, values, piles)


def mean_intervals(values: FloatArray, piles: NDArray[Any], *, seed: int, bounds: Ends = UNBOUNDED) -> list[Interval]:
    """Return `mean_interval` of each row of `values` (C, N), from one drawing of piles for all of them.

    A pile in which a row has no value is drawn for it all the same, and adds nothing.
    """
    units = Piles.of(piles)
    drawn = resample_counts(generator(seed, Purpose.BOOTSTRAP), units.count, RESAMPLES)  # (B, G)
    sums, counts = units.sums(values), units.counts(values)  # (C, G)
    with np.errstate(invalid="ignore"):
        means = (sums @ drawn.T) / (counts @ drawn.T)  # (C, B)
    intervals = []
    for row, sum_, count, resampled in zip(values, sums, counts, means, strict=True):
        defined = int((count > 0).sum())
        mean = float(sum_.sum() / count.sum()) if defined else np.nan
        low, high = mean_ends(sum_, count, resampled, bounds=bounds)
        intervals.append(Interval(mean, low, high, int((~np.isnan(row)).sum()), defined))
    return intervals


def median_interval(values: FloatArray, piles: NDArray[Any], *, seed: int, resamples: int = RESAMPLES) -> Interval:
    """Return the median of the defined `values`, as `Interval.mean`, and its interval from resampled piles.

    Arguments are those of `mean_interval`, and the same seed draws the same piles. Fewer than `FEWEST_RESAMPLED` piles
    give no interval.
    """
    defined = ~np.isnan(values)
    order = np.argsort(values[defined], kind="stable")
    values, units = values[defined][order], Piles.of(piles[defined][order])
    if len(values) == 0:
        return Interval(np.nan, np.nan, np.nan, 0, 0)
    drawn = resample_counts(generator(seed, Purpose.BOOTSTRAP), units.count, resamples)  # (B, G)
    medians = np.empty(resamples)
    for start in range(0, resamples, 256):  # 256 resamples of 1,000 values are 2 MB
        reached = np.cumsum(drawn[start : start + 256][:, units.member], axis=1)  # (256, N)
        half = reached[:, -1:] / 2
        lower, upper = (reached >= half).argmax(axis=1), (reached > half).argmax(axis=1)
        medians[start : start + 256] = (values[lower] + values[upper]) / 2
    return _interval(float(np.median(values)), medians, len(values), units.count)


def interval_over_piles(
    estimate: Callable[[NDArray[np.intp]], float],
    piles: NDArray[Any],
    *,
    seed: int,
    resamples: int = FEW_RESAMPLES,
) -> Interval:
    """Return `estimate` of all items, and its percentile interval from piles drawn with replacement; none of few piles.

    Args:
        estimate: takes the numbers of the items, repeated as often as their pile was drawn; may return NaN.
        piles: (N,) the pile of each item.
        seed: of the resampling.
        resamples: how many times the piles are drawn.
    """
    everything, units = np.arange(len(piles)), Piles.of(piles)
    value = estimate(everything) if len(piles) else float("nan")
    if units.count < FEWEST_RESAMPLED:
        return Interval(value, np.nan, np.nan, len(piles), units.count)
    counts = resample_counts(generator(seed, Purpose.BOOTSTRAP), units.count, resamples)  # (B, G)
    drawn = np.array([estimate(np.repeat(everything, times[units.member])) for times in counts])
    return _interval(value, drawn, len(piles), units.count)


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
