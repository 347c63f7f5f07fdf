"""The randomisation test against all ways to draw the sides, and its size under the plan that studies have."""

from itertools import combinations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.study.build.balance import balanced_colours
from evaluation.study.models.sides import randomisation_test


def test_against_all_ways_to_draw_the_sides() -> None:
    rng = np.random.default_rng(2)
    person = np.repeat([0, 1, 2], [4, 5, 3])
    on_left = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0], dtype=bool)
    ways: list[list[NDArray[np.bool_]]] = []
    for who in range(3):
        trials, lefts = int((person == who).sum()), int(on_left[person == who].sum())
        ways.append([np.isin(np.arange(trials), some) for some in combinations(range(trials), lefts)])
    for _ in range(5):
        chose_left = rng.random(12) < 0.6
        counts = np.array([(np.concatenate(way) == chose_left).sum() for way in product(*ways)])
        seen = int((on_left == chose_left).sum())
        expected = (np.abs(counts - counts.mean()) >= abs(seen - counts.mean()) - 1e-9).mean()
        found = randomisation_test(on_left, chose_left, person, sides_known=True)
        assert (found.chosen, found.expected) == (seen, pytest.approx(counts.mean()))
        assert found.p_value == pytest.approx(expected)


def test_by_hand() -> None:
    """One person, left and right twice each, all four choices for the first: 1 of 6 ways, and its mirror."""
    on_left = np.array([True, True, False, False])
    found = randomisation_test(on_left, on_left, np.zeros(4, dtype=np.intp), sides_known=True)
    assert found.p_value == pytest.approx(2 / 6)
    assert found.expected == 2


def test_always_the_left_says_nothing_of_methods() -> None:
    on_left = np.tile([True, False], 10)
    found = randomisation_test(on_left, np.ones(20, dtype=bool), np.repeat([0, 1], 10), sides_known=True)
    assert (found.chosen, found.expected, found.p_value) == (10, 10, 1)


def test_reasons() -> None:
    two = np.array([0, 1])
    always = randomisation_test(np.array([True, True]), np.array([True, False]), two, sides_known=True)
    assert always.reason == (
        "Each person saw the first method on one and the same side throughout: the sides were not drawn by lot."
    )
    unknown = randomisation_test(np.array([True, True]), np.array([True, False]), two, sides_known=False)
    assert unknown.reason == "It is not known which method stood on which side."
    assert np.isnan([always.p_value, unknown.p_value, unknown.expected]).all()


@pytest.mark.parametrize("item_bias", [0.0, 2.0])
def test_size_where_sides_are_balanced_on_items_too(item_bias: float) -> None:
    """People lean to a side, and more so on some items: nothing to do with methods."""
    rng = np.random.default_rng(4)
    person, item = np.divmod(np.arange(36), 6)
    rejected = []
    for _ in range(150):
        lean = 0.5 + rng.normal(0, item_bias, 6)[item]
        on_left = balanced_colours(person, item, 2, rng) == 0
        chose_left = rng.random(36) < 1 / (1 + np.exp(-lean))
        rejected.append(randomisation_test(on_left, chose_left, person, sides_known=True).p_value < 0.05)
    assert np.mean(rejected) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
