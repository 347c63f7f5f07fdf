"""The trend against all permutations, and by hand."""

from itertools import permutations

import numpy as np
import pytest

from evaluation.study.models.familiarity import familiarity_trend

TEN = np.full(6, 10.0)


def test_by_hand() -> None:
    found = familiarity_trend(np.array([0, 0, 1, 1, 2, 2]), np.array([2, 3, 5, 5, 8, 9.0]), TEN, seed=0, draws=99)
    assert found.concordance == 1
    assert [(level.name, level.people, level.chosen, level.answers) for level in found.levels] == [
        ("not familiar", 2, 5, 20),
        ("a bit familiar", 2, 10, 20),
        ("familiar", 2, 17, 20),
    ]
    tied = familiarity_trend(np.array([0, 0, 2, 2]), np.array([4, 6, 4, 6.0]), TEN[:4], seed=0, draws=99)
    assert (tied.concordance, tied.p_value) == (0.5, 1)


def test_against_all_permutations() -> None:
    familiarity, chosen = np.array([0, 0, 1, 1, 2, 2]), np.array([3, 1, 4, 2, 6, 9.0])

    def statistic(order: tuple[int, ...]) -> float:
        return sum(
            np.sign(chosen[one] - chosen[two]) for one in range(6) for two in range(6) if order[one] > order[two]
        )

    seen = statistic(tuple(familiarity))
    exact = np.mean([abs(statistic(order)) >= abs(seen) for order in permutations(familiarity.tolist())])
    found = familiarity_trend(familiarity, chosen, TEN, seed=1, draws=20_000)
    assert found.p_value == pytest.approx(exact, abs=0.01)
    assert found.concordance == pytest.approx(0.5 + seen / 24)  # 12 pairs of different familiarity


@pytest.mark.parametrize(
    ("familiarity", "reason"),
    [([-1, -1, -1], "Nobody was asked for familiarity."), ([2, 2, -1], "Everybody is familiar.")],
)
def test_reasons(familiarity: list[int], reason: str) -> None:
    found = familiarity_trend(np.array(familiarity), np.array([1, 2, 3.0]), TEN[:3], seed=0, draws=9)
    assert found.reason == reason
    assert np.isnan([found.concordance, found.p_value]).all()


def test_people_of_unknown_familiarity_are_left_out() -> None:
    chosen = np.array([2, 3, 5, 5, 8, 9.0])
    with_them = familiarity_trend(np.array([0, -1, 1, 1, -1, 2]), chosen, TEN, seed=3, draws=99)
    rows = [0, 2, 3, 5]
    assert with_them == familiarity_trend(np.array([0, 1, 1, 2]), chosen[rows], TEN[rows], seed=3, draws=99)


def test_the_same_share_for_all() -> None:
    found = familiarity_trend(np.array([0, 1, 2]), np.full(3, 5.0), TEN[:3], seed=0, draws=9)
    assert (found.reason, found.p_value) == ("All people have the same share.", 1)
