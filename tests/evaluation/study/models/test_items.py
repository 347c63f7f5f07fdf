"""Items against pingouin's and statsmodels' Cochran's Q, and scipy's binomial test."""

import numpy as np
import pytest
from scipy.stats import binomtest

from evaluation.statistics.permutation import holm
from evaluation.study.models.items import cochran_q, items_one_by_one

# pingouin's data set "cochran": 20 people, energetic on Monday, Wednesday and Friday.
MONDAY, WEDNESDAY, FRIDAY = "10001000001101000010", "11010110111100110101", "11100111100101101111"


def test_pingouins_example() -> None:
    from statsmodels.stats.contingency_tables import cochrans_q

    table = np.array([list(day) for day in (MONDAY, WEDNESDAY, FRIDAY)], dtype=float).T
    q, freedom, p_value = cochran_q(table)
    assert (q, freedom, p_value) == (pytest.approx(6.7059, abs=5e-5), 2, pytest.approx(0.034981, abs=5e-7))
    expected = cochrans_q(table)
    assert (q, p_value) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))


def test_one_by_one() -> None:
    from statsmodels.stats.contingency_tables import cochrans_q

    hits = (np.random.default_rng(0).random((9, 4)) < [0.95, 0.5, 0.1, 0.8]).astype(float)
    tries = np.ones((9, 4))
    hits[0, 0] = tries[0, 0] = 0  # one person lacks one item, and is not in Q
    found = items_one_by_one(np.array(["a", "b", "c", "d"]), hits, tries, items_known=True)
    alone = [binomtest(int(y), int(n)).pvalue for y, n in zip(hits.sum(0), tries.sum(0), strict=True)]
    assert [test.p_value for test in found.tests] == pytest.approx(alone)
    assert [test.holm_p_value for test in found.tests] == pytest.approx(holm(np.array(alone)))
    assert [(test.group.name, test.group.people) for test in found.tests] == [("a", 8), ("b", 9), ("c", 9), ("d", 9)]
    assert found.cochran_q == pytest.approx(cochrans_q(hits[1:]).statistic)


@pytest.mark.parametrize(
    ("hits", "tries", "reason"),
    [
        ([[1], [0]], [[1], [1]], "There is one item only."),
        (
            [[1, 0]],
            [[1, 1]],
            "Fewer than two people answered every item once, so items cannot be compared within people.",
        ),
        (
            [[1, 1], [0, 0]],
            [[1, 1], [1, 1]],
            "Each person gave the same answer on all items, so nothing tells the items apart.",
        ),
    ],
)
def test_reasons(hits: list[list[int]], tries: list[list[int]], reason: str) -> None:
    names = np.array(["a", "b"])[: len(hits[0])]
    found = items_one_by_one(names, np.array(hits, dtype=float), np.array(tries, dtype=float), items_known=True)
    assert found.reason == reason
    assert np.isnan([found.cochran_q, found.cochran_p_value]).all()
    assert len(found.tests) == len(names)


def test_unknown_items() -> None:
    found = items_one_by_one(np.array([""]), np.ones((2, 1)), np.full((2, 1), 5.0), items_known=False)
    assert (found.reason, found.tests) == ("It is not known which answer is on which item.", ())
