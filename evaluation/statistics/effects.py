"""How far apart two columns of values are, over piles: of two methods on the same pairs, or of a group and the rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.bootstrap import FEWEST_RESAMPLED, Estimate, interval_ends, resample_counts
from core.seeding import Purpose, generator
from core.student import mean_ends, ratio_residuals, student_ends
from evaluation.intervals import RESAMPLES, FloatArray, Interval, Piles
from evaluation.statistics.permutation import flips_for, holm, sign_flip_p_values

BoolArray = NDArray[np.bool_]
_AT_ONCE = 128  # columns: 2,000 resamples of four sums of each take 8 MB


@dataclass(frozen=True)
class Effect:
    """What sets the first of two columns apart from the second, over the pairs where both have a value."""

    mean: Interval
    """Of the differences."""
    median: float
    """Of the differences."""
    standardised: Estimate
    """Mean difference over the standard deviation of the differences (Cohen's d_z); NaN where they are all alike."""
    superiority: Estimate
    """Probability that on a pair the first value is the higher one, ties counting half."""
    p_value: float
    """Of the sign-flip test over piles, two-sided, uncorrected; NaN without a pair."""

    def turned(self) -> "Effect":
        """Return the effect of second minus first."""
        mean, wins = self.mean, self.superiority
        return Effect(
            mean=Interval(-mean.mean, -mean.high, -mean.low, mean.values, mean.piles),
            median=-self.median,
            standardised=Estimate(-self.standardised.value, -self.standardised.high, -self.standardised.low),
            superiority=Estimate(1 - wins.value, 1 - wins.high, 1 - wins.low),
            p_value=self.p_value,
        )


def paired_effects(
    differences: FloatArray, piles: NDArray[np.int64], *, seed: int, resamples: int = RESAMPLES
) -> list[Effect]:
    """Return the effect in each column of differences.

    Args:
        differences: (C, N), first minus second, NaN where either has no value.
        piles: (N,) the pile of each pair: piles are resampled and flipped with all their pairs.
        seed: of the resampling and of the flips; every column sees the same ones.
        resamples: of the bootstrap.

    Source: d_z after Cohen 1988, section 2.3.5, and Lakens 2013; probability of superiority for paired values after
    Grissom and Kim 2012 (McGraw and Wong 1992 called it the common-language effect size).
    """
    units = Piles.of(piles)
    p_values = sign_flip_p_values(units.sums(differences), seed=seed, flips=flips_for(len(differences)))
    drawn = resample_counts(generator(seed, Purpose.BOOTSTRAP), units.count, resamples).astype(np.float64)  # (B, G)
    effects: list[Effect] = []
    for start in range(0, len(differences), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        effects += _effects(differences[some], p_values[some], units, drawn)
    return effects


def _effects(differences: FloatArray, p_values: FloatArray, piles: Piles, drawn: FloatArray) -> list[Effect]:
    defined = ~np.isnan(differences)
    centre = np.where(defined.any(axis=1), np.nansum(differences, axis=1) / np.maximum(defined.sum(axis=1), 1), 0.0)
    moved = differences - centre[:, None]  # squares of differences far from 0 would lose their digits
    wins = np.where(defined, (differences > 0) + 0.5 * (differences == 0), np.nan)
    sums = np.stack([piles.counts(differences), piles.sums(moved), piles.sums(moved**2), piles.sums(wins)])  # (4, C, G)
    whole = _estimates(sums.sum(axis=2)[..., None], centre)  # (3, C, 1)
    resampled = _estimates(sums @ drawn.T, centre)  # (3, C, B)
    effects = []
    for column, values in enumerate(differences):
        units = int((sums[0, column] > 0).sum())
        counts, totals, _, won = sums[:, column]
        low, high = mean_ends(totals, counts, resampled[0, column] - centre[column])
        ends = (
            (low + centre[column], high + centre[column]),
            interval_ends(resampled[1, column], units).tolist(),
            mean_ends(won, counts, resampled[2, column], bounds=(0.0, 1.0)),
        )
        mean, standardised, superiority = (
            Estimate(float(number), *of_number) for number, of_number in zip(whole[:, column, 0], ends, strict=True)
        )
        count = int(defined[column].sum())
        effects.append(
            Effect(
                mean=Interval(mean.value, mean.low, mean.high, count, units),
                median=float(np.median(values[defined[column]])) if count else np.nan,
                standardised=standardised,
                superiority=superiority,
                p_value=float(p_values[column]) if count else np.nan,
            )
        )
    return effects


def _estimates(totals: FloatArray, centre: FloatArray) -> FloatArray:
    """Return mean, standardised difference and superiority (3, C, B) of totals (4, C, B); NaN where undefined."""
    count, moved, squares, wins = totals
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = moved / count
        spread = np.sqrt(np.maximum(squares / count - mean**2, 0.0) * count / (count - 1))
        mean = mean + centre[:, None]
        standardised = np.where(spread > 1e-9 * np.abs(mean), mean / spread, np.nan)
        return np.stack([mean, standardised, wins / count])


def corrected_effects(differences: FloatArray, piles: NDArray[np.int64], *, seed: int) -> list[tuple[Effect, float]]:
    """Return the effect in each column of differences, with its p value by Holm's correction for all of them."""
    effects = paired_effects(differences, piles, seed=seed)
    corrected = holm(np.array([effect.p_value for effect in effects]))
    return list(zip(effects, corrected.tolist(), strict=True))


@dataclass(frozen=True)
class GroupEffect:
    """Values of a group against those of the rest: of one part, floor or light against all others.

    Unlike two methods on the same maps, a group and the rest are other maps. Both may lie in one pile, and piles are
    the unit here too: intervals draw piles, and the test flips what each pile says of the difference.
    """

    group: Interval
    """Mean of the group."""
    rest: Interval
    """Mean of the rest."""
    difference: Estimate
    """Mean of the group minus that of the rest; ends are NaN where either has fewer than two piles."""
    p_value: float
    """That the group does not differ, two-sided, uncorrected; NaN where either is empty."""


def group_effects(values: FloatArray, inside: BoolArray, piles: NDArray[np.int64], *, seed: int) -> list[GroupEffect]:
    """Return how the group of each column differs from its rest.

    Args:
        values: (C, N), NaN for what belongs to neither.
        inside: (C, N), which values are of the group.
        piles: (N,) the pile of each value.
        seed: of the resampling and of the flips; every column sees the same ones.

    The test flips signs of score contributions (Hemerik, Goeman and Finos 2020): a pile contributes the sum over its
    values of (in the group or not, minus the group's share) times (value minus mean of all). Their total is the
    difference of the means but for a factor. If the group does not differ, each pile's contribution could as well have
    the other sign, whatever the spread and however values within a pile hang together.
    """
    units = Piles.of(piles)
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    share = (inside & known).sum(axis=1, keepdims=True) / count
    mean = np.nansum(values, axis=1, keepdims=True) / count
    contributions = units.sums(np.where(known, (inside - share) * (values - mean), 0.0))
    p_values = sign_flip_p_values(contributions, seed=seed, flips=flips_for(len(values)))
    drawn = resample_counts(generator(seed, Purpose.BOOTSTRAP), units.count, RESAMPLES).astype(np.float64)
    effects: list[GroupEffect] = []
    for start in range(0, len(values), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        effects += _group_effects(values[some], inside[some], p_values[some], units, drawn)
    return effects


def _group_effects(
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
            low, high = mean_ends(sums[side, column], counts[side, column], resampled[side, column])
            number = int(counts[side, column].sum())
            means.append(Interval(float(whole[side, column]), low, high, number, int(units[side])))
        fewest = int(units.min())  # the smaller side decides how rough the interval is
        apart = float(whole[0, column] - whole[1, column])
        low, high = interval_ends(resampled[0, column] - resampled[1, column], fewest).tolist()
        if 2 <= fewest < FEWEST_RESAMPLED:
            first, second = (ratio_residuals(sums[side, column], counts[side, column]) for side in range(2))
            low, high = student_ends(apart, first - second, fewest)
        difference = Estimate(apart, low, high)
        p_value = float(p_values[column]) if fewest else np.nan
        effects.append(GroupEffect(means[0], means[1], difference, p_value))
    return effects
