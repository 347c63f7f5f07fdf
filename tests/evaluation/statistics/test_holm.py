"""Holm's correction by hand, against the closed testing that it is, and by its family-wise error."""

from itertools import combinations

import numpy as np
import pytest

from evaluation.statistics.permutation import holm


def test_by_hand() -> None:
    adjusted = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])  # 3 x 0.01, 2 x 0.03 twice (never below), 4 x 0.005
    assert holm(np.array([0.5, 0.9])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).tolist() == []


def test_unknown_p_values_are_not_counted() -> None:
    assert holm(np.array([0.01, np.nan, 0.02]))[[0, 2]] == pytest.approx([0.02, 0.02])
    assert np.isnan(holm(np.array([0.01, np.nan]))[1])


def test_is_the_closure_of_bonferroni() -> None:
    rng = np.random.default_rng(0)
    for count in (2, 4, 6):
        p_values = rng.uniform(0, 0.4, size=count)
        for one, adjusted in enumerate(holm(p_values)):
            # A hypothesis is rejected at a where every intersection with it is: the largest of their Bonferroni p's.
            others = [place for place in range(count) if place != one]
            closed = max(
                min(1.0, (size + 1) * min([p_values[one], *p_values[list(chosen)]]))
                for size in range(count)
                for chosen in combinations(others, size)
            )
            assert adjusted == pytest.approx(closed)


def test_family_wise_error_with_dependence() -> None:
    rng = np.random.default_rng(1)
    from scipy.stats import norm

    shared = rng.normal(size=(4000, 1))
    p_values = 2 * norm.sf(np.abs(0.7 * shared + np.sqrt(0.51) * rng.normal(size=(4000, 8))))
    wrong = np.mean([(holm(row) <= 0.05).any() for row in p_values])
    assert wrong <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 4000)
