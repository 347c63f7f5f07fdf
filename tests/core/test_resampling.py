"""Draws with replacement and their quantiles, against numpy and Student's t."""

import numpy as np
import pytest
from scipy.stats import norm, t

from core.bootstrap import expanded_level, interval_ends, resample_counts, symmetric_ends


def test_every_resample_has_as_many_units() -> None:
    counts = resample_counts(np.random.default_rng(0), 7, 400)
    assert counts.shape == (400, 7)
    assert set(counts.sum(axis=1)) == {7}
    assert counts.mean(axis=0) == pytest.approx(np.ones(7), abs=0.2)


def test_expanded_intervals_are_as_wide_as_students() -> None:
    for units in (5, 30):
        z = norm.ppf((1 + expanded_level(0.95, units)) / 2)
        assert z * np.sqrt((units - 1) / units) == pytest.approx(t.ppf(0.975, units - 1))


def test_ends_leave_out_undefined_estimates() -> None:
    estimates = np.random.default_rng(0).normal(size=(3, 500))
    holed = np.hstack([estimates, np.full((3, 20), np.nan)])
    wide = expanded_level(0.9, 40)
    wanted = np.quantile(estimates, [(1 - wide) / 2, (1 + wide) / 2], axis=1)
    assert interval_ends(estimates, 40, 0.9) == pytest.approx(wanted)
    assert interval_ends(holed, 40, 0.9) == pytest.approx(wanted)
    assert np.isnan(interval_ends(np.full((2, 9), np.nan), 40)).all()
    assert np.isnan(interval_ends(estimates, 7)).all()
    assert np.isfinite(interval_ends(estimates, 8)).all()


def test_symmetric_ends_without_bias_are_percentiles() -> None:
    spread = np.random.default_rng(0).normal(size=5000)
    mirrored = 3.0 + np.concatenate([spread, -spread])
    ends = symmetric_ends(3.0, np.append(mirrored, np.nan), 60)
    assert ends == pytest.approx(tuple(interval_ends(mirrored, 60)), abs=2e-3)
    assert np.isnan(symmetric_ends(3.0, mirrored, 7)).all()
    assert np.isnan(symmetric_ends(0.0, np.zeros(9), 60)).all()  # no width is no certainty
