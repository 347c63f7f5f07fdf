"""Sign-flip tests against scipy, by hand, and by how often they reject what is true."""

import itertools

import numpy as np
import pytest
from scipy.stats import permutation_test

from evaluation.statistics.permutation import flips_for, sign_flip_p_values


@pytest.mark.parametrize("piles", [3, 7, 10])
def test_few_piles_are_exact_as_scipys(piles: int) -> None:
    rng = np.random.default_rng(piles)
    sums = rng.normal(0.4, size=(5, piles))
    ours = sign_flip_p_values(sums, seed=0)
    for row, p_value in zip(sums, ours, strict=True):
        theirs = permutation_test((row,), np.sum, permutation_type="samples", n_resamples=np.inf)
        assert p_value == pytest.approx(theirs.pvalue, abs=1e-12)


def test_by_hand() -> None:
    # Of the eight signings of 1, 2, 4 only +++ and --- reach 7; of 1, 1, 0 four reach 2; 0 is reached by all.
    sums = np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, -1.0, 0.0]])
    assert sign_flip_p_values(sums, seed=0).tolist() == [0.25, 0.5, 1.0, 1.0]


def test_what_has_no_value_has_no_p() -> None:
    p_values = sign_flip_p_values(np.array([[1.0, np.nan, 4.0], [1.0, 2.0, 4.0]]), seed=0)
    assert np.isnan(p_values).tolist() == [True, False]


def test_many_piles_agree_with_scipy_at_random() -> None:
    sums = np.random.default_rng(0).normal([[0.0], [0.2], [0.45]], size=(3, 40))
    ours = sign_flip_p_values(sums, seed=3, flips=40_000)
    for row, p_value in zip(sums, ours, strict=True):
        theirs = permutation_test((row,), np.sum, permutation_type="samples", n_resamples=40_000, rng=1)
        assert p_value == pytest.approx(theirs.pvalue, abs=0.012)  # four standard errors of either at p = 0.5
    assert sign_flip_p_values(np.full((1, 40), 1.0), seed=0, flips=999)[0] == 1 / 1000  # never 0


def test_sums_of_piles_flip_all_their_pairs_together() -> None:
    differences = np.array([0.3, 0.5, -0.2, 0.4, 0.1])
    piles = np.array([0, 0, 1, 1, 2])
    sums = np.bincount(piles, weights=differences)
    totals = [abs((np.array(signs)[piles] * differences).sum()) for signs in itertools.product((1, -1), repeat=3)]
    expected = np.mean([total >= totals[0] - 1e-12 for total in totals])
    assert sign_flip_p_values(sums[None], seed=0)[0] == expected


@pytest.mark.slow
@pytest.mark.parametrize("piles", [8, 60])
def test_size_under_the_null(piles: int) -> None:
    rng = np.random.default_rng(piles)
    trials = 2000
    sizes = rng.integers(1, 5, size=piles)
    sums = np.array([[rng.standard_t(3, size=n).sum() + rng.normal() * n for n in sizes] for _ in range(trials)])
    p_values = sign_flip_p_values(sums, seed=0)
    for level in (0.05, 0.2):
        error = np.sqrt(level * (1 - level) / trials)
        assert (p_values <= level).mean() <= level + 4 * error
        if piles == 60:  # with 8 piles p takes 128 values only
            assert (p_values <= level).mean() >= level - 4 * error


def test_units_that_are_flipped_matter() -> None:
    # Pairs of one pile that differ alike are one observation: flipped one by one they would look like eight.
    pile = np.array([[0.4] * 8]).sum(axis=1, keepdims=True)
    assert sign_flip_p_values(pile, seed=0)[0] == 1.0
    assert sign_flip_p_values(np.full((1, 8), 0.4), seed=0)[0] == 2 / 256


def test_same_seed_same_p_and_columns_do_not_disturb_each_other() -> None:
    sums = np.random.default_rng(0).normal(0.2, size=(4, 30))
    assert np.array_equal(sign_flip_p_values(sums, seed=0), sign_flip_p_values(sums, seed=0))
    assert not np.array_equal(sign_flip_p_values(sums, seed=0), sign_flip_p_values(sums, seed=1))
    assert np.array_equal(sign_flip_p_values(sums[:2], seed=0), sign_flip_p_values(sums, seed=0)[:2])


def test_flips_grow_with_comparisons() -> None:
    assert (flips_for(1), flips_for(100), flips_for(1000), flips_for(10**6)) == (9_999, 9_999, 99_999, 300_000)
