"""Precision-recall curves and reliability diagrams as points to draw."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from training.validation.metrics import CALIBRATION_BINS, FloatArray, calibration_bin


@dataclass(frozen=True)
class PrecisionRecall:
    """The points of one curve, from the highest cut to the lowest; each cut claims all scores at or above it."""

    recall: FloatArray
    precision: FloatArray
    logit: FloatArray
    """The score at the cut."""


@dataclass(frozen=True)
class Reliability:
    """What the probabilities of one bin are worth; bins without a pair are left out."""

    low: FloatArray
    high: FloatArray
    probability: FloatArray
    """Mean sigmoid."""
    share: FloatArray
    """Share of pairs that are positive."""
    pairs: npt.NDArray[np.int64]


def precision_recall(scores: npt.ArrayLike, positives: npt.ArrayLike, most: int | None = None) -> PrecisionRecall:
    """Return the curve over all distinct scores, at most `most` points of it; empty without a positive.

    Args:
        scores: (N,) higher for a likelier positive.
        positives: (N,) 0 or 1.
        most: how many points to keep, the first and last among them, evenly in recall; None keeps all.
    """
    values, hits = np.asarray(scores, dtype=np.float64), np.asarray(positives) > 0.5
    if not hits.any():
        return PrecisionRecall(np.zeros(0), np.zeros(0), np.zeros(0))
    order = np.argsort(-values, kind="stable")
    last_of_ties = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    true = np.cumsum(hits[order])[last_of_ties]
    curve = PrecisionRecall(true / hits.sum(), true / (last_of_ties + 1), values[order][last_of_ties])
    if most is None or len(true) <= most:
        return curve
    kept = np.unique(np.searchsorted(curve.recall, np.linspace(curve.recall[0], 1.0, most)))
    return PrecisionRecall(curve.recall[kept], curve.precision[kept], curve.logit[kept])


def reliability(logits: npt.ArrayLike, targets: npt.ArrayLike) -> Reliability:
    """Return mean probability and share of positives in each bin of all (picture, class) pairs."""
    probability, truth = expit(np.asarray(logits, dtype=np.float64)).ravel(), np.asarray(targets).ravel() > 0.5
    bins = calibration_bin(probability)
    pairs = np.bincount(bins, minlength=CALIBRATION_BINS)
    held = np.flatnonzero(pairs)
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    return Reliability(
        low=edges[held],
        high=edges[held + 1],
        probability=np.bincount(bins, weights=probability, minlength=CALIBRATION_BINS)[held] / pairs[held],
        share=np.bincount(bins, weights=truth, minlength=CALIBRATION_BINS)[held] / pairs[held],
        pairs=pairs[held],
    )
