"""Agreement against the packages krippendorff and statsmodels."""

import numpy as np
import pytest
from krippendorff import alpha as reference_alpha
from numpy.typing import NDArray

from evaluation.study.models.agreement import agreement, fleiss_kappa, krippendorff_alpha


def counts_of(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts (I, C) of answers (P, I), NaN where missing."""
    return np.stack([(answers == category).sum(axis=0) for category in range(3)], axis=1).astype(float)


@pytest.mark.parametrize("seed", range(4))
def test_alpha_with_missing_answers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    answers = rng.choice([0.0, 1.0, 2.0], p=[0.5, 0.3, 0.2], size=(6, 12))
    answers[rng.random(answers.shape) < 0.3] = np.nan
    expected = reference_alpha(reliability_data=answers, level_of_measurement="nominal", value_domain=[0.0, 1.0, 2.0])
    assert krippendorff_alpha(counts_of(answers)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
def test_kappa(seed: int) -> None:
    from statsmodels.stats.inter_rater import fleiss_kappa as reference_kappa

    counts = np.random.default_rng(seed).multinomial(7, [0.6, 0.3, 0.1], size=15)
    assert fleiss_kappa(counts.astype(float)) == pytest.approx(reference_kappa(counts))


def test_fleiss_own_example() -> None:
    counts = np.array(
        [
            [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
        ]
    )  # fmt: skip
    assert fleiss_kappa(counts.astype(float)) == pytest.approx(0.210, abs=5e-4)


def test_intervals_hold_the_values() -> None:
    counts = np.random.default_rng(1).multinomial(10, [0.6, 0.4], size=20).astype(float)
    counts[:10] = [9, 1]
    found = agreement(counts, seed=1, draws=500, items_known=True)
    assert found.reason == found.kappa_reason == ""
    assert found.alpha.low < found.alpha.value < found.alpha.high
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert found.alpha.value == pytest.approx(krippendorff_alpha(counts))


def test_uneven_numbers_have_an_alpha_but_no_kappa() -> None:
    found = agreement(np.array([[3.0, 1.0], [2.0, 2.0], [0.0, 3.0]]), seed=1, draws=200, items_known=True)
    assert np.isfinite(found.alpha.value)
    assert np.isnan(found.kappa.value)
    assert found.kappa_reason == "Fleiss' kappa needs the same number of answers on every item; here it is 3 to 4."


@pytest.mark.parametrize(
    ("counts", "known", "reason"),
    [
        ([[5, 0], [5, 0]], True, "All answers are the same: agreement beyond chance is not defined."),
        ([[1, 0], [0, 1]], True, "No item has answers of two people."),
        ([[3, 2]], True, "With one item there is nothing to resample, and nothing to tell apart."),
        ([[3, 2]], False, "It is not known which answer is on which item."),
    ],
)
def test_reasons(counts: list[list[int]], known: bool, reason: str) -> None:
    found = agreement(np.array(counts, dtype=float), seed=0, draws=20, items_known=known)
    assert found.reason == reason
    assert np.isnan([found.alpha.value, found.kappa.value]).all()
