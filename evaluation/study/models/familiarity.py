"""Familiarity as an ordered trend: does the share rise or fall with it?"""

import numpy as np
from numpy.typing import NDArray

from core.seeding import Purpose, generator
from evaluation.study.models.results import FamiliarityTrend, FloatArray, Group
from evaluation.study.models.share import wilson

LEVELS = ("not familiar", "a bit familiar", "familiar")
ASSUMES = (
    "That people are independent of each other, and that without a trend any person could have had any of the recorded "
    "familiarities. One share counts a person; nothing is said of new items. The intervals of the levels are those of "
    "independent answers, for these people and items only."
)
_STREAM = 3


def familiarity_trend(
    familiarity: NDArray[np.int64], chosen: FloatArray, answers: FloatArray, *, seed: int, draws: int
) -> FamiliarityTrend:
    """Return the trend of shares over familiarity.

    Args:
        familiarity: (P,) of each person, 0 to 2, or -1 where it is not known: such people are left out.
        chosen: (P,) answers of each person for the first method.
        answers: (P,) of each person, 1 or more.
        seed: of the permutations.
        draws: permutations of familiarity over people; p is exact to 1 / (draws + 1).

    Source: Jonckheere 1954, Terpstra 1952: the statistic counts the pairs of people of different familiarity in which
    the more familiar one has the higher share, ties half; the reference is the permutation distribution, with
    (b + 1) / (m + 1) after Phipson and Smyth 2010.
    """
    known = familiarity >= 0
    levels = tuple(
        _level(name, known & (familiarity == level), chosen, answers)
        for level, name in enumerate(LEVELS)
        if (familiarity == level).any()
    )
    if len(levels) < 2:
        reason = "Nobody was asked for familiarity." if not levels else f"Everybody is {levels[0].name}."
        return FamiliarityTrend(ASSUMES, reason, levels, np.nan, np.nan)
    asked, shares = familiarity[known], chosen[known] / answers[known]
    above = np.sign(shares[:, None] - shares[None, :])  # (P, P)
    pairs = float((asked[:, None] > asked[None, :]).sum())

    rng = generator(seed, Purpose.BOOTSTRAP, _STREAM)
    orders = rng.permuted(np.tile(asked, (draws, 1)), axis=1)  # (B, P)
    surplus = float(_surplus(asked[None], above)[0])
    as_far = int((np.abs(_surplus(orders, above)) >= abs(surplus)).sum())
    reason = "All people have the same share." if not above.any() else ""
    return FamiliarityTrend(ASSUMES, reason, levels, 0.5 + surplus / (2 * pairs), (as_far + 1) / (draws + 1))


def _surplus(familiarity: NDArray[np.int64], above: FloatArray) -> FloatArray:
    """Return pairs in which the more familiar one has the higher share, less those with the lower one, of each row."""
    total = np.zeros(len(familiarity))
    for high in (1, 2):
        higher, lower = (familiarity == high).astype(np.float64), (familiarity < high).astype(np.float64)
        total += ((higher @ above) * lower).sum(axis=1)
    return total


def _level(name: str, members: NDArray[np.bool_], chosen: FloatArray, answers: FloatArray) -> Group:
    first, count = int(chosen[members].sum()), int(answers[members].sum())
    return Group(name, int(members.sum()), first, count, wilson(first, count))
