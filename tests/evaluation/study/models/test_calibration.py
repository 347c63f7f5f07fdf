"""What the crossed-effects test and interval promise, in studies of which the truth is known."""

import numpy as np
import pytest

from evaluation.study.models.crossed import fit, p_value
from evaluation.study.models.generalisation import build_model
from evaluation.study.models.trials import read_trials
from evaluation.study.power.simulation import simulate

pytestmark = pytest.mark.slow


def p_values_of_the_truth(studies: int, size: int, preference: float, seed: int) -> list[float]:
    """Return the p of the true preference in studies of `size` people and items; below 0.05 the interval misses it."""
    found = []
    for number in range(studies):
        answers = simulate(
            size, size, preference_logit=preference, person_sd=0.5, item_sd=0.9, position_logit=0.2, seed=seed,
            stream=(number,),
        )  # fmt: skip
        model = build_model(read_trials(answers, "first"))
        assert model.reason == ""
        whole = fit(model.choices, model.free_sd)
        found.append(p_value(model.choices, model.free_sd, whole, 0, preference))
    return found


@pytest.mark.parametrize("preference", [0.0, 0.8])
def test_wrong_in_few_small_studies(preference: float) -> None:
    found = np.array(p_values_of_the_truth(60, 8, preference, seed=1))
    assert (found < 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


@pytest.mark.parametrize(
    ("size", "studies"), [(10, 2000), (30, 500)]
)  # of 500 small studies 7.0 % rejected, of 2000 5.2
def test_size_of_the_test(size: int, studies: int) -> None:
    rejected = np.array(p_values_of_the_truth(studies, size, 0.0, seed=2)) < 0.05
    assert rejected.mean() == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("size", [10, 30])
def test_coverage_of_the_profile_interval(size: int) -> None:
    covered = np.array(p_values_of_the_truth(500, size, 0.8, seed=3)) >= 0.05
    assert covered.mean() >= 0.93
