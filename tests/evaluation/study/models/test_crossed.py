"""The fit against published ones, and against the highest point of the likelihood by brute force."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import ttest_1samp

from evaluation.study.models.crossed import deviance, fit, p_value, t_of_deviance, term
from evaluation.study.models.laplace import Choices, Laplace

PEOPLE, BOTH = (True, False), (True, True)


def cbpp() -> Choices:
    """Contagious bovine pleuropneumonia in 15 herds over 4 periods (Lesnoff et al. 2004; lme4's data set)."""
    chosen = (
        "2 3 4 0 3 1 1 8 2 0 2 2 0 2 0 5 0 0 1 3 0 0 1 8 1 3 0 12 2 0 0 0 1 1 0 2 0 5 3 1 2 1 0 0 1 2 0 0 11 0 0 0 1 1 "
        "1 0"
    )
    sizes = (
        "14 12 9 5 22 18 21 22 16 16 20 10 10 9 6 18 25 24 4 17 17 18 20 16 10 9 5 34 9 6 8 6 22 22 18 22 25 27 22 22 "
        "10 8 6 5 21 24 19 23 19 2 3 2 19 15 15 15"
    )
    seen = [{1: 3, 7: 1}.get(herd, 4) for herd in range(15)]
    period = np.concatenate([np.arange(count) for count in seen])
    return Choices(
        chosen=np.array(chosen.split(), dtype=float),
        trials=np.array(sizes.split(), dtype=float),
        design=np.column_stack([np.ones(56), *(period == later for later in (1, 2, 3))]),
        person=np.repeat(np.arange(15), seen),
        item=np.zeros(56, dtype=np.intp),
        offset=np.zeros(56),
    )


def test_cbpp() -> None:
    found = fit(cbpp(), PEOPLE, prior=(0, 0))
    # lme4 as published; its optimiser stops a little before the top.
    assert found.fixed == pytest.approx([-1.398, -0.992, -1.128, -1.580], abs=7e-4)
    assert found.sd == pytest.approx([0.642, 0], abs=5e-4)
    # MixedModels.jl's documentation, which goes all the way, and its standard errors.
    assert found.fixed == pytest.approx([-1.39853, -0.992335, -1.12867, -1.58031], abs=2e-5)
    assert np.sqrt(found.covariance.diagonal()) == pytest.approx([0.227891, 0.305385, 0.326049, 0.428795], abs=2e-5)
    assert found.log_likelihood == pytest.approx(-92.0263, abs=5e-5)


def crossed(people: int, items: int, seed: int) -> Choices:
    rng = np.random.default_rng(seed)
    person, item = np.divmod(np.arange(people * items), items)
    logit = 0.5 + rng.normal(0, 0.9, people)[person] + rng.normal(0, 0.7, items)[item]
    chosen = (rng.random(people * items) < 1 / (1 + np.exp(-logit))).astype(float)
    design = np.column_stack([np.ones(people * items), rng.choice([-0.5, 0.5], people * items)])
    return Choices(chosen, np.ones(people * items), design, person, item, np.zeros(people * items))


@pytest.mark.parametrize("prior", [(0.0, 0.0), (0.5, 0.1)])
def test_highest_point_by_brute_force(prior: tuple[float, float]) -> None:
    choices = crossed(8, 11, seed=4)
    laplace = Laplace(choices)

    def cost(at: NDArray[np.float64]) -> float:
        spread = np.abs(at[2:])
        return -laplace.at(at[:2], at[2:]).log_likelihood - float((prior[0] * np.log(spread) - prior[1] * spread).sum())

    best = minimize(cost, [0, 0, 1, 1], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 2000})
    found = fit(choices, prior=prior)
    assert found.log_likelihood == pytest.approx(-best.fun, abs=1e-6)
    assert [*found.fixed, *found.sd] == pytest.approx([*best.x[:2], *np.abs(best.x[2:])], abs=1e-3)


def test_order_of_rows_and_names_does_not_matter() -> None:
    choices = crossed(7, 9, seed=5)
    rng = np.random.default_rng(0)
    rows, people, items = rng.permutation(63), rng.permutation(7), rng.permutation(9)
    other = Choices(
        choices.chosen[rows], choices.trials, choices.design[rows], people[choices.person[rows]],
        items[choices.item[rows]], choices.offset,
    )  # fmt: skip
    assert fit(other).fixed == pytest.approx(fit(choices).fixed, abs=1e-4)
    # People called items, and items people.
    turned = Choices(choices.chosen, choices.trials, choices.design, choices.item, choices.person, choices.offset)
    assert fit(turned).sd[::-1] == pytest.approx(fit(choices).sd, abs=1e-4)
    # Left called right, and the first method the second.
    mirrored = Choices(1 - choices.chosen, choices.trials, choices.design, choices.person, choices.item, choices.offset)
    assert fit(mirrored).fixed == pytest.approx(-fit(choices).fixed, abs=1e-4)


def test_prior_keeps_standard_deviations_off_zero() -> None:
    choices = crossed(6, 6, seed=2)
    flat = Choices(
        np.tile([0.0, 1.0], 18), choices.trials, choices.design[:, :1], choices.person, choices.item, choices.offset
    )
    assert (fit(flat, BOTH, prior=(0, 0)).sd[0]) == 0  # each person chose either three times
    assert (fit(flat).sd > 0.1).all()


def test_likelihood_ratio_as_t_is_exact_for_a_normal_mean() -> None:
    values = np.random.default_rng(3).normal(0.5, 1, 10)
    ratio = 10 * np.log((values**2).sum() / ((values - values.mean()) ** 2).sum())
    assert t_of_deviance(ratio, 9) == pytest.approx(abs(float(ttest_1samp(values, 0).statistic)))


def test_profile_interval_holds_what_the_test_does_not_reject() -> None:
    choices = crossed(10, 10, seed=6)
    found = fit(choices)
    whole = term(choices, BOTH, found, 0, "preference")
    assert whole.logit.low < whole.logit.value < whole.logit.high
    for end in (whole.logit.low, whole.logit.high):
        assert p_value(choices, BOTH, found, 0, end) == pytest.approx(0.05, abs=2e-3)
    assert deviance(choices, BOTH, found, 0, whole.logit.value) == pytest.approx(0, abs=1e-5)
    assert (whole.p_value < 0.05) == (whole.logit.low > 0 or whole.logit.high < 0)
    assert whole.wald.low == pytest.approx(whole.logit.low, abs=0.3)


def test_degrees_of_freedom() -> None:
    """All variation between 12 people with many answers each: 11 degrees of freedom, as for the mean of 12 values."""
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(12), 400)
    chosen = (rng.random(4800) < 1 / (1 + np.exp(-rng.normal(0, 1.5, 12)[person]))).astype(float)
    choices = Choices(chosen, np.ones(4800), np.ones((4800, 1)), person, np.zeros(4800, dtype=np.intp), np.zeros(4800))
    assert fit(choices, PEOPLE).degrees_of_freedom == pytest.approx([11.0], abs=0.3)
