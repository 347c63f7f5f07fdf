"""Effect sizes by hand, against a bootstrap of scipy, and in what turning does."""

import numpy as np
import pytest
from scipy.stats import bootstrap, ttest_1samp

from core.bootstrap import expanded_level
from evaluation.intervals import mean_interval
from evaluation.statistics.effects import paired_effects


def test_by_hand() -> None:
    (effect,) = paired_effects(np.array([[1.0, 0.0, 2.0, -1.0, np.nan]]), np.array([0, 1, 2, 3, 3]), seed=0)
    assert (effect.mean.mean, effect.mean.values, effect.mean.piles) == (0.5, 4, 4)
    assert effect.median == 0.5
    assert effect.standardised.value == pytest.approx(0.5 / np.std([1, 0, 2, -1], ddof=1))
    assert effect.superiority.value == (1 + 0.5 + 1 + 0) / 4
    assert effect.p_value == 12 / 16  # of the 16 signings of 1, 0, 2, -1 all but those with |total| = 0 reach 2


def test_d_z_is_t_over_the_root_of_n() -> None:
    values = np.random.default_rng(0).normal(0.3, size=50)
    (effect,) = paired_effects(values[None], np.arange(50), seed=0)
    assert effect.standardised.value == pytest.approx(ttest_1samp(values, 0).statistic / np.sqrt(50))


def test_mean_interval_is_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    values, piles = rng.normal(0.3, size=60), np.repeat(np.arange(20), 3)
    (effect,) = paired_effects(values[None], piles, seed=4)
    known = mean_interval(values, piles, seed=4)
    assert (effect.mean.low, effect.mean.high) == pytest.approx((known.low, known.high), abs=1e-12)


def test_intervals_agree_with_scipy() -> None:
    values = np.random.default_rng(2).gamma(2.0, size=60) - 1.5
    (effect,) = paired_effects(values[None], np.arange(60), seed=0, resamples=20_000)
    for ours, statistic in (
        (effect.standardised, lambda x, axis: x.mean(axis=axis) / x.std(axis=axis, ddof=1)),
        (effect.superiority, lambda x, axis: (x > 0).mean(axis=axis)),
    ):
        theirs = bootstrap(
            (values,), statistic, method="percentile", confidence_level=expanded_level(0.95, 60), n_resamples=20_000,
            rng=1,
        ).confidence_interval  # fmt: skip
        width = ours.high - ours.low
        assert ours.low == pytest.approx(theirs.low, abs=0.04 * width)
        assert ours.high == pytest.approx(theirs.high, abs=0.04 * width)


def test_turned_is_the_effect_of_the_negative() -> None:
    values = np.random.default_rng(0).normal(0.1, size=(1, 30))
    (forth,) = paired_effects(values, np.arange(30), seed=0)
    (back,) = paired_effects(-values, np.arange(30), seed=0)
    turned = forth.turned()
    for name in ("mean", "standardised", "superiority"):
        for end in ("low", "high"):
            assert getattr(getattr(turned, name), end) == pytest.approx(getattr(getattr(back, name), end), abs=2e-2)
    assert turned.superiority.value == pytest.approx(back.superiority.value)
    assert (turned.median, turned.p_value) == (back.median, back.p_value)


def test_many_columns_are_each_alone() -> None:
    values = np.random.default_rng(0).normal(size=(150, 40))
    values[3, :7] = np.nan
    alone = [paired_effects(row[None], np.arange(40), seed=1)[0] for row in values[[0, 3, 149]]]
    together = paired_effects(values, np.arange(40), seed=1)
    for one, place in zip(alone, (0, 3, 149), strict=True):
        # One after the other BLAS adds in another order: the last digit may differ.
        assert vars(one.mean) == pytest.approx(vars(together[place].mean), rel=1e-12)
        assert vars(one.superiority) == pytest.approx(vars(together[place].superiority), rel=1e-12)


def test_nothing_to_compare() -> None:
    nothing, constant, one_pile = paired_effects(
        np.array([[np.nan] * 4, [0.5] * 4, [0.1, 0.3, np.nan, np.nan]]), np.array([0, 0, 1, 2]), seed=0
    )
    assert np.isnan(nothing.mean.mean)
    assert np.isnan(nothing.p_value)
    assert constant.mean.mean == 0.5
    assert np.isnan(constant.standardised.value)
    assert np.isnan(one_pile.mean.low)
    assert one_pile.p_value == 1.0
