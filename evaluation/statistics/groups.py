"""Some values against all others: do those of one part, floor or light differ from the rest?

Unlike two methods on the same maps, a group and the rest are other maps. Both may lie in one pile, and piles are the
unit here too: intervals draw piles, and the test flips what each pile says of the difference.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.bootstrap import interval_ends, resample_counts
from core.seeding import Purpose, generator
from evaluation.intervals import RESAMPLES, FloatArray, Interval, Piles
from evaluation.statistics.effects import Estimate
from evaluation.statistics.permutation import flips_for, sign_flip_p_values

_AT_ONCE = 128  # columns: 2,000 resamples of four sums of each take 8 MB
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class GroupEffect:
    """Values of a group against those of the rest."""

    group: Interval
    """Mean of the group."""
    rest: Interval
    """Mean of the rest."""
    difference: Estimate
    """Mean of the group minus that of the rest; ends are NaN where either has fewer than two piles."""
    p_value: float
    """That the group does not differ, two-sided, uncorrected; NaN where either is empty."""


def group_effects(
    values: FloatArray, inside: BoolArray, piles: NDArray[np.int64], *, seed: int, resamples: int = RESAMPLES
) -> list[GroupEffect]:
    """Return how the group of each column differs from its rest.

    Args:
        values: (C, N), NaN for what belongs to neither.
        inside: (C, N), which values are of the group.
        piles: (N,) the pile of each value.
        seed: of the resampling and of the flips; every column sees the same ones.
        resamples: of the bootstrap.

    The test flips signs of score contributions (Hemerik, Goeman and Finos 2020): a pile contributes the sum over its
    values of (in the group or not, minus the group's share) times (value minus mean of all). Their total is the
    difference of the means but for a factor. If the group does not differ, each pile's contribution could as well have
    the other sign, whatever the spread and however values within a pile hang together.
    """
    found = Piles.of(piles)
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    share = (inside & known).sum(axis=1, keepdims=True) / count
    mean = np.nansum(values, axis=1, keepdims=True) / count
    contributions = found.sums(np.where(known, (inside - share) * (values - mean), 0.0))
    p_values = sign_flip_p_values(contributions, seed=seed, flips=flips_for(len(values)))
    drawn = resample_counts(generator(seed, Purpose.BOOTSTRAP), found.count, resamples).astype(np.float64)
    effects: list[GroupEffect] = []
    for start in range(0, len(values), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        effects += _effects(values[some], inside[some], p_values[some], found, drawn)
    return effects


def _effects(
    values: FloatArray, inside: BoolArray, p_values: FloatArray, piles: Piles, drawn: FloatArray
) -> list[GroupEffect]:
    sides = np.stack([np.where(inside, values, np.nan), np.where(inside, np.nan, values)])  # (2, C, N)
    sums, counts = piles.sums(sides), piles.counts(sides)  # (2, C, G)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = sums.sum(axis=2) / counts.sum(axis=2)
        resampled = (sums @ drawn.T) / (counts @ drawn.T)  # (2, C, B)
    effects = []
    for column in range(values.shape[0]):
        units = (counts[:, column] > 0).sum(axis=1)
        means = []
        for side in range(2):
            low, high = interval_ends(resampled[side, column], int(units[side])).tolist()
            number = int(counts[side, column].sum())
            means.append(Interval(float(whole[side, column]), low, high, number, int(units[side])))
        fewest = int(units.min())  # the smaller side decides how rough the interval is
        low, high = interval_ends(resampled[0, column] - resampled[1, column], fewest).tolist()
        difference = Estimate(float(whole[0, column] - whole[1, column]), low, high)
        p_value = float(p_values[column]) if fewest else np.nan
        effects.append(GroupEffect(means[0], means[1], difference, p_value))
    return effects
