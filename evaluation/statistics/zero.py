"""Which measures apply to which methods: those that read the zero of a map need one that means something."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import FloatArray
from evaluation.measure import NO_ZERO
from evaluation.measures import MEASURES
from explain.methods import METHODS

MISSING = "missing"
"""Status in a table where there is no score."""


def why_no_zero(method: str) -> str:
    """Return why 0 means nothing in `method`'s maps, as a clause; empty where it means something."""
    row = METHODS[method]
    return "" if row.has_zero else row.no_zero or "its maps are not meant to be read for their mass"


def apply_zero_rule(
    methods: Sequence[str], metrics: Sequence[str], values: FloatArray, status: NDArray[np.str_]
) -> tuple[FloatArray, NDArray[np.str_]]:
    """Return `values` and `status`, (M, K, P), of M `methods` by K `metrics`, without those that do not apply.

    Scores by a measure that needs a zero, of a method whose maps have none, become NaN with the status `NO_ZERO`.
    """
    lacks = np.array([not METHODS[name].has_zero for name in methods], dtype=np.bool_)
    needs = np.array([MEASURES[name].needs_zero for name in metrics], dtype=np.bool_)
    barred = lacks[:, None, None] & needs[None, :, None] & (status != MISSING)
    return np.where(barred, np.nan, values), np.where(barred, NO_ZERO, status)
