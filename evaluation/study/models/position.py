"""Is one side chosen more often, whatever stands there?"""

import numpy as np

from core.bootstrap import Estimate
from evaluation.study.models.generalisation import POSITION
from evaluation.study.models.results import NO_ESTIMATE, Generalisation, PositionBias, resampled_estimate
from evaluation.study.models.trials import Trials, table_of
from evaluation.study.models.two_way import draw_weights

ASSUMES = (
    "That the first method stood on either side by lot: the share is the mean of that where it stood left and that "
    "where it stood right, so a preference for a method does not count as one for a side. The interval is for new "
    "people and items; the p is that of position in the crossed-effects model."
)


def position_bias(trials: Trials, model: Generalisation, *, seed: int, draws: int) -> PositionBias:
    """Return the share of choices of the left side, as if each method had stood there equally often."""
    if not trials.items_known:
        return PositionBias(ASSUMES, "It is not known which method stood on which side.", NO_ESTIMATE, np.nan)
    if trials.first_is_left.all() or not trials.first_is_left.any():
        reason = "The first method always stood on the same side: a preference for it looks like one for that side."
        return PositionBias(ASSUMES, reason, NO_ESTIMATE, np.nan)
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
    return PositionBias(ASSUMES, reason, share, p_value)
