"""Bradley-Terry against published strengths, a logistic regression, and cases without any."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.study.models.bradley_terry import bradley_terry, fit_strengths, is_connected, strength_covariance

JOURNALS = ("Biometrika", "CommStat", "JASA", "JRSS-B")
CITED = np.array([[0, 730, 498, 221], [33, 0, 68, 17], [320, 813, 0, 142], [284, 276, 325, 0]], dtype=float)
"""Citations of the journal of the row in that of the column (Stigler 1994; Agresti 2002, page 448)."""


def test_journals() -> None:
    strengths = fit_strengths(CITED)
    assert strengths == pytest.approx([0, -2.9491, -0.4796, 0.2690], abs=5e-5)
    errors = np.sqrt(strength_covariance(CITED, strengths).diagonal())
    assert errors == pytest.approx([0, 0.1025, 0.0606, 0.0708], abs=5e-4)  # Turner and Firth 2012


def test_is_a_logistic_regression() -> None:
    import statsmodels.api as sm

    rows, columns = [], []
    for one, two in combinations(range(4), 2):
        rows.append([CITED[one, two], CITED[two, one]])
        columns.append(np.eye(4)[one] - np.eye(4)[two])
    expected = sm.GLM(np.array(rows), np.array(columns)[:, 1:], family=sm.families.Binomial()).fit()
    strengths = fit_strengths(CITED)
    assert strengths[1:] == pytest.approx(expected.params)
    assert strength_covariance(CITED, strengths)[1:, 1:] == pytest.approx(expected.cov_params(), rel=1e-4)


def draw(people: int, *, person_sd: float, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    wins = np.zeros((people, 3, 3))
    for person in range(people):
        strength = np.array([0.0, 0.8, -0.4]) + rng.normal(0, person_sd, 3)
        for one, two in combinations(range(3), 2):
            wins[person, one, two] = rng.binomial(6, 1 / (1 + np.exp(strength[two] - strength[one])))
            wins[person, two, one] = 6 - wins[person, one, two]
    return wins


def test_order_and_contests() -> None:
    found = bradley_terry(draw(20, person_sd=0.2, seed=1), ("a", "b", "c"), seed=1, draws=300)
    assert found.reason == ""
    assert [each.method for each in found.strengths] == ["b", "a", "c"]
    reference = found.strengths[1]
    assert (reference.independent.low, reference.clustered.high) == (0, 0)
    assert [(each.first, each.second) for each in found.contests] == [("a", "b"), ("a", "c"), ("b", "c")]
    for each in found.contests:
        assert each.difference.low < each.difference.value < each.difference.high
        assert each.holm_p_value >= each.p_value
        assert each.answers == 120


def test_people_who_differ_widen_the_clustered_interval_only() -> None:
    def widths(person_sd: float) -> tuple[float, float]:
        found = bradley_terry(draw(30, person_sd=person_sd, seed=2), ("a", "b", "c"), seed=1, draws=300)
        best = found.strengths[0]
        return best.independent.high - best.independent.low, best.clustered.high - best.clustered.low

    (narrow, alike), (also_narrow, differing) = widths(0.0), widths(1.5)
    assert differing > 1.5 * alike
    assert also_narrow == pytest.approx(narrow, rel=0.25)


@pytest.mark.parametrize(
    ("wins", "reason"),
    [
        (
            [[0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 3], [0, 0, 1, 0]],
            "Never compared with each other, so without a common scale: a and b; c and d.",
        ),
        (
            [[0, 3, 3, 2], [0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]],
            "a never lost to any other method: its strength has no finite estimate.",
        ),
        (
            [[0, 3, 3, 2], [1, 0, 1, 1], [0, 0, 0, 1], [0, 0, 1, 0]],
            "a and b never lost to any other method: its strength has no finite estimate.",
        ),
    ],
)
def test_without_finite_strengths(wins: list[list[int]], reason: str) -> None:
    found = bradley_terry(np.array([wins], dtype=float), ("a", "b", "c", "d"), seed=0, draws=20)
    assert (found.reason, found.strengths, found.contests) == (reason, (), ())
    assert not is_connected(np.array(wins))


def test_resamples_without_finite_strengths() -> None:
    wins = np.zeros((4, 3, 3))
    wins[:, 0, 1] = wins[:, 1, 2] = wins[:, 0, 2] = 3
    wins[0, 1, 0] = wins[0, 2, 1] = wins[0, 2, 0] = 1  # one person alone makes the strengths finite
    found = bradley_terry(wins, ("a", "b", "c"), seed=0, draws=400)
    assert found.reason.startswith("In 3")  # (3 / 4)^4 = 32 % of resamples lack that person
    assert np.isfinite(found.strengths[0].independent.low)
    assert np.isnan([found.strengths[0].clustered.low, found.contests[0].p_value]).all()


def test_one_person() -> None:
    found = bradley_terry(draw(1, person_sd=0, seed=3), ("a", "b", "c"), seed=0, draws=20)
    assert found.reason == "With one person there is nobody to resample: there are no clustered intervals."
