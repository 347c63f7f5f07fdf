"""Intervals over piles against scipy, by hand, and by how often they cover the truth."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from core.bootstrap import expanded_level
from evaluation.intervals import interval_over_piles, mean_interval, median_interval


def test_one_image_a_pile_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=80)
    ours = mean_interval(values, np.arange(80), seed=0, resamples=20000)
    theirs = bootstrap(
        (values,),
        np.mean,
        method="percentile",
        confidence_level=expanded_level(0.95, 80),
        n_resamples=20000,
        rng=np.random.default_rng(1),
    )
    width = ours.high - ours.low
    assert ours.mean == values.mean()
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.03 * width)


def test_copies_of_a_pile_do_not_narrow_the_interval() -> None:
    values, piles = np.random.default_rng(0).normal(size=30), np.arange(30)
    once = mean_interval(values, piles, seed=3)
    often = mean_interval(np.repeat(values, 5), np.repeat(piles, 5), seed=3)
    assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=1e-12)
    assert often.values == 150
    assert often.piles == 30


@pytest.mark.slow
@pytest.mark.parametrize("count", [10, 40])
def test_coverage_with_clusters(count: int) -> None:
    rng = np.random.default_rng(0)
    piles = np.repeat(np.arange(count), 3)
    covered = 0
    for trial in range(600):
        values = rng.normal(size=count)[piles] + 0.3 * rng.normal(size=3 * count)
        interval = mean_interval(values, piles, seed=trial, resamples=500)
        covered += interval.low <= 0.0 <= interval.high
    assert 0.92 <= covered / 600 <= 0.98  # three standard errors of 600 trials to either side


@pytest.mark.slow
@pytest.mark.parametrize("piles", [2, 3, 5, 7, 8])
@pytest.mark.parametrize("share", [0.06, 0.5])
def test_coverage_of_hits_in_few_piles(piles: int, share: float) -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(600):
        sizes = rng.integers(1, 4, size=piles)
        hits = rng.random(sizes.sum()) < np.repeat(rng.beta(4 * share, 4 * (1 - share), size=piles), sizes)
        names = np.repeat(np.arange(piles), sizes)
        interval = mean_interval(hits.astype(float), names, seed=trial, resamples=300, bounds=(0.0, 1.0))
        covered += interval.low <= share <= interval.high
    assert covered / 600 >= 0.92  # percentile intervals: 18 % of rare hits in 2 piles, 40 % in 5


@pytest.mark.slow
@pytest.mark.parametrize("piles", [2, 3, 5, 7, 8])
def test_coverage_of_means_of_few_piles(piles: int) -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(1000):
        sizes = rng.integers(1, 4, size=piles)
        names = np.repeat(np.arange(piles), sizes)
        values = rng.normal(size=piles)[names] + 0.5 * rng.normal(size=len(names))
        interval = mean_interval(values, names, seed=trial, resamples=300)
        covered += interval.low <= 0.0 <= interval.high
    assert 0.92 <= covered / 1000 <= 0.97


def test_medians_and_other_numbers_of_few_piles_have_no_interval() -> None:
    values, seven, eight = np.arange(56.0), np.arange(56) % 7, np.arange(56) % 8
    for piles, known in ((seven, False), (eight, True)):
        median = median_interval(values, piles, seed=0)
        spread = interval_over_piles(lambda places: float(values[places].std()), piles, seed=0, resamples=50)
        for found in (median, spread):
            assert np.isfinite(found.mean)
            assert np.isfinite([found.low, found.high]).all() == known


def test_undefined_values_are_left_out() -> None:
    interval = mean_interval(np.array([1.0, np.nan, 3.0]), np.array([0, 1, 2]), seed=0)
    assert (interval.mean, interval.values, interval.piles) == (2.0, 2, 2)


def test_one_pile_has_no_interval_and_no_value_no_mean() -> None:
    one = mean_interval(np.array([1.0, 2.0]), np.array([5, 5]), seed=0)
    assert one.mean == 1.5
    assert np.isnan(one.low)
    assert np.isnan(one.high)
    assert np.isnan(mean_interval(np.array([np.nan]), np.array([0]), seed=0).mean)


def test_pairs_cancel_what_both_share() -> None:
    rng = np.random.default_rng(0)
    shared, piles = rng.normal(size=50) * 10, np.arange(50)
    difference = mean_interval(shared + 0.5 + 0.01 * rng.normal(size=50) - shared, piles, seed=0)
    assert 0.49 < difference.low < difference.mean < difference.high < 0.51


def test_same_seed_same_interval() -> None:
    values, piles = np.random.default_rng(0).normal(size=20), np.arange(20)
    assert mean_interval(values, piles, seed=0) == mean_interval(values, piles, seed=0)
    assert mean_interval(values, piles, seed=0) != mean_interval(values, piles, seed=1)
