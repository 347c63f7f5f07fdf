"""Holm's correction: p values that hold for a whole family of comparisons."""

import numpy as np

from evaluation.statistics.totals import FloatArray


def holm(p_values: FloatArray) -> FloatArray:
    """Return p values adjusted for being (C,) comparisons; NaN stays NaN and is not counted.

    The chance that even one of the true null hypotheses has an adjusted p of at most a is at most a, whatever the
    comparisons have to do with each other.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    adjusted = np.full(len(p_values), np.nan)
    places = np.flatnonzero(~np.isnan(p_values))
    order = places[np.argsort(p_values[places], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted
