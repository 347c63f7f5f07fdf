"""Complexity and sparseness of hand-worked maps, of noise, and beside scipy and a double loop."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import entropy

from evaluation.faithfulness.form import COMPLEXITY, SPARSENESS, complexity, sparseness
from evaluation.faithfulness.protocol import Maps
from evaluation.measure import NoSettings

Make = Callable[..., Maps]


def of(maps: Maps, *values: object) -> Maps:
    return replace(maps, maps=np.stack([np.asarray(one, dtype=np.float64) for one in values]))


def test_hand_worked_maps(asked: Make) -> None:
    one_pixel, halves, constant = [[0, 0], [0, -3]], [[2, 0], [0, -2]], [[5, 5], [5, 5]]
    maps = of(asked(), one_pixel, halves, constant, np.zeros((2, 2)))
    np.testing.assert_allclose(complexity(maps, NoSettings())[0], [0, np.log(2), np.log(4), np.nan])
    # Gini of (0, 0, 0, 1): 1 - 1/4; of two halves: 1 - 2/4; of equal values: 0.
    np.testing.assert_allclose(sparseness(maps, NoSettings())[0], [0.75, 0.5, 0, np.nan], atol=1e-12)


def _gini(values: NDArray[np.float64]) -> float:
    """Return half the mean difference of all pairs over the mean: the index by its definition."""
    size = np.abs(values).ravel()
    return float(np.abs(size[:, None] - size[None, :]).mean() / 2 / size.mean())


def test_random_maps_beside_scipy_and_all_pairs(asked: Make) -> None:
    drawn = np.random.default_rng(0).normal(size=(3, 9, 9))
    maps = of(asked(), *drawn)
    expected = [entropy(np.abs(one).ravel()) for one in drawn]
    np.testing.assert_allclose(complexity(maps, NoSettings())[0], expected)
    np.testing.assert_allclose(sparseness(maps, NoSettings())[0], [_gini(one) for one in drawn])


@pytest.mark.parametrize("measure", [COMPLEXITY, SPARSENESS])
def test_uniform_noise_scores_chance(asked: Make, measure: object) -> None:
    maps = of(asked(), *np.random.default_rng(0).random((3, 200, 200)))
    values, chance = measure.compute(maps, NoSettings())  # type: ignore[attr-defined]
    np.testing.assert_allclose(values, chance, rtol=1e-2)


@pytest.mark.parametrize("measure", [COMPLEXITY, SPARSENESS])
def test_neither_scale_nor_sign_nor_place_counts(asked: Make, measure: object) -> None:
    one = np.random.default_rng(0).normal(size=(8, 8))
    shuffled = np.random.default_rng(1).permutation(one.ravel()).reshape(8, 8)
    values = measure.compute(of(asked(), one, -3 * one, shuffled), NoSettings())[0]  # type: ignore[attr-defined]
    np.testing.assert_allclose(values, values[0])
