"""Components of variance by hand, against expectations worked out by linear algebra, and by simulation."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.statistics.variance import Components, variance_components

SIZES = (1, 2, 4, 3, 2, 5, 1, 6)
TRUTH = {"run": 0.5, "pile": 1.0, "pair": 0.8, "run_by_pile": 0.3, "rest": 0.6}


def piles_of(sizes: tuple[int, ...]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(sizes)), sizes)


def draw(rng: np.random.Generator, runs: int, sizes: tuple[int, ...]) -> NDArray[np.float64]:
    member = piles_of(sizes)
    sd = {name: np.sqrt(value) for name, value in TRUTH.items()}
    return (
        sd["run"] * rng.normal(size=(runs, 1))
        + sd["pile"] * rng.normal(size=len(sizes))[member]
        + sd["pair"] * rng.normal(size=len(member))
        + sd["run_by_pile"] * rng.normal(size=(runs, len(sizes)))[:, member]
        + sd["rest"] * rng.normal(size=(runs, len(member)))
    )


def found(values: NDArray[np.float64], piles: NDArray[np.int64]) -> Components:
    components = variance_components(values, piles)
    assert components is not None
    return components


def test_by_hand() -> None:
    # Two runs, two piles of two pairs. Run means 1 and 3, nothing else differs but pairs: 0 or 2 in each pile.
    values = np.array([[0.0, 2.0, 0.0, 2.0], [2.0, 4.0, 2.0, 4.0]])
    components = found(values, np.array([0, 0, 1, 1]))
    assert components.run == pytest.approx(2.0)  # variance of 1 and 3
    assert components.pair == pytest.approx(2.0)  # variance of 0 and 2
    assert (components.pile, components.run_by_pile, components.rest) == pytest.approx((0, 0, 0))
    assert components.mean == 2.0
    # A mean over new runs too: 2 / 2 of the runs, 2 / 4 of the pairs.
    assert components.error_same_runs == pytest.approx(np.sqrt(0.5))
    assert components.error_new_runs == pytest.approx(np.sqrt(1.5))


def test_mean_squares_have_the_expectations_that_the_estimates_undo() -> None:
    # E[y'Ay] = sum over effects of variance x trace(Z'AZ): worked out here from the projections themselves. Feeding
    # the estimator the covariance of y, one direction of it at a time, must give back the components.
    runs, member = 3, piles_of(SIZES)
    pairs, piles = len(member), len(SIZES)
    in_pile = np.eye(piles)[member]
    one_run, one_pair = np.ones((runs, 1)), np.ones((pairs, 1))
    designs = {
        "run": np.kron(np.eye(runs), one_pair),
        "pile": np.kron(one_run, in_pile),
        "pair": np.kron(one_run, np.eye(pairs)),
        "run_by_pile": np.kron(np.eye(runs), in_pile),
        "rest": np.eye(runs * pairs),
    }

    def project(design: NDArray[np.float64]) -> NDArray[np.float64]:
        return design @ np.linalg.pinv(design)

    grand = project(np.ones((runs * pairs, 1)))
    run, pile, pair = (project(designs[name]) for name in ("run", "pile", "pair"))
    both = project(designs["run_by_pile"])
    squares = {
        "run": (run - grand, runs - 1),
        "pile": (pile - grand, piles - 1),
        "pair": (pair - pile, pairs - piles),
        "run_by_pile": (both - run - pile + grand, (runs - 1) * (piles - 1)),
        "rest": (np.eye(runs * pairs) - both - pair + pile, (runs - 1) * (pairs - piles)),
    }
    system = np.array(
        [
            [np.trace(design.T @ form @ design) / freedom for design in designs.values()]
            for form, freedom in squares.values()
        ]
    )
    rng = np.random.default_rng(5)
    for _ in range(20):
        values = draw(rng, runs, SIZES)
        mean_squares = [values.ravel() @ form @ values.ravel() / freedom for form, freedom in squares.values()]
        expected = np.maximum(np.linalg.solve(system, mean_squares), 0)
        components = found(values, member)
        assert [getattr(components, name) for name in designs] == pytest.approx(expected, abs=1e-9)


def test_simulated_effects_are_found_again() -> None:
    rng = np.random.default_rng(0)
    sizes = tuple(rng.integers(1, 6, size=40).tolist())
    drawn = [found(draw(rng, 12, sizes), piles_of(sizes)) for _ in range(150)]
    for name, truth in TRUTH.items():
        estimates = np.array([getattr(each, name) for each in drawn])
        error = estimates.std() / np.sqrt(len(estimates))
        assert estimates.mean() == pytest.approx(truth, abs=4 * error)


def test_standard_errors_are_those_of_repeated_studies() -> None:
    rng = np.random.default_rng(1)
    sizes = tuple([2] * 20)
    studies = [draw(rng, 4, sizes) for _ in range(600)]
    spread = np.std([values.mean() for values in studies])
    mean_error = np.sqrt(np.mean([found(values, piles_of(sizes)).error_new_runs ** 2 for values in studies]))
    assert mean_error == pytest.approx(spread, rel=0.12)


def test_what_cannot_be_told_is_none() -> None:
    values = np.random.default_rng(0).normal(size=(2, 6))
    assert variance_components(values[:1], np.array([0, 0, 1, 1, 2, 2])) is None  # one run
    assert variance_components(values, np.zeros(6, dtype=np.int64)) is None  # one pile
    assert variance_components(values, np.arange(6)) is None  # one pair a pile: piles and pairs are one
    values[0, 0] = np.nan
    assert found(values, np.array([0, 0, 0, 1, 1, 1])).pairs == 5


def test_shares_add_up() -> None:
    components = found(draw(np.random.default_rng(0), 3, SIZES), piles_of(SIZES))
    assert sum(components.share(name) for name in TRUTH) == pytest.approx(1)
    constant = found(np.ones((2, 4)), np.array([0, 0, 1, 1]))
    assert np.isnan(constant.share("run"))
