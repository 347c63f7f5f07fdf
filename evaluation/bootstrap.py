"""Percentile intervals that resample piles: two views of one pile are not two independent pictures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from core.seeding import Purpose, generator

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
    level: float = 0.95,
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
    expanded for few piles as in `expanded_level`.
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
    rng = generator(seed, Purpose.BOOTSTRAP)
    drawn = rng.multinomial(len(found), np.full(len(found), 1 / len(found)), size=resamples)  # (B, piles)
    means = (drawn @ sums) / (drawn @ counts)
    wide = expanded_level(level, len(found))
    low, high = np.quantile(means, [(1 - wide) / 2, (1 + wide) / 2])
    return Interval(mean, float(low), float(high), len(values), len(found))


def expanded_level(level: float, piles: int) -> float:
    """Return the share of resampled means to take so that the interval covers the truth with probability `level`.

    Plain percentile intervals are those of a normal distribution with the n-divisor of the variance: too narrow
    (for normal data 95 % ones cover 90 % with 10 piles, 94 % with 40). Hesterberg 2015, What teachers should know about
    the bootstrap, section 4.6, takes the quantiles at which they are as wide as Student's.
    """
    quantile = np.sqrt(piles / (piles - 1)) * t.ppf((1 + level) / 2, piles - 1)
    return float(2 * norm.cdf(quantile) - 1)


def paired_difference(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    piles: NDArray[Any],
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the mean of ``first - second`` over the pairs where both are defined, with its interval over piles."""
    return mean_interval(first - second, piles, seed=seed, level=level, resamples=resamples)
