"""Intervals of means over few units: against scipy, by hand, and by how often they cover the truth."""

import numpy as np
import pytest
from scipy.stats import beta, binomtest, ttest_1samp

from core.bootstrap import FEWEST_RESAMPLED
from core.student import agreed_ends, mean_ends, ratio_residuals, student_ends

NO_RESAMPLE = np.zeros(0)


@pytest.mark.parametrize("units", [2, 3, 5, 7])
def test_units_of_one_size_have_the_ordinary_t_interval(units: int) -> None:
    sums = np.random.default_rng(units).gamma(2.0, size=units)
    ends = mean_ends(3 * sums, np.full(units, 3.0), NO_RESAMPLE)
    assert ends == pytest.approx(tuple(ttest_1samp(sums, 0).confidence_interval(0.95)))


def test_residuals_are_the_derivative_of_the_ratio() -> None:
    sums, counts = np.array([2.0, 1.0, 4.5, 0.0]), np.array([4.0, 1.0, 6.0, 0.0])

    def ratio(weights: np.ndarray) -> float:
        return float((weights @ sums) / (weights @ counts))

    step = 1e-6
    slopes = [(ratio(np.ones(4) + step * np.eye(4)[unit]) - ratio(np.ones(4))) / step for unit in range(4)]
    assert ratio_residuals(sums, counts) == pytest.approx(slopes, abs=1e-6)


def test_a_unit_without_values_is_none() -> None:
    sums, counts = np.array([2.0, 1.0, 4.5]), np.array([4.0, 1.0, 6.0])
    with_empty = mean_ends(np.append(sums, 0.0), np.append(counts, 0.0), NO_RESAMPLE)
    assert with_empty == pytest.approx(mean_ends(sums, counts, NO_RESAMPLE))
    assert np.isnan(mean_ends(np.array([2.0, 0.0]), np.array([4.0, 0.0]), NO_RESAMPLE)).all()


def test_ends_stay_within_the_bounds() -> None:
    sums, counts = np.array([0.0, 0.0, 1.0]), np.ones(3)
    assert student_ends(1 / 3, ratio_residuals(sums, counts), 3)[0] < 0
    assert mean_ends(sums, counts, NO_RESAMPLE, bounds=(0.0, 1.0)) == (0.0, 1.0)


@pytest.mark.parametrize("units", [2, 5, 30])
def test_where_all_are_misses_the_upper_end_is_the_exact_one_sided_bound(units: int) -> None:
    low, high = mean_ends(np.zeros(units), np.full(units, 2.0), np.zeros(9), bounds=(0.0, 1.0))
    assert low == 0.0
    exact = binomtest(0, units, alternative="less").proportion_ci(0.95)
    assert high == pytest.approx(exact.high)
    assert high == pytest.approx(beta.ppf(0.95, 1, units))


def test_agreement_is_mirrored_and_scales_with_the_bounds() -> None:
    low, high = agreed_ends(0.2, 6, (0.0, 1.0))
    assert agreed_ends(0.8, 6, (0.0, 1.0)) == pytest.approx((1 - high, 1 - low))
    assert agreed_ends(-0.6, 6, (-1.0, 1.0)) == pytest.approx((2 * low - 1, 2 * high - 1))
    assert np.isnan(agreed_ends(0.2, 6, (0.0, np.inf))).all()


def test_from_enough_units_on_resamples_decide() -> None:
    sums, drawn = np.arange(FEWEST_RESAMPLED, dtype=np.float64), np.linspace(0, 1, 101)
    low, high = mean_ends(sums, np.ones(FEWEST_RESAMPLED), drawn)
    assert 0 < low < 0.05
    assert 0.95 < high < 1
