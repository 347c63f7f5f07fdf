"""Do people prefer the map that scores higher?"""

from collections.abc import Mapping

import numpy as np

from evaluation.study.models.crossed import fit, term
from evaluation.study.models.generalisation import is_separated, no_term, too_varied
from evaluation.study.models.laplace import Choices
from evaluation.study.models.results import NO_ESTIMATE, FloatArray, IntArray, ScorePreference, Term
from evaluation.study.models.trials import Trials, table_of
from evaluation.study.models.two_way import draw_weights, share_interval

ScoreKey = tuple[str, str, str]
"""Image, part and method."""

SLOPE = "score difference"
ASSUMES = (
    "For the share, that people and items were drawn at random. For the slope also the crossed-effects model, and that "
    "each unit of score moves everybody's logit by as much; the preference for a method whatever it scores is a term "
    "of its own. Items with a large difference of scores may differ in other ways too: this is no experiment on scores."
)


def score_preference(
    trials: Trials, first: str, scores: Mapping[ScoreKey, float], *, seed: int, draws: int
) -> ScorePreference:
    """Return how often the higher-scoring map was chosen, and how the choice of `first` goes with what it scores more.

    `first` is the method that `trials` are told by, and `scores` are of one metric, higher being better; answers
    without a number for both maps are left out. People and items are resampled.
    """
    ahead = _difference(trials, first, scores)
    known = np.isfinite(ahead)
    answers, ties = int(known.sum()), int((ahead == 0).sum())
    if not answers:
        reason = "No answer has scores for both of its maps."
        return ScorePreference(ASSUMES, reason, 0, 0, NO_ESTIMATE, no_term(SLOPE), np.nan)
    person, item = _renumbered(trials.person[known]), _renumbered(trials.item[known])
    chosen, ahead = trials.chosen[known], ahead[known]
    shape = int(person.max()) + 1, int(item.max()) + 1
    higher = np.where(ahead > 0, chosen, 1 - chosen) * (ahead != 0)
    hits = table_of(person, item, higher, shape)
    tries = table_of(person, item, (ahead != 0).astype(np.float64), shape)
    weights = draw_weights(*shape, seed=seed, draws=draws, keep_items=shape[1] < 2)
    spread = float(ahead.std())
    slope, reason = _slope(chosen, ahead, spread, person, item)
    return ScorePreference(ASSUMES, reason, answers, ties, share_interval(hits, tries, weights), slope, spread)


def _difference(trials: Trials, first: str, scores: Mapping[ScoreKey, float]) -> FloatArray:
    """Return the score of the first method less that of the other, (N,); NaN where either is not known."""
    rows = zip(trials.answers.image_id.tolist(), trials.answers.part_id.tolist(), trials.other.tolist(), strict=True)
    differences = [
        scores.get((image, part, first), np.nan) - scores.get((image, part, other), np.nan)
        for image, part, other in rows
    ]
    return np.array(differences, dtype=np.float64)


def _slope(chosen: FloatArray, ahead: FloatArray, spread: float, person: IntArray, item: IntArray) -> tuple[Term, str]:
    """Return the slope by one standard deviation of the difference, and why there is none."""
    if spread <= 1e-12 * np.abs(ahead).max():
        return no_term(SLOPE), "The first map is ahead by the same score in all answers, so there is no slope."
    design = np.column_stack([ahead / spread, np.ones(len(ahead))])
    if is_separated(design, chosen):
        return no_term(SLOPE), "The scores tell every choice, or all are the same: the slope has no finite estimate."
    choices = Choices(chosen, np.ones(len(chosen)), design, person, item, np.zeros(len(chosen)))
    free_sd = (2 <= choices.people < len(chosen), 2 <= choices.items < len(chosen))
    fitted = fit(choices, free_sd)
    reason = too_varied(fitted)
    return (no_term(SLOPE), reason) if reason else (term(choices, free_sd, fitted, 0, SLOPE), "")


def _renumbered(member: IntArray) -> IntArray:
    return np.unique(member, return_inverse=True)[1]
