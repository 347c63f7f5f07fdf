"""Scores of resampled pictures against scikit-learn on the resampled rows, and the intervals that follow."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from training.validation.intervals import CLASS_SCORES, RESAMPLES, estimate, intervals, resampled_weights
from training.validation.metrics import LOWER_IS_BETTER, SCORES, Tally, label_metrics


def _case(seed: int, pictures: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.integers(-8, 9, size=(pictures, classes)) / 4  # few levels: many ties
    targets = (rng.random((pictures, classes)) < 0.3).astype(np.float32)
    return logits, targets, rng.integers(0, max(pictures // 2, 1), size=pictures)


def _sklearn_map(logits: npt.NDArray[np.float64], targets: npt.NDArray[np.float32]) -> float:
    shown = np.flatnonzero(targets.sum(axis=0))
    return float(np.mean([sk.average_precision_score(targets[:, c], logits[:, c]) for c in shown]))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32), st.integers(3, 40), st.integers(1, 5))
def test_weights_are_repetitions(seed: int, pictures: int, classes: int) -> None:
    logits, targets, groups = _case(seed, pictures, classes)
    thresholds = np.linspace(-0.5, 0.5, classes)
    tally = Tally(logits, targets, groups, thresholds)
    weights = next(resampled_weights(tally.units, seed=seed, resamples=3))
    assert weights.sum(axis=0).tolist() == [tally.units] * 3
    found, by_class = tally.scores(weights), tally.class_scores(weights)
    assert tuple(found) == SCORES
    members = np.unique(groups, return_inverse=True)[1]
    for draw in range(3):
        rows = np.repeat(np.arange(pictures), weights[members, draw].astype(int))
        wanted = label_metrics(logits[rows], targets[rows], thresholds)
        for name in SCORES:
            assert found[name][draw] == pytest.approx(getattr(wanted, name), nan_ok=True, abs=1e-12), name
        drawn = targets[rows]
        if drawn.any():
            assert found["map_macro"][draw] == pytest.approx(_sklearn_map(logits[rows], drawn))
            assert found["map_micro"][draw] == pytest.approx(
                sk.average_precision_score(drawn.ravel(), logits[rows].ravel())
            )
        for c in np.flatnonzero(drawn.sum(axis=0)):
            ap = sk.average_precision_score(drawn[:, c], logits[rows, c])
            assert by_class.average_precision[c, draw] == pytest.approx(ap)
            guess = logits[rows, c] > thresholds[c]
            assert by_class.f1[c, draw] == pytest.approx(sk.f1_score(drawn[:, c], guess, zero_division=0))


def test_estimates_hold_the_scores_and_as_many_resamples() -> None:
    logits, targets, groups = _case(1, 60, 4)
    found = estimate(Tally(logits, targets, groups), seed=0, resamples=37, by_class=True)
    plain = label_metrics(logits, targets)
    for name in SCORES:
        assert found.values[name] == pytest.approx([getattr(plain, name)])
        assert found.resampled[name].shape == (1, 37)
    for name in CLASS_SCORES:
        assert found.resampled[name].shape == (4, 37)
        assert len(found.class_intervals(name)) == 4
    assert set(SCORES) > LOWER_IS_BETTER
    again = estimate(Tally(logits, targets, groups), seed=0, resamples=37)
    assert again.interval("brier") == found.interval("brier")
    assert estimate(Tally(logits, targets, groups), seed=0, resamples=37, key=1).interval("brier") != again.interval(
        "brier"
    )


def test_copies_of_a_picture_do_not_narrow_the_interval() -> None:
    logits, targets, _ = _case(2, 40, 3)
    once = estimate(Tally(logits, targets, np.arange(40)), seed=3, resamples=200)
    often = Tally(np.repeat(logits, 5, axis=0), np.repeat(targets, 5, axis=0), np.repeat(np.arange(40), 5))
    for name in SCORES:
        one, five = once.interval(name), estimate(often, seed=3, resamples=200).interval(name)
        assert (five.value, five.low, five.high) == pytest.approx((one.value, one.low, one.high))


def test_one_group_has_no_interval() -> None:
    logits, targets, _ = _case(3, 12, 3)
    found = estimate(Tally(logits, targets, np.zeros(12)), seed=0, resamples=20).interval("brier")
    assert found.value == pytest.approx(label_metrics(logits, targets).brier)
    assert np.isnan([found.low, found.high]).all()
    assert found.as_row("x") == {"x": found.value, "x_low": pytest.approx(np.nan, nan_ok=True), "x_high": pytest.approx(
        np.nan, nan_ok=True)}  # fmt: skip


def test_the_value_lies_in_the_middle_however_biased_resamples_are() -> None:
    drawn = np.random.default_rng(0).normal(0.55, 0.02, size=(1, 20000))  # all lie 0.05 above a value of 0.5
    (found,) = intervals(np.array([0.5]), drawn, [10_000])
    reach = 2 * 0.05 + 1.645 * 0.02  # nothing lies on the other side, so one tail has all of the 5 %
    assert (found.low, found.high) == pytest.approx((0.5 - reach, 0.5 + reach), abs=0.002)
    (within,) = intervals(np.array([0.0]), drawn - 0.5, [10_000])
    assert within.low == 0.0  # a score is never below 0
    assert within.high == pytest.approx(reach, abs=0.002)
    assert intervals(np.array([0.0]), drawn - 0.5, [10_000], lowest=-1.0)[0].low == pytest.approx(-reach, abs=0.002)


def test_few_groups_have_no_interval() -> None:
    logits, targets, _ = _case(3, 14, 3)
    for groups, known in ((7, False), (8, True)):
        found = estimate(Tally(logits, targets, np.arange(14) % groups), seed=0, resamples=50).interval("brier")
        assert np.isfinite([found.low, found.high]).all() == known


def test_resamples_without_a_positive_are_left_out() -> None:
    drawn = np.array([[0.4, np.nan, 0.6, 0.5, np.nan]])
    (found,) = intervals(np.array([0.5]), drawn, [50])
    assert 0.4 - 1e-12 <= found.low < found.high <= 0.6 + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("name", ["map_macro", "f1_macro", "calibration_error_macro", "exact_match"])
def test_intervals_cover_the_truth(name: str) -> None:
    def draw(rng: np.random.Generator, piles: int) -> tuple[np.ndarray, np.ndarray]:
        truth = rng.random((piles, 8)) < np.linspace(0.1, 0.35, 8)
        return 2.0 * truth - 1.5 + rng.normal(size=truth.shape), truth

    truth = getattr(label_metrics(*draw(np.random.default_rng(10_000), 60_000)), name)
    covered = 0
    for trial in range(100):
        logits, targets = draw(np.random.default_rng(trial), 200)
        found = estimate(Tally(logits, targets, np.arange(200)), seed=trial, resamples=200).interval(name)
        covered += found.low <= truth <= found.high
    assert covered >= 88  # plain percentile intervals cover the macro calibration error in none of 100


def test_enough_resamples_by_default() -> None:
    assert sum(block.shape[1] for block in resampled_weights(5, seed=0)) == RESAMPLES == 1000
