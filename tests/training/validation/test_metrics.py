"""The scores against scikit-learn, and where they are undefined."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from training.validation.metrics import Tally, calibration_bin, label_metrics


def _class_precisions(logits: object, targets: object) -> np.ndarray:
    return Tally(logits, targets).class_scores(np.ones((1, 1))).average_precision[:, 0]


def _case(seed: int, pictures: int, classes: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.integers(-levels, levels + 1, size=(pictures, classes)) / 4  # few levels: many ties, some at 0
    targets = (rng.random((pictures, classes)) < 0.3).astype(np.float32)
    return logits, targets


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(1, 6), st.integers(1, 50))
def test_equal_scikit_learn(seed: int, pictures: int, classes: int, levels: int) -> None:
    logits, targets = _case(seed, pictures, classes, levels)
    mine = label_metrics(logits, targets)
    predicted = logits > 0
    shown = np.flatnonzero(targets.sum(axis=0) > 0)
    assert mine.classes_scored == len(shown)
    assert mine.classes_without_positives == classes - len(shown)
    assert mine.binary_accuracy == pytest.approx((predicted == targets).mean())
    assert mine.exact_match == pytest.approx(np.all(predicted == targets, axis=1).mean())
    if not len(shown):
        assert math.isnan(mine.map_macro)
        assert math.isnan(mine.map_micro)
        assert math.isnan(mine.recall_micro)
        return
    assert mine.map_macro == pytest.approx(
        np.mean([sk.average_precision_score(targets[:, c], logits[:, c]) for c in shown])
    )
    assert mine.map_micro == pytest.approx(sk.average_precision_score(targets.ravel(), logits.ravel()))
    truth, guess = targets[:, shown].astype(int), predicted[:, shown].astype(int)
    flat_truth, flat_guess = targets.ravel().astype(int), predicted.ravel().astype(int)
    for name, score in (("f1", sk.f1_score), ("precision", sk.precision_score), ("recall", sk.recall_score)):
        by_class = [score(truth[:, c], guess[:, c], zero_division=0) for c in range(len(shown))]
        assert getattr(mine, f"{name}_macro") == pytest.approx(np.mean(by_class))
        pooled = score(flat_truth, flat_guess, zero_division=np.nan)
        assert getattr(mine, f"{name}_micro") == pytest.approx(pooled, nan_ok=True)


def test_by_hand() -> None:
    logits = np.array([[2.0, -1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, 3.0, -1.0]])
    targets = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0]])
    scores = label_metrics(logits, targets)
    assert _class_precisions(logits, targets)[:2] == pytest.approx([0.5 + 0.5 * 2 / 3, 1.0])
    assert scores.precision_macro == pytest.approx((1 / 2 + 1) / 2)
    assert scores.recall_macro == pytest.approx((1 / 2 + 1) / 2)
    assert scores.f1_micro == pytest.approx(2 * 3 / (4 + 4))
    assert scores.binary_accuracy == pytest.approx(7 / 9)
    assert scores.exact_match == pytest.approx(1 / 3)
    assert (scores.classes_scored, scores.classes_without_positives, scores.pictures) == (2, 1, 3)


def test_a_logit_of_zero_is_absent() -> None:
    assert label_metrics([[0.0]], [[0]]).binary_accuracy == 1.0


def test_saying_nothing_scores_high_accuracy_and_no_precision() -> None:
    targets = np.zeros((1, 85))
    targets[0, :5] = 1
    scores = label_metrics(np.full((1, 85), -1.0), targets)
    assert scores.binary_accuracy == pytest.approx(80 / 85)
    assert math.isnan(scores.precision_micro)
    assert (scores.precision_macro, scores.recall_macro, scores.f1_macro) == (0.0, 0.0, 0.0)


def test_no_pictures_and_no_positives() -> None:
    empty = label_metrics(np.zeros((0, 2)), np.zeros((0, 2)))
    assert math.isnan(empty.binary_accuracy)
    assert math.isnan(empty.exact_match)
    assert np.isnan(_class_precisions([[1.0, 2.0]], [[0, 1]])).tolist() == [True, False]


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"^Logits have shape \(2,\), targets \(2,\); both must be"):
        label_metrics([0.0, 1.0], [0, 1])
    with pytest.raises(ValueError, match=r"^Some logits are not finite: the network that gave them is broken\.$"):
        label_metrics([[math.nan]], [[1]])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 5))
def test_calibration_equals_a_loop_and_scikit_learn(seed: int, pictures: int, classes: int) -> None:
    logits, targets = _case(seed, pictures, classes, 12)
    probability, truth = expit(logits), targets.astype(np.float64)

    def error(p: np.ndarray, y: np.ndarray) -> float:
        total = 0.0
        for b in range(15):
            low, high = b / 15, (b + 1) / 15
            inside = (p > low) & (p <= high) if b else (p <= high)
            if inside.any():
                total += inside.sum() * abs(y[inside].mean() - p[inside].mean())
        share, mean = calibration_curve(y, p, n_bins=15, strategy="uniform")
        held = np.histogram(p, np.linspace(0, 1, 16))[0]
        assert total / len(p) == pytest.approx((held[held > 0] * abs(share - mean)).sum() / len(p), abs=1e-9)
        return total / len(p)

    found = label_metrics(logits, targets)
    assert found.calibration_error_micro == pytest.approx(error(probability.ravel(), truth.ravel()))
    by_class = [error(probability[:, c], truth[:, c]) for c in range(classes)]
    assert found.calibration_error_macro == pytest.approx(np.mean(by_class))
    assert found.brier == pytest.approx(
        np.mean([sk.brier_score_loss(targets[:, c], probability[:, c], pos_label=1) for c in range(classes)])
    )


def test_a_perfectly_calibrated_network_has_little_error() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40_000, 1))
    found = label_metrics(logits, rng.random((40_000, 1)) < expit(logits))
    assert found.calibration_error_macro < 0.01
    assert label_metrics(logits + 1, rng.random((40_000, 1)) < expit(logits)).calibration_error_macro > 0.15


def test_an_edge_belongs_to_the_bin_below() -> None:
    assert calibration_bin([0.0, 1 / 15, 1 / 15 + 1e-9, 0.5, 1.0]).tolist() == [0, 0, 1, 7, 14]


def test_thresholds_by_class() -> None:
    logits, targets = np.array([[0.5, -0.5], [0.2, -2.0]]), np.array([[1, 1], [0, 0]])
    assert label_metrics(logits, targets).recall_micro == 0.5
    moved = label_metrics(logits, targets, [0.3, -1.0])
    assert (moved.exact_match, moved.f1_macro) == (1.0, 1.0)
