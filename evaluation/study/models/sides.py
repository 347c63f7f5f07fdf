"""Left and right: is a side chosen whatever stands there, and do choices have to do with what stands there?"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from core.bootstrap import Estimate
from evaluation.study.models.generalisation import POSITION
from evaluation.study.models.results import NO_ESTIMATE, Generalisation, PositionBias, Randomisation, resampled_estimate
from evaluation.study.models.trials import Trials, table_of
from evaluation.study.models.two_way import draw_weights

POSITION_ASSUMES = (
    "That the first method stood on either side by lot: the share is the mean of that where it stood left and that "
    "where it stood right, so a preference for a method does not count as one for a side. The interval is for new "
    "people and items; the p is that of position in the crossed-effects model."
)
RANDOMISATION_ASSUMES = (
    "Only that the sides were drawn by lot, each person's number of trials with the first method on the left being "
    "fixed. Tested is that each choice, left or right, would have been the same with the two pictures exchanged: for "
    "these people and items only. Where the plan balances sides on each item as well, p is if anything too large."
)
_TIE = 1e-9  # probabilities that differ by less are equal


def position_bias(trials: Trials, model: Generalisation, *, seed: int, draws: int) -> PositionBias:
    """Return the share of choices of the left side, as if each method had stood there equally often."""
    if not trials.items_known:
        return PositionBias(POSITION_ASSUMES, "It is not known which method stood on which side.", NO_ESTIMATE, np.nan)
    if trials.first_is_left.all() or not trials.first_is_left.any():
        reason = "The first method always stood on the same side: a preference for it looks like one for that side."
        return PositionBias(POSITION_ASSUMES, reason, NO_ESTIMATE, np.nan)
    shape = len(trials.people), len(trials.items)
    left = trials.first_is_left == (trials.chosen == 1)
    tables = [
        table_of(trials.person, trials.item, values.astype(np.float64), shape)
        for side in (trials.first_is_left, ~trials.first_is_left)
        for values in (left & side, side)
    ]
    value = float((tables[0].sum() / tables[1].sum() + tables[2].sum() / tables[3].sum()) / 2)
    weights = draw_weights(*shape, seed=seed, draws=draws, keep_items=shape[1] < 2)
    reason = ""
    if value in (0.0, 1.0):
        reason = f"All {len(left)} choices are of the {'left' if value else 'right'} side."
    elif shape[0] < 2:
        reason = "With one person there is nobody to resample."
    if reason:
        share = Estimate(value, np.nan, np.nan)
    else:
        resampled = (weights.shares(tables[0], tables[1]) + weights.shares(tables[2], tables[3])) / 2
        share = resampled_estimate(value, resampled, weights.units)
    p_value = next((term.p_value for term in model.terms if term.name == POSITION), np.nan)
    return PositionBias(POSITION_ASSUMES, reason, share, p_value)


def randomisation_test(
    first_is_left: NDArray[np.bool_], chose_left: NDArray[np.bool_], person: NDArray[np.intp], *, sides_known: bool
) -> Randomisation:
    """Return the exact test that no choice of a side had to do with which method stood there.

    The N choices of a side are kept and each person's sides dealt out anew over that person's trials. A person with n
    trials, k of them with the first method on the left and m choices of the left, then chooses it n - m - k + 2 X
    times, X being hypergeometric; people are independent, so the distribution of the sum is a convolution.

    Source: Fisher 1935; Ernst 2004. The p is that of all numbers at least as far from their mean.
    """
    trials = np.bincount(person)
    on_left = np.bincount(person, first_is_left)
    chosen_left = np.bincount(person, chose_left)
    chosen = int((first_is_left == chose_left).sum())
    expected = float((trials - chosen_left - on_left + 2 * chosen_left * on_left / trials).sum())
    reason = _why_not(sides_known, expected, float(np.minimum(on_left, trials - on_left).sum()))
    if reason:
        return Randomisation(RANDOMISATION_ASSUMES, reason, chosen, expected if sides_known else np.nan, np.nan)
    both = np.array([1.0])  # distribution of the sum of X over the people so far, from its least value
    least = 0
    for n, k, m in zip(trials, on_left.astype(int), chosen_left.astype(int), strict=True):
        low, high = max(0, k + m - n), min(k, m)
        both = np.convolve(both, hypergeom(n, k, m).pmf(np.arange(low, high + 1)))
        least += low
    numbers = float((trials - chosen_left - on_left).sum()) + 2 * (least + np.arange(len(both)))
    far = np.abs(numbers - expected) >= abs(chosen - expected) - _TIE
    return Randomisation(RANDOMISATION_ASSUMES, "", chosen, expected, float(min(1.0, both[far].sum())))


def _why_not(sides_known: bool, expected: float, free: float) -> str:
    if not sides_known:
        return "It is not known which method stood on which side."
    if not free:
        return "Each person saw the first method on one and the same side throughout: the sides were not drawn by lot."
    if np.isnan(expected):
        return "There are no answers."
    return ""
