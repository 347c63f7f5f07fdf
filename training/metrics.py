"""How well pictures are labelled: average precision, F1, precision, recall, accuracies, from raw logits."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LabelMetrics:
    """The scores of one set of pictures, each from 0 to 1, NaN where it is undefined.

    Macro values are means over the classes with at least one positive picture (`classes_scored` of them); within
    these a class that is never predicted has precision and F1 of 0, so that silence is not rewarded. Micro values
    pool all (picture, class) pairs of all classes.
    """

    map_macro: float
    map_micro: float
    f1_macro: float
    f1_micro: float
    precision_macro: float
    precision_micro: float
    recall_macro: float
    recall_micro: float
    binary_accuracy: float
    """Share of (picture, class) pairs told right: the paper's accuracy. Saying "absent" always scores high in it."""
    exact_match: float
    """Share of pictures with every class told right."""
    classes_scored: int
    classes_without_positives: int
    pictures: int


def average_precision(scores: npt.ArrayLike, positives: npt.ArrayLike) -> float:
    """Return the average precision of one ranking, ``sum((R_n - R_(n-1)) P_n)`` over distinct scores; NaN if undefined.

    Equal scores share one threshold, and there is no interpolation, as in scikit-learn's
    ``average_precision_score``.

    Args:
        scores: (N,) float, higher for a likelier positive.
        positives: (N,) 0 or 1; without any 1 the value is NaN.
    """
    values = np.asarray(scores, dtype=np.float64)
    hits = np.asarray(positives, dtype=np.float64)
    if hits.sum() == 0:
        return float("nan")
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], hits[order]
    last_of_ties = np.flatnonzero(np.append(np.diff(values) != 0, True))
    true_positives = np.cumsum(hits)[last_of_ties]
    precision = true_positives / (last_of_ties + 1)
    recall_steps = np.diff(true_positives, prepend=0.0) / hits.sum()
    return float((recall_steps * precision).sum())


def class_average_precisions(logits: npt.ArrayLike, targets: npt.ArrayLike) -> FloatArray:
    """Return the average precision of each class, (C,), NaN for a class without positives.

    Args:
        logits: (N, C) float.
        targets: (N, C) 0 or 1.
    """
    scores, truth = _checked(logits, targets)
    return np.array([average_precision(scores[:, c], truth[:, c]) for c in range(truth.shape[1])])


def label_metrics(logits: npt.ArrayLike, targets: npt.ArrayLike) -> LabelMetrics:
    """Return all scores of one set of pictures; a class counts as predicted where its logit is above 0.

    Args:
        logits: (N, C) float, finite; N may be 0, which makes every score NaN.
        targets: (N, C) 0 or 1.

    Raises:
        ValueError: shapes differ or are not (N, C), or a logit is not finite.
    """
    scores, truth = _checked(logits, targets)
    predicted = scores > 0
    hit = (predicted & truth).sum(axis=0)  # (C,)
    claimed, present = predicted.sum(axis=0), truth.sum(axis=0)
    scored = present > 0
    return LabelMetrics(
        map_macro=_mean(class_average_precisions(scores, truth)[scored]),
        map_micro=average_precision(scores.ravel(), truth.ravel()),
        f1_macro=_mean(_ratio(2 * hit, claimed + present)[scored]),
        f1_micro=float(_ratio(2 * hit.sum(), claimed.sum() + present.sum())),
        precision_macro=_mean(np.nan_to_num(_ratio(hit, claimed)[scored])),
        precision_micro=float(_ratio(hit.sum(), claimed.sum())),
        recall_macro=_mean(_ratio(hit, present)[scored]),
        recall_micro=float(_ratio(hit.sum(), present.sum())),
        binary_accuracy=_mean(predicted == truth),
        exact_match=_mean((predicted == truth).all(axis=1)),
        classes_scored=int(scored.sum()),
        classes_without_positives=int((~scored).sum()),
        pictures=len(truth),
    )


def _checked(logits: npt.ArrayLike, targets: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    scores, truth = np.asarray(logits, dtype=np.float64), np.asarray(targets) > 0.5
    if scores.shape != truth.shape or scores.ndim != 2:
        raise ValueError(f"Logits have shape {scores.shape}, targets {truth.shape}; both must be (pictures, classes).")
    if not np.isfinite(scores).all():
        raise ValueError("Some logits are not finite: the network that gave them is broken.")
    return scores, truth


def _ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.true_divide(numerator, denominator), dtype=np.float64)


def _mean(values: npt.NDArray[np.bool_] | FloatArray) -> float:
    return float(np.mean(values)) if values.size else float("nan")
