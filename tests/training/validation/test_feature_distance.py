"""Distances of features: against scipy's matrix root, loops, closed forms, and what halves of one set give."""

import itertools

import numpy as np
import pytest
from scipy.linalg import sqrtm

from training.validation.feature_distance import (
    FEWEST_PICTURES,
    compare_features,
    discrepancies,
    frechet_distance,
    gaussian_kernel,
    median_distance,
    permutation_p_value,
)


@pytest.mark.parametrize(("first", "second", "features"), [(60, 50, 5), (200, 40, 12), (9, 8, 30)])
def test_frechet_equals_the_matrix_root(first: int, second: int, features: int) -> None:
    rng = np.random.default_rng(first)
    mix = rng.normal(size=(features, features))
    one, other = rng.normal(size=(first, features)) @ mix, rng.normal(size=(second, features)) + 0.3
    cov = [np.cov(values, rowvar=False) for values in (one, other)]
    if first > features:
        root = sqrtm(cov[0] @ cov[1])
    else:  # too few vectors for scipy's root of the product: take the symmetric form
        half = np.real(sqrtm(cov[0] + 1e-13 * np.eye(features)))
        root = sqrtm(half @ cov[1] @ half + 1e-13 * np.eye(features))
    gap = one.mean(axis=0) - other.mean(axis=0)
    wanted = gap @ gap + np.trace(cov[0] + cov[1]) - 2 * np.trace(np.real(root))
    assert frechet_distance(one, other) == pytest.approx(wanted, rel=1e-4)
    assert frechet_distance(other, one) == pytest.approx(wanted, rel=1e-4)


def test_frechet_of_shifted_and_scaled_normals_is_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 6))
    shift = np.array([1.0, 0, 0, 2.0, 0, 0])
    assert frechet_distance(values, values) == pytest.approx(0.0, abs=1e-10)
    assert frechet_distance(values, values + shift) == pytest.approx(5.0)
    assert frechet_distance(values, 3 * values) == pytest.approx(
        4 * (values.mean(axis=0) ** 2).sum() + 4 * np.trace(np.cov(values, rowvar=False))
    )
    assert frechet_distance(rng.normal(size=(40_000, 3)), 2 * rng.normal(size=(40_000, 3))) == pytest.approx(
        3, rel=0.03
    )


def test_discrepancy_equals_a_loop() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(7, 3)), rng.normal(size=(5, 3)) + 1
    both = np.concatenate([one, other])
    bandwidth = median_distance(both)

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.exp(-((x - y) ** 2).sum() / (2 * bandwidth**2)))

    wanted = sum(k(x, y) for i, x in enumerate(one) for j, y in enumerate(one) if i != j) / (7 * 6)
    wanted += sum(k(x, y) for i, x in enumerate(other) for j, y in enumerate(other) if i != j) / (5 * 4)
    wanted -= 2 * sum(k(x, y) for x in one for y in other) / (7 * 5)
    found = discrepancies(gaussian_kernel(both, both, bandwidth), (np.arange(12) < 7)[:, None])
    assert found == pytest.approx([wanted])


def test_discrepancy_is_unbiased_and_its_p_value_uniform_where_sets_are_alike() -> None:
    values, p_values = [], []
    for trial in range(200):
        rng = np.random.default_rng(trial)
        both = rng.normal(size=(30, 4))
        kernel = gaussian_kernel(both, both, 2.0)
        is_first = np.arange(30) < 15
        values.append(discrepancies(kernel, is_first[:, None])[0])
        p_values.append(permutation_p_value(kernel, is_first, rng, permutations=99))
    assert np.mean(values) == pytest.approx(0.0, abs=3 * np.std(values) / np.sqrt(200))
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.047)  # three standard errors
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.07)


def test_the_smallest_p_value() -> None:
    both = np.concatenate([np.zeros((20, 2)), np.full((20, 2), 9.0)]) + np.random.default_rng(0).normal(size=(40, 2))
    kernel = gaussian_kernel(both, both, 5.0)
    assert permutation_p_value(kernel, np.arange(40) < 20, np.random.default_rng(1), 199) == pytest.approx(1 / 200)


def test_renders_like_photos_have_no_excess_and_farther_ones_have_more() -> None:
    rng = np.random.default_rng(0)
    photos = rng.normal(size=(120, 10))
    excesses = []
    for shift in (0.0, 0.4, 0.8):
        found = compare_features(rng.normal(size=(300, 10)) + shift, photos, seed=0)
        assert found.pictures == 120
        assert [measure.measure for measure in found.measures] == ["frechet", "mmd"]
        assert (found.p_value <= 0.01) == (shift > 0)
        excesses.append([measure.excess for measure in found.measures])
        for measure in found.measures:
            within = (measure.within_renders + measure.within_photos) / 2
            assert measure.excess.value == pytest.approx(measure.between.value - within)
            if shift == 0:
                assert measure.excess.low < 0 < measure.excess.high
    for near, far in itertools.pairwise(excesses):
        assert all(b.value > a.high for a, b in zip(near, far, strict=True))
    frechet = excesses[2][0].value
    assert frechet == pytest.approx(0.64, rel=0.4)  # 10 * 0.8² in units of the photos' spread, which is 10


def test_distances_do_not_depend_on_the_scale_of_features() -> None:
    rng = np.random.default_rng(0)
    renders, photos = rng.normal(size=(50, 6)) + 1, rng.normal(size=(60, 6))
    small, large = (compare_features(f * renders, f * photos, seed=3, halvings=5) for f in (0.01, 100.0))
    for one, other in zip(small.measures, large.measures, strict=True):
        assert one.between.value == pytest.approx(other.between.value)
    assert small.p_value == large.p_value


@pytest.mark.slow
def test_the_interval_is_as_wide_as_the_scatter_between_samples() -> None:
    values, widths = [], []
    for trial in range(60):
        rng = np.random.default_rng(trial)
        found = compare_features(rng.normal(size=(80, 5)) + 0.8, rng.normal(size=(80, 5)), seed=trial).measures[1]
        values.append(found.between.value)
        widths.append((found.between.high - found.between.low) / 4.02)
    assert np.mean(widths) == pytest.approx(np.std(values), rel=0.3)


def test_too_few_pictures() -> None:
    rng = np.random.default_rng(0)
    found = compare_features(rng.normal(size=(FEWEST_PICTURES - 1, 3)), rng.normal(size=(50, 3)), seed=0)
    assert (found.measures, found.pictures) == ((), FEWEST_PICTURES - 1)
    assert np.isnan(found.p_value)


def test_a_network_that_sees_all_alike() -> None:
    found = compare_features(np.ones((40, 3)), np.ones((40, 3)), seed=0, halvings=3)
    assert [measure.between.value for measure in found.measures] == [0.0, 0.0]
    assert found.p_value == 1.0
