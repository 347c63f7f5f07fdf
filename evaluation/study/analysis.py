"""All that the answers of a study show, in order: new people and new items first, then these ones only."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError
from evaluation.study.answers.answers import Answers
from evaluation.study.models.agreement import agreement
from evaluation.study.models.bradley_terry import bradley_terry, count_wins
from evaluation.study.models.familiarity import familiarity_trend
from evaluation.study.models.generalisation import generalise
from evaluation.study.models.items import items_one_by_one
from evaluation.study.models.repeats import attention, consistency
from evaluation.study.models.results import (
    Agreement,
    Attention,
    BradleyTerry,
    Consistency,
    FamiliarityTrend,
    Generalisation,
    Group,
    Items,
    PooledShare,
    PositionBias,
    Randomisation,
    ScorePreference,
    TwoWayShare,
)
from evaluation.study.models.scores import ScoreKey, score_preference
from evaluation.study.models.share import pooled_share, wilson
from evaluation.study.models.sides import position_bias, randomisation_test
from evaluation.study.models.trials import read_trials
from evaluation.study.models.two_way import two_way_share

DRAWS = 2000
"""Resamples of a bootstrap, orders of a permutation: ends wander by about 2 % of an interval's width between seeds."""


@dataclass(frozen=True)
class Preference:
    """The whole analysis of one group of participants, on the answers that show the method called first."""

    people: int
    items: int
    answers: int
    """Main answers; repeated, swapped and attention trials are not counted."""
    generalisation: Generalisation
    two_way: TwoWayShare
    pooled: PooledShare
    randomisation: Randomisation
    familiarity: FamiliarityTrend
    position: PositionBias
    consistency: Consistency
    agreement: Agreement
    by_item: Items
    by_person: tuple[Group, ...]
    bradley_terry: BradleyTerry | None
    """None with two methods."""
    scores: ScorePreference | None
    """None where no scores were given."""


@dataclass(frozen=True)
class StudyResult:
    """What a study shows."""

    methods: tuple[str, ...]
    first: str
    """The method whose share is reported."""
    against: str
    """The other method, or ``the others`` where there are more."""
    seed: int
    draws: int
    everyone: Preference
    attention: Attention
    attentive: Preference | None
    """The same without people who failed an attention check; None where nobody failed, or nobody is left."""


def analyze(
    answers: Answers,
    *,
    seed: int,
    first: str | None = None,
    scores: Mapping[ScoreKey, float] | None = None,
    draws: int = DRAWS,
) -> StudyResult:
    """Return what `answers` show of the preference for `first`, else for the first method in alphabetical order.

    Only main answers count for the preference. `scores` are of one metric, higher being better. The same seed gives the
    same result, with `draws` in each bootstrap and permutation.

    Raises:
        BrickbenchError: there are no main answers, fewer than two methods, or `first` is none of them.
    """
    first, methods = _chosen_method(answers, first)
    checked = attention(answers)
    everyone = _preference(answers, first, methods, seed=seed, scores=scores, draws=draws)
    attentive = None
    if checked.failed_people:
        left = answers.where(~np.isin(answers.participant, checked.failed_people))
        if _shows(left, first).any():
            attentive = _preference(left, first, methods, seed=seed, scores=scores, draws=draws)
    others = [method for method in methods if method != first]
    return StudyResult(
        methods=methods,
        first=first,
        against=others[0] if len(others) == 1 else "the others",
        seed=seed,
        draws=draws,
        everyone=everyone,
        attention=checked,
        attentive=attentive,
    )


def _chosen_method(answers: Answers, first: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the method whose share is reported, and all methods, that one first."""
    main = answers.kind == "main"
    if not main.any():
        raise BrickbenchError("There are no main answers to analyse: only those of kind `main` count.")
    methods = np.unique(np.concatenate([answers.left[main], answers.right[main]])).tolist()
    if len(methods) < 2 or (answers.left[main] == answers.right[main]).any():
        raise BrickbenchError("Each answer is a choice between two different methods; an answer here names one alone.")
    if first is None:
        first = str(methods[0])
    if first not in methods:
        raise BrickbenchError(f"No answer shows the method {first!r}; there are {', '.join(methods)}.")
    return first, (first, *(str(method) for method in methods if method != first))


def _shows(answers: Answers, first: str) -> NDArray[np.bool_]:
    return np.asarray((answers.kind == "main") & ((answers.left == first) | (answers.right == first)))


def _preference(
    answers: Answers,
    first: str,
    methods: tuple[str, ...],
    *,
    seed: int,
    scores: Mapping[ScoreKey, float] | None,
    draws: int,
) -> Preference:
    trials = read_trials(answers, first)
    hits, tries = trials.hits, trials.tries
    by_person, of_person = hits.sum(axis=1), tries.sum(axis=1)
    generalisation = generalise(trials)
    known = trials.items_known
    chose_left = trials.first_is_left == (trials.chosen == 1)
    return Preference(
        people=len(trials.people),
        items=len(trials.items) if known else 0,
        answers=len(trials.chosen),
        generalisation=generalisation,
        two_way=two_way_share(hits, tries, seed=seed, draws=draws, items_known=known),
        pooled=pooled_share(int(trials.chosen.sum()), len(trials.chosen)),
        randomisation=randomisation_test(trials.first_is_left, chose_left, trials.person, sides_known=known),
        familiarity=familiarity_trend(trials.familiarity, by_person, of_person, seed=seed, draws=draws),
        position=position_bias(trials, generalisation, seed=seed, draws=draws),
        consistency=consistency(answers, seed=seed, draws=draws),
        agreement=agreement(
            np.stack([hits.sum(axis=0), (tries - hits).sum(axis=0)], axis=1), seed=seed, draws=draws, items_known=known
        ),
        by_item=items_one_by_one(trials.items, hits, tries, items_known=known),
        by_person=tuple(
            Group(str(name), 1, int(chosen), int(count), wilson(int(chosen), int(count)))
            for name, chosen, count in zip(trials.people, by_person, of_person, strict=True)
        ),
        bradley_terry=None
        if len(methods) < 3
        else bradley_terry(count_wins(answers, methods), methods, seed=seed, draws=draws),
        scores=None if scores is None else score_preference(trials, first, scores, seed=seed, draws=draws),
    )
