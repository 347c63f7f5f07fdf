"""The strict reading of scores: where there is none, the worst counts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.measures import MEASURES


def strict_values_of(
    metrics: Sequence[str], values: NDArray[np.float64], status: NDArray[np.str_]
) -> NDArray[np.float64]:
    """Return `values` (M, K, P) of K `metrics` with the worst value of each where its `status` is undefined.

    A measure whose worst value is infinite keeps its gaps, and so does one that has no value of any map, as `iou_best`
    where no threshold was chosen: nothing there tells methods apart.
    """
    filled = values.copy()
    for place, name in enumerate(metrics):
        if (status[:, place] == "ok").any():
            filled[:, place] = MEASURES[name].strict(values[:, place], status[:, place])
    return filled
