"""A group against the rest: by hand, against a textbook formula, and honest where there is no difference."""

import numpy as np
import pytest

from evaluation.intervals import Piles, mean_interval
from evaluation.statistics.effects import group_effects
from evaluation.statistics.permutation import sign_flip_p_values


def test_by_hand() -> None:
    # Piles 0 and 1 are all inside, 2 and 3 outside; the sixth value belongs to neither.
    values = np.array([[0.9, 0.7, 0.8, 0.2, 0.4, np.nan]])
    inside = np.array([[True, True, True, False, False, True]])
    piles = np.array([0, 0, 1, 2, 3, 3])
    (found,) = group_effects(values, inside, piles, seed=0)
    assert found.group.mean == pytest.approx(0.8)
    assert found.rest.mean == pytest.approx(0.3)
    assert found.difference.value == pytest.approx(0.5)
    assert (found.group.values, found.group.piles, found.rest.values, found.rest.piles) == (3, 2, 2, 2)
    # Mean 0.6, share 0.6. Contributions: 0.4 * (0.3 + 0.1), 0.4 * 0.2, -0.6 * -0.4, -0.6 * -0.2: all of one sign, so
    # that of the eight flips only the one that changes nothing reaches their total.
    assert found.p_value == 1 / 8


def test_the_statistic_is_the_difference_of_the_means() -> None:
    rng = np.random.default_rng(1)
    values, inside, piles = rng.normal(size=(3, 40)), rng.random((3, 40)) < 0.3, rng.integers(0, 12, 40)
    found = group_effects(values, inside, piles, seed=0)
    for row, side, each in zip(values, inside, found, strict=True):
        share = side.mean()
        total = ((side - share) * (row - row.mean())).sum()
        assert total == pytest.approx(len(row) * share * (1 - share) * each.difference.value)
        contributions = Piles.of(piles).sums((side - share) * (row - row.mean()))
        assert each.p_value == sign_flip_p_values(contributions[None], seed=0)[0]
        alone = mean_interval(np.where(side, row, np.nan), piles, seed=0)
        assert each.group.mean == pytest.approx(alone.mean)
        assert each.difference.low < each.difference.value < each.difference.high


def test_without_a_rest_nothing_is_said() -> None:
    (found,) = group_effects(np.ones((1, 4)), np.ones((1, 4), dtype=bool), np.arange(4), seed=0)
    assert np.isnan(found.difference.value)
    assert np.isnan(found.p_value)


@pytest.mark.parametrize("within", [False, True])
def test_where_there_is_no_difference_few_are_found(within: bool) -> None:
    rng = np.random.default_rng(2)
    columns, count, views = 1500, 40, 3
    piles = np.repeat(np.arange(count), views)
    values = rng.normal(size=(columns, count))[:, piles] + rng.standard_t(4, size=(columns, count * views))
    if within:  # one view of each of ten piles is under the light
        chosen = rng.permuted(np.tile(np.arange(count), (columns, 1)), axis=1)[:, :10] * views
        inside = np.zeros(values.shape, dtype=bool)
        np.put_along_axis(inside, chosen + rng.integers(0, views, chosen.shape), True, axis=1)
    else:  # a quarter of the piles, with all their views
        inside = np.repeat(rng.permuted(np.tile(np.arange(count) < 10, (columns, 1)), axis=1), views, axis=1)
    share = inside.mean(axis=1, keepdims=True)
    centred = values - values.mean(axis=1, keepdims=True)
    p_values = sign_flip_p_values(Piles.of(piles).sums((inside - share) * centred), seed=0, flips=999)
    assert 0.03 < (p_values < 0.05).mean() < 0.07
    assert 0.16 < (p_values < 0.2).mean() < 0.24
