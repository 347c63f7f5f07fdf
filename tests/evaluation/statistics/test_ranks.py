"""Rankings against scipy, by hand, and against brute force."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import friedmanchisquare, rankdata

from evaluation.statistics.ranks import not_apart, rank_methods


def test_mean_ranks_and_friedman_agree_with_scipy() -> None:
    values = np.random.default_rng(0).normal([[0.0], [0.5], [0.2], [0.6]], size=(4, 25)).round(1)  # with ties
    found = rank_methods(values, np.arange(25), "higher", set())
    assert found is not None
    expected = rankdata(-values, axis=0).mean(axis=1)
    assert list(found.order) == np.argsort(expected, kind="stable").tolist()
    assert found.mean_ranks == pytest.approx(np.sort(expected))
    assert found.friedman == pytest.approx(friedmanchisquare(*values).statistic)
    assert found.piles == 25


def test_lower_is_better_turns_the_order() -> None:
    values = np.random.default_rng(0).normal([[0.0], [0.5], [0.9]], size=(3, 12))
    high, low = (rank_methods(values, np.arange(12), direction, set()) for direction in ("higher", "lower"))
    assert high is not None
    assert low is not None
    assert high.order == low.order[::-1]
    assert high.mean_ranks == pytest.approx([4 - rank for rank in low.mean_ranks[::-1]])
    assert high.p_value == pytest.approx(low.p_value)


def test_a_pile_is_one_block() -> None:
    # Pile 0 has three pairs: their means 0.5 and 0.4 are ranked once. Pair 4 lacks a value and counts nowhere.
    values = np.array([[0.9, 0.3, 0.3, 0.1, 0.9], [0.2, 0.5, 0.5, 0.2, np.nan]])
    found = rank_methods(values, np.array([0, 0, 0, 1, 1]), "higher", set())
    assert found is not None
    assert (found.order, found.mean_ranks, found.piles) == ((0, 1), (1.5, 1.5), 2)
    assert np.isnan(found.p_value)  # two methods are compared by their own test


def test_iman_davenport_by_hand() -> None:
    # Demsar 2006, section 3.2.2: chi-square 9.28 of 4 methods on 14 data sets gives F = 3.69 with 3 and 39 degrees.
    chi_square, methods, blocks = 9.28, 4, 14
    assert (blocks - 1) * chi_square / (blocks * (methods - 1) - chi_square) == pytest.approx(3.69, abs=0.01)
    same = rank_methods(np.arange(3.0)[:, None] + np.zeros((3, 5)), np.arange(5), "higher", set())
    assert same is not None
    assert same.friedman == pytest.approx(10.0)  # 5 blocks x (3 - 1): the same order everywhere
    assert same.p_value == 0.0


def test_all_tied_and_no_shared_pair() -> None:
    tied = rank_methods(np.ones((3, 6)), np.arange(6), "higher", set())
    assert tied is not None
    assert tied.mean_ranks == (2.0, 2.0, 2.0)
    assert np.isnan(tied.friedman)
    assert rank_methods(np.array([[1.0, np.nan], [np.nan, 1.0]]), np.arange(2), "higher", set()) is None


def test_size_of_friedmans_test_under_the_null() -> None:
    rng = np.random.default_rng(0)
    rejected = 0
    for _ in range(500):
        found = rank_methods(rng.normal(size=(5, 20)), np.arange(20), "higher", set())
        assert found is not None
        rejected += found.p_value <= 0.05
    assert 0.02 <= rejected / 500 <= 0.09  # four standard errors


def test_groups_are_the_largest_ones_and_may_overlap() -> None:
    apart = {frozenset({0, 2}), frozenset({0, 3})}
    assert not_apart([0, 1, 2, 3], apart) == ((0, 1), (1, 2, 3))
    assert not_apart([1, 0], {frozenset({0, 1})}) == ()
    assert not_apart([2, 1, 0], set()) == ((2, 1, 0),)


@pytest.mark.parametrize("seed", range(8))
def test_groups_against_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(7).tolist()
    apart = {frozenset(pair) for pair in combinations(range(7), 2) if rng.random() < 0.4}
    free = [
        set(chosen)
        for size in range(2, 8)
        for chosen in combinations(range(7), size)
        if not any(frozenset(pair) in apart for pair in combinations(chosen, 2))
    ]
    largest = {frozenset(one) for one in free if not any(one < other for other in free)}
    assert {frozenset(group) for group in not_apart(order, apart)} == largest
