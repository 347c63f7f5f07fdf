"""What the analysis of a study says: figures, each with what it assumes and, where there is no figure, the reason.

Shares are of answers in which the method called first was chosen, among those that showed it. Figures that cannot be
had are NaN, and `reason` then says why in one sentence; it is empty where all is well.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.bootstrap import Estimate, interval_ends

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

NO_ESTIMATE = Estimate(np.nan, np.nan, np.nan)


def resampled_estimate(value: float, resampled: FloatArray, units: int) -> Estimate:
    """Return `value` with the ends of the expanded percentile interval of `resampled` (B,), whose NaN are left out.

    `units` says how many people, or items, were drawn from; ends are NaN with fewer than
    `core.bootstrap.FEWEST_RESAMPLED`, or nothing but NaN.
    """
    return Estimate(value, *interval_ends(resampled, units).tolist())


@dataclass(frozen=True)
class Finding:
    """Figures with what they assume, and the reason why there are none; empty where all is well."""

    assumes: str
    reason: str


@dataclass(frozen=True)
class Term:
    """One coefficient of a logistic model."""

    name: str
    logit: Estimate
    """The coefficient in logits with its profile-likelihood interval."""
    wald: Estimate
    """The same with its Wald interval."""
    p_value: float
    """The likelihood-ratio test's that it is 0."""
    degrees_of_freedom: float
    """Those of the t distribution that test and intervals use."""


@dataclass(frozen=True)
class Generalisation(Finding):
    """Crossed-effects logistic model: what to expect of new people on new items."""

    preference: Term
    """The intercept: the logit of choosing the first method for a typical person, item and familiarity, sides even."""
    share: Estimate
    """The share that the preference means for new people and items, with the ends of its profile interval."""
    terms: tuple[Term, ...]
    """Position and familiarity where the answers can tell of them, else absent."""
    left_out: tuple[str, ...]
    """One sentence for each term that is absent."""
    person_sd: float
    """Standard deviation between people, in logits."""
    item_sd: float
    """Standard deviation between items, in logits."""
    log_likelihood: float


@dataclass(frozen=True)
class TwoWayShare(Finding):
    """The share with an interval from people and items resampled, both."""

    share: Estimate
    draws: int


@dataclass(frozen=True)
class PooledShare(Finding):
    """The share as if all answers were independent: for these people and items only."""

    chosen: int
    answers: int
    wilson: Estimate
    exact: Estimate
    """Clopper-Pearson."""
    p_value: float
    """The exact two-sided binomial test's, against one half."""
    warning: str
    """How often this test rejects what is true when people and items vary."""


@dataclass(frozen=True)
class Randomisation(Finding):
    """Test that no choice had to do with which method stood where: sides drawn anew, choices of sides kept."""

    chosen: int
    """Answers for the first method."""
    expected: float
    """The mean of that number over all ways in which the sides could have been drawn."""
    p_value: float
    """Two-sided, exact."""


@dataclass(frozen=True)
class Group:
    """The share in one group of answers: a person, an item, a level of familiarity."""

    name: str
    people: int
    chosen: int
    answers: int
    share: Estimate
    """With the Wilson interval."""


@dataclass(frozen=True)
class ItemTest:
    """One item: is the share of people who chose the first method other than one half?"""

    group: Group
    p_value: float
    """Exact, of this item alone."""
    holm_p_value: float
    """Corrected for all items."""


@dataclass(frozen=True)
class Items(Finding):
    """Items one by one, and whether they differ at all: `reason` is why there is no Q."""

    tests: tuple[ItemTest, ...]
    cochran_q: float
    """Over the people who answered every item."""
    cochran_df: int
    cochran_p_value: float


@dataclass(frozen=True)
class FamiliarityTrend(Finding):
    """Does the share rise or fall with familiarity?"""

    levels: tuple[Group, ...]
    """``not familiar``, ``a bit familiar``, ``familiar``: those that occur."""
    concordance: float
    """Probability that of two people the more familiar one has the higher share; one half means no trend."""
    p_value: float
    """The two-sided p of permuting familiarity over people."""


@dataclass(frozen=True)
class PositionBias(Finding):
    """Is one side chosen more often, whatever stands there?"""

    left: Estimate
    """Share of answers ``left``, mean of those with the first method left and right; people and items resampled."""
    p_value: float
    """The likelihood-ratio test's of position in the crossed model."""


@dataclass(frozen=True)
class Consistency(Finding):
    """Do people choose the same explanation when they see a trial again?"""

    repeated: Estimate
    """Share of repeated trials with the same choice; people resampled."""
    repeats: int
    swapped: Estimate
    """The same for trials with left and right exchanged."""
    swaps: int


@dataclass(frozen=True)
class Agreement(Finding):
    """How far people agree on items, beyond chance."""

    alpha: Estimate
    """Krippendorff's, nominal; answers may be missing; items resampled."""
    kappa: Estimate
    """Fleiss's, which needs as many answers on every item."""
    kappa_reason: str


@dataclass(frozen=True)
class Strength:
    """A method's strength in logits against the reference."""

    method: str
    independent: Estimate
    """Wald interval as if all answers were independent."""
    clustered: Estimate
    """Interval with people resampled."""


@dataclass(frozen=True)
class Contest:
    """Two methods of three or more."""

    first: str
    second: str
    wins: int
    """How often the first was chosen over the second."""
    answers: int
    difference: Estimate
    """Difference of strengths, first minus second, with people resampled."""
    p_value: float
    """The p that follows from the spread of resamples; Student's t with people - 1 degrees of freedom."""
    holm_p_value: float


@dataclass(frozen=True)
class BradleyTerry(Finding):
    """One scale for three or more methods."""

    reference: str
    strengths: tuple[Strength, ...]
    """From the strongest down; the reference has 0."""
    contests: tuple[Contest, ...]
    """All pairs."""


@dataclass(frozen=True)
class ScorePreference(Finding):
    """Do people prefer the map that scores higher?"""

    answers: int
    """Number of answers with a score for both maps."""
    ties: int
    """How many of these have equal scores: they count for the slope only."""
    higher: Estimate
    """Share of answers for the higher-scoring map; people and items resampled."""
    slope: Term
    """Logits for a score difference of one standard deviation."""
    difference_sd: float
    """That standard deviation, in units of the score."""


@dataclass(frozen=True)
class Attention(Finding):
    """Who failed attention checks."""

    checks: int
    passed: int
    failed_people: tuple[str, ...]
    """Participants with a wrong answer to a check."""
