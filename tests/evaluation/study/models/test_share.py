"""Shares against published intervals, and what the pooled test does when people and items vary."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binomtest

from core.seeding import generator
from evaluation.study.models.share import FALSE_ALARMS, pooled_share, wilson


@pytest.mark.parametrize(
    ("chosen", "answers", "low", "high"),
    [
        (65, 100, 0.5525, 0.7364),
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_published(chosen: int, answers: int, low: float, high: float) -> None:
    found = wilson(chosen, answers)  # Newcombe 1998, table I, method 3, but for the first
    assert found.value == chosen / answers
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("chosen", "answers", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_exact_as_published(chosen: int, answers: int, low: float, high: float) -> None:
    found = pooled_share(chosen, answers).exact  # Newcombe 1998, table I, method 5
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_exact_p() -> None:
    found = pooled_share(65, 100)
    assert found.p_value == pytest.approx(0.00352, abs=5e-6)
    assert "these people and items only" in found.assumes
    assert "20%" in found.warning


def test_without_answers() -> None:
    found = pooled_share(0, 0)
    assert found.reason == "There are no answers."
    assert np.isnan([found.wilson.value, found.exact.low, found.p_value]).all()


def test_pooled_test_rejects_a_true_null_in_a_fifth_of_studies() -> None:
    rng = generator(5)
    logit = rng.normal(0, 0.5, (4000, 10, 1)) + rng.normal(0, 0.9, (4000, 1, 10))
    chosen = (rng.random((4000, 10, 10)) < expit(logit)).sum(axis=(1, 2))
    rejects = np.array([binomtest(count, 100).pvalue < 0.05 for count in range(101)])
    assert rejects[chosen].mean() == pytest.approx(FALSE_ALARMS, abs=0.02)
