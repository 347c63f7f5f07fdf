"""Confusion between parts and curves: against loops, scikit-learn, and planted mistakes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, precision_recall_curve

from training.validation.confusion import confuse
from training.validation.curves import precision_recall, reliability


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(2, 5))
def test_counts_equal_a_loop(seed: int, pictures: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(pictures, classes))
    targets, thresholds = rng.random((pictures, classes)) < 0.4, rng.normal(size=classes) / 3
    found = confuse(logits, targets, thresholds)
    for a in range(classes):
        for b in range(classes):
            both = missed = claimed = held = 0
            for i in range(pictures):
                if targets[i, a] and not targets[i, b]:
                    miss, claim = logits[i, a] <= thresholds[a], logits[i, b] > thresholds[b]
                    held, missed, claimed, both = held + 1, missed + miss, claimed + claim, both + (miss and claim)
            assert (found.observed[a, b], found.missed[a, b]) == (both, missed)
            assert found.expected[a, b] == pytest.approx(missed * claimed / held if held else np.nan, nan_ok=True)


def test_a_planted_confusion_is_found_and_independent_mistakes_are_not() -> None:
    rng = np.random.default_rng(0)
    targets = rng.random((4000, 4)) < 0.4
    wrong = rng.random((4000, 4)) < 0.2
    swapped = targets[:, 0] & ~targets[:, 2] & (rng.random(4000) < 0.3)
    claimed = targets ^ wrong
    claimed[swapped, 0], claimed[swapped, 2] = False, True
    found = confuse(np.where(claimed, 1.0, -1.0), targets)
    first, *others = found.pairs(("a", "b", "c", "d"))
    assert (first["missed"], first["claimed"]) == ("a", "c")
    assert first["excess"] == found.excess[0, 2] > 0.3
    assert all(abs(float(str(pair["excess"]))) < 0.1 for pair in others)


def test_rare_pairs_are_not_listed() -> None:
    found = confuse([[-1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, -1.0]], [[1, 0]] * 4)
    assert found.observed[0, 1] == 2
    assert found.excess[0, 1] == pytest.approx((2 - 1) / 2)
    assert found.pairs(("a", "b")) == []


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_precision_recall_equals_scikit_learn(seed: int, pairs: int) -> None:
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(-5, 6, size=pairs) / 2, rng.random(pairs) < 0.4
    curve = precision_recall(scores, truth)
    if not truth.any():
        assert len(curve.recall) == 0
        return
    precision, recall, cuts = precision_recall_curve(truth, scores)
    assert curve.precision == pytest.approx(precision[:-1][::-1])
    assert curve.recall == pytest.approx(recall[:-1][::-1])
    assert curve.logit == pytest.approx(cuts[::-1])
    area = (np.diff(curve.recall, prepend=0.0) * curve.precision).sum()
    assert area == pytest.approx(average_precision_score(truth, scores))


def test_a_thinned_curve_keeps_its_ends() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(5000) < 0.3
    scores = truth + rng.normal(size=5000)
    whole, thin = precision_recall(scores, truth), precision_recall(scores, truth, 100)
    assert len(thin.recall) <= 100
    assert (thin.recall[0], thin.recall[-1]) == (whole.recall[0], 1.0)
    assert set(zip(thin.recall, thin.precision, strict=True)) <= set(zip(whole.recall, whole.precision, strict=True))


def test_reliability_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(200, 3)) * 3, rng.random((200, 3)) < 0.3
    found = reliability(logits, targets)
    share, mean = calibration_curve(targets.ravel(), expit(logits).ravel(), n_bins=15, strategy="uniform")
    assert found.share == pytest.approx(share)
    assert found.probability == pytest.approx(mean)
    assert found.pairs.sum() == 600
    assert ((found.low <= found.probability) & (found.probability <= found.high)).all()
