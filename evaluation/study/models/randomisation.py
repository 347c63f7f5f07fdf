"""The randomisation test: had the sides been drawn otherwise, how often would the first method have done as well?"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from evaluation.study.models.results import Randomisation

ASSUMES = (
    "Only that the sides were drawn by lot, each person's number of trials with the first method on the left being "
    "fixed. Tested is that each choice, left or right, would have been the same with the two pictures exchanged: for "
    "these people and items only. Where the plan balances sides on each item as well, p is if anything too large."
)
_TIE = 1e-9  # probabilities that differ by less are equal


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
        return Randomisation(ASSUMES, reason, chosen, expected if sides_known else np.nan, np.nan)
    both = np.array([1.0])  # distribution of the sum of X over the people so far, from its least value
    least = 0
    for n, k, m in zip(trials, on_left.astype(int), chosen_left.astype(int), strict=True):
        low, high = max(0, k + m - n), min(k, m)
        both = np.convolve(both, hypergeom(n, k, m).pmf(np.arange(low, high + 1)))
        least += low
    numbers = float((trials - chosen_left - on_left).sum()) + 2 * (least + np.arange(len(both)))
    far = np.abs(numbers - expected) >= abs(chosen - expected) - _TIE
    return Randomisation(ASSUMES, "", chosen, expected, float(min(1.0, both[far].sum())))


def _why_not(sides_known: bool, expected: float, free: float) -> str:
    if not sides_known:
        return "It is not known which method stood on which side."
    if not free:
        return "Each person saw the first method on one and the same side throughout: the sides were not drawn by lot."
    if np.isnan(expected):
        return "There are no answers."
    return ""
