"""The strict reading: the worst value where there is none, but never for what no map can have."""

import numpy as np

from evaluation.statistics.table import strict_values_of


def test_undefined_scores_are_the_worst_and_missing_ones_are_not_there() -> None:
    metrics = ("mass_accuracy", "mass_on_floor", "lift_on_floor", "iou_best", "deletion")
    values = np.full((1, 5, 3), np.nan)
    values[0, :, 0] = 0.4
    status = np.full((1, 5, 3), "ok", dtype="<U32")
    status[0, :, 1], status[0, :, 2] = "zero_mass", "missing"
    values[0, 3], status[0, 3] = np.nan, "no_cutoff"
    filled = strict_values_of(metrics, values, status)
    assert filled[0, 0, :2].tolist() == [0.4, 0.0]
    assert filled[0, 1, :2].tolist() == [0.4, 1.0]
    assert filled[0, 4, :2].tolist() == [0.4, 1.0]
    assert np.isnan(filled[0, 2, 1])  # there is no worst of what has no end
    assert np.isnan(filled[0, 3]).all()  # no threshold was chosen: no method is to blame
    assert np.isnan(filled[0, :, 2]).all()
    assert np.isnan(values[0, 0, 1])  # what came in is left as it is
