"""All that the answers of a study show, in order: new people and new items first, then these ones only."""

from collections.abc import Mapping
from dataclasses import dataclass

from evaluation.study.answers import Answers
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

DRAWS = 2000
"""Of each bootstrap and permutation: ends wander by about 2 % of an interval's width between seeds."""

ScoreKey = tuple[str, str, str]
"""Image, part and method."""


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
    """Return what `answers` show of the preference for `first`.

    Args:
        answers: of all kinds; only main ones count for the preference.
        seed: of resampling and permutations; the same seed gives the same result.
        first: the method whose share is reported; the first in alphabetical order where None.
        scores: of one metric, higher is better, by image, part and method.
        draws: of each bootstrap and permutation.

    Raises:
        BrickbenchError: there are no main answers, fewer than two methods, or `first` is none of them.
    """
    raise NotImplementedError
