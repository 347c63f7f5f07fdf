"""Simulated studies have the means and the variation that they were asked for."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from core.errors import SettingsError
from evaluation.study.models.generalisation import logit_of_share, share_of_logit
from evaluation.study.power.simulation import simulate


def share(logit: float, sd: float) -> float:
    return quad(lambda z: expit(logit + sd * z) * norm.pdf(z), -9, 9, epsabs=1e-12)[0]


def test_shares_over_normal_effects_are_those_of_adaptive_quadrature():
    for logit, sd in ((0.0, 1.0), (0.8, 0.5), (-1.5, 1.4), (2.0, 3.0)):
        assert share_of_logit(logit, sd) == pytest.approx(share(logit, sd), abs=1e-5)
    assert share_of_logit(np.log(4), 0) == pytest.approx(0.8)
    assert share_of_logit(logit_of_share(0.7, 1.2), 1.2) == pytest.approx(0.7)


def test_mean_and_variation_of_people_and_items_are_those_asked_for():
    answers = simulate(400, 400, preference_logit=0.5, person_sd=0.6, item_sd=0.9, seed=1)
    won = (answers.winner == "first").astype(float)
    sd = np.hypot(0.6, 0.9)
    assert won.mean() == pytest.approx(share(0.5, sd), abs=0.03)  # standard error 0.011
    by_person = won.reshape(400, 400).mean(axis=1)
    _, item = np.unique(answers.item, return_inverse=True)
    by_item = np.bincount(item, won) / np.bincount(item)
    for shares, own, other in ((by_person, 0.6, 0.9), (by_item, 0.9, 0.6)):
        # Variance of E[share | own effect], plus what 400 binary answers add.
        grid, weights = np.polynomial.hermite_e.hermegauss(40)
        given = np.array([share(0.5 + own * z, other) for z in grid])
        weights = weights / weights.sum()
        between = weights @ given**2 - (weights @ given) ** 2
        assert shares.var(ddof=1) == pytest.approx(between + 0.25 / 400, rel=0.25)  # standard error 7 %


def test_sides_are_balanced_within_each_person_and_position_pulls_to_the_left():
    answers = simulate(200, 10, preference_logit=0.0, person_sd=0.0, item_sd=0.0, position_logit=1.0, seed=2)
    left = (answers.left == "first").reshape(200, 10)
    assert (left.sum(axis=1) == 5).all()
    assert len(np.unique(left, axis=0)) > 100
    assert (answers.chosen == "left").mean() == pytest.approx(expit(1.0), abs=0.04)
    assert (answers.left != answers.right).all()
    odd = simulate(300, 3, preference_logit=0.0, person_sd=0.0, item_sd=0.0, seed=2)
    counts = (odd.left == "first").reshape(300, 3).sum(axis=1)
    assert set(counts) == {1, 2}
    assert (counts == 1).mean() == pytest.approx(0.5, abs=0.12)


def test_familiarity_moves_the_logit_by_its_slope():
    answers = simulate(300, 60, preference_logit=0.0, person_sd=0.0, item_sd=0.0, familiarity_slope=0.7, seed=3)
    shares = [(answers.winner[answers.familiarity == level] == "first").mean() for level in range(3)]
    assert shares == pytest.approx(expit([-0.7, 0.0, 0.7]), abs=0.03)
    assert np.bincount(answers.familiarity).tolist() == [6000, 6000, 6000]


def test_fewer_items_a_person_are_dealt_evenly():
    answers = simulate(7, 12, preference_logit=0.0, person_sd=0.0, item_sd=0.0, per_person=5, seed=4)
    assert len(answers) == 35
    assert set(np.unique(answers.item, return_counts=True)[1]) == {2, 3}
    for person in np.unique(answers.participant):
        own = answers.where(answers.participant == person)
        assert len(set(own.item)) == 5
        assert own.position.tolist() == [1, 2, 3, 4, 5]


def test_the_seed_decides_everything():
    ask = {"preference_logit": 0.2, "person_sd": 1.0, "item_sd": 1.0}
    one, same, other = (simulate(8, 9, seed=seed, **ask) for seed in (0, 0, 1))
    for name, array in vars(one).items():
        np.testing.assert_array_equal(array, getattr(same, name))
    assert (one.winner != other.winner).any()


@pytest.mark.parametrize(
    ("people", "items", "per_person", "sd"), [(0, 3, None, 1), (3, 0, None, 1), (3, 3, 4, 1), (3, 3, None, -1)]
)
def test_impossible_studies_are_refused(people, items, per_person, sd):
    with pytest.raises(SettingsError, match=r"A study needs|Standard deviations"):
        simulate(people, items, preference_logit=0, person_sd=sd, item_sd=1, per_person=per_person, seed=0)
    with pytest.raises(SettingsError, match="between 0 and 1, not at 1"):
        logit_of_share(1.0, 1.0)
