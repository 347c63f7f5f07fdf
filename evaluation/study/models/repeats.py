"""Consistency on repeated and swapped trials, and who failed an attention check."""

import numpy as np
from numpy.typing import NDArray

from core.bootstrap import Estimate, resample_counts
from core.seeding import Purpose, generator
from core.student import mean_ends
from evaluation.study.answers.answers import Answers
from evaluation.study.models.results import NO_ESTIMATE, Attention, Consistency

CONSISTENCY_ASSUMES = (
    "That people are independent of each other: the interval is over them, with all their trials. Guessing gives one "
    "half. A share on swapped trials that is below the one on repeated trials speaks for a preference of a side."
)
ATTENTION_ASSUMES = (
    "That anybody who looks sees which side is wrong. Leaving people out for it was to be fixed before the study; both "
    "analyses are given, and it should worry if they disagree."
)
_STREAM = 6


def consistency(answers: Answers, *, seed: int, draws: int) -> Consistency:
    """Return how often the same method was chosen again, on the repeated and on the swapped trials of `answers`.

    A trial repeats the main one of the same participant, item and two methods; those without one are left out.
    """
    main = answers.where(answers.kind == "main")
    earlier = dict(zip(_trials(main), main.winner.tolist(), strict=True))
    shares: dict[str, tuple[Estimate, int]] = {}
    for kind in ("repeat", "swapped"):
        again = answers.where(answers.kind == kind)
        before = [earlier.get(trial) for trial in _trials(again)]
        known = np.array([winner is not None for winner in before], dtype=bool)
        same = again.winner == np.array([winner or "" for winner in before], dtype=np.str_)
        shares[kind] = _by_people(same[known], again.participant[known], seed=seed, draws=draws), int(known.sum())
    (repeated, repeats), (swapped, swaps) = shares["repeat"], shares["swapped"]
    reason = "" if repeats + swaps else "No trial was shown twice."
    return Consistency(CONSISTENCY_ASSUMES, reason, repeated, repeats, swapped, swaps)


def attention(answers: Answers) -> Attention:
    """Return who failed a check in `answers`: one wrong answer is enough."""
    checks = answers.where(answers.kind == "attention")
    passed = checks.chosen == checks.expected
    failed = tuple(np.unique(checks.participant[~passed]).tolist())
    reason = "" if len(checks) else "There were no attention checks."
    return Attention(ATTENTION_ASSUMES, reason, len(checks), int(passed.sum()), failed)


def _trials(answers: Answers) -> list[tuple[str, str, frozenset[str]]]:
    columns = (answers.participant.tolist(), answers.item.tolist(), answers.left.tolist(), answers.right.tolist())
    return [(who, item, frozenset((left, right))) for who, item, left, right in zip(*columns, strict=True)]


def _by_people(same: NDArray[np.bool_], participant: NDArray[np.str_], *, seed: int, draws: int) -> Estimate:
    """Return the share of `same` with its interval over people."""
    if not len(same):
        return NO_ESTIMATE
    people, member = np.unique(participant, return_inverse=True)
    hits, tries = np.bincount(member, same).astype(np.float64), np.bincount(member).astype(np.float64)
    weights = resample_counts(generator(seed, Purpose.BOOTSTRAP, _STREAM), len(people), draws)
    shares = (weights @ hits) / (weights @ tries)
    return Estimate(float(same.mean()), *mean_ends(hits, tries, shares, bounds=(0.0, 1.0)))
