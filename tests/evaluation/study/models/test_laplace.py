"""Laplace's approximation against its definition, numeric derivatives, and the integral that it approximates."""

from itertools import product

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from evaluation.study.models.laplace import Choices, Laplace


def draw(people: int, items: int, *, most: int = 3, seed: int = 0) -> Choices:
    rng = np.random.default_rng(seed)
    person, item = np.divmod(np.arange(people * items), items)
    trials = rng.integers(1, most + 1, people * items)
    return Choices(
        chosen=rng.binomial(trials, 0.6).astype(float),
        trials=trials.astype(float),
        design=np.column_stack([np.ones(people * items), rng.normal(size=people * items)]),
        person=person,
        item=item,
        offset=rng.normal(0, 0.1, people * items),
    )


@pytest.mark.parametrize(("people", "items"), [(6, 9), (9, 6), (1, 5)])
def test_is_laplaces_approximation(people: int, items: int) -> None:
    choices, fixed, sd = draw(people, items), np.array([0.3, 0.2]), np.array([0.7, 0.5])
    effects = np.zeros((people * items, people + items))
    effects[np.arange(people * items), choices.person] = sd[0]
    effects[np.arange(people * items), people + choices.item] = sd[1]
    base = choices.design @ fixed + choices.offset

    def negative(u: NDArray[np.float64]) -> float:
        logit = base + effects @ u
        return float(choices.trials @ np.logaddexp(0, logit) - choices.chosen @ logit + u @ u / 2)

    best = minimize(negative, np.zeros(people + items), method="BFGS", options={"gtol": 1e-7})
    mean = expit(base + effects @ best.x)
    information = effects.T @ ((choices.trials * mean * (1 - mean))[:, None] * effects) + np.eye(people + items)
    expected = choices.constant - best.fun - 0.5 * np.linalg.slogdet(information)[1]
    assert Laplace(choices).at(fixed, sd).log_likelihood == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("people", "items"), [(6, 9), (9, 6)])
@pytest.mark.parametrize("sd", [(0.7, 0.5), (0.0, 0.5), (-0.7, 1.5)])
def test_gradient(people: int, items: int, sd: tuple[float, float]) -> None:
    laplace = Laplace(draw(people, items))
    point = np.array([0.3, 0.2, *sd])
    step = 1e-5 * np.eye(4)
    numeric = [
        (
            laplace.at((point + one)[:2], (point + one)[2:]).log_likelihood
            - laplace.at((point - one)[:2], (point - one)[2:]).log_likelihood
        )
        / 2e-5
        for one in step
    ]
    assert laplace.at(point[:2], point[2:]).gradient == pytest.approx(numeric, abs=2e-4)


def test_against_the_integral() -> None:
    """Two people and two items: 16^4 nodes. The approximation is good where a person has many answers."""
    choices = draw(2, 2, most=60, seed=3)
    fixed, sd = np.array([0.4, -0.2]), np.array([0.6, 0.4])
    nodes, weights = hermegauss(16)
    weights = weights / weights.sum()
    base = choices.design @ fixed + choices.offset
    places = np.array(list(product(range(16), repeat=4)))
    logit = base + sd[0] * nodes[places[:, :2]][:, choices.person] + sd[1] * nodes[places[:, 2:]][:, choices.item]
    value = choices.constant + logit @ choices.chosen - np.logaddexp(0, logit) @ choices.trials
    exact = np.log(np.exp(value) @ weights[places].prod(axis=1))
    assert Laplace(choices).at(fixed, sd).log_likelihood == pytest.approx(exact, abs=0.02)
