"""How well pictures are labelled: average precision, F1, precision, recall, accuracies, calibration, from raw logits.

Every score is a formula of sums over pictures. `Tally` keeps those sums by group of pictures, so that the scores of
thousands of resamples cost about as much as sorting the logits once.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.special import expit

from training.validation.ranking import Ranking

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

CALIBRATION_BINS = 15
"""Of equal width, as in Guo et al. 2017: their edges do not move with the pictures, so resamples share them."""


@dataclass(frozen=True)
class LabelMetrics:
    """The scores of one set of pictures, NaN where undefined; each from 0 to 1, higher is better unless said.

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
    calibration_error_macro: float
    """Expected calibration error of each class, then the mean over all classes; lower is better.

    ``sum_b (n_b / N) |share of positives in bin b - mean probability in bin b|`` over `CALIBRATION_BINS` bins of the
    sigmoid (Guo et al. 2017; class by class: Kull et al. 2019)."""
    calibration_error_micro: float
    """The same over all (picture, class) pairs at once: errors of classes may cancel. Lower is better."""
    brier: float
    """Mean squared difference of probability and truth over all pairs (Brier 1950); lower is better."""
    classes_scored: int
    classes_without_positives: int
    pictures: int


SCORES = tuple(field.name for field in fields(LabelMetrics) if field.type is float)
"""Names of the scores, without the counts."""
LOWER_IS_BETTER = frozenset({"calibration_error_macro", "calibration_error_micro", "brier"})


@dataclass(frozen=True)
class ClassScores:
    """Scores of each class on B weightings of the groups: (C, B) each, NaN where undefined."""

    average_precision: FloatArray
    f1: FloatArray
    precision: FloatArray
    recall: FloatArray
    calibration_error: FloatArray


class Tally:
    """Sums over groups of pictures from which all scores follow, for any weights of the groups."""

    def __init__(
        self,
        logits: npt.ArrayLike,
        targets: npt.ArrayLike,
        groups: npt.ArrayLike | None = None,
        thresholds: npt.ArrayLike = 0.0,
    ) -> None:
        """Sort the logits and sum what can be summed.

        Args:
            logits: (N, C) float, finite; N may be 0.
            targets: (N, C) 0 or 1.
            groups: (N,) integers, equal for pictures that are drawn together; None puts all into one group.
            thresholds: (C,) or one for all: a class counts as predicted where its logit is above.

        Raises:
            ValueError: shapes differ or are not (N, C), or a logit is not finite.
        """
        scores, truth = _checked(logits, targets)
        members = np.zeros(len(truth), dtype=np.int64)
        if groups is not None:
            members = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
        self.units = int(members.max(initial=-1)) + 1 if groups is not None else 1
        self.classes = truth.shape[1]
        self._by_class = Ranking.of(scores, truth, members, self.units)
        self._pooled = Ranking.of(
            scores.reshape(-1, 1), truth.reshape(-1, 1), np.repeat(members, self.classes), self.units
        )
        predicted = scores > np.asarray(thresholds, dtype=np.float64)
        gather = csr_array((np.ones(len(truth)), (members, np.arange(len(truth)))), shape=(self.units, len(truth)))
        self._hit = (gather @ (predicted & truth).astype(np.float64)).T  # (C, groups)
        self._claimed = (gather @ predicted.astype(np.float64)).T
        self._present = (gather @ truth.astype(np.float64)).T
        probability = expit(scores)
        self._residuals = _residuals_by_bin(probability, truth, members, self.units)
        right = predicted == truth
        by_picture = np.stack(
            [np.ones(len(truth)), right.sum(axis=1), right.all(axis=1), ((probability - truth) ** 2).sum(axis=1)]
        )
        self._by_picture = (gather @ by_picture.T).T  # (4, groups)
        self.positive_units = (self._present > 0).sum(axis=1)
        """(C,) groups with a positive of each class: what the scores of that class rest on."""

    def class_scores(self, weights: FloatArray) -> ClassScores:
        """Return the scores of each class for `weights` (groups, B)."""
        return self._class_scores(weights, self._calibration_residuals(weights))

    def scores(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Return each of `SCORES`, (B,), for `weights` (groups, B); exactly those of the resampled pictures."""
        hit, claimed, present = (sums @ weights for sums in (self._hit, self._claimed, self._present))
        pictures, right, exact, squares = self._by_picture @ weights
        residuals = self._calibration_residuals(weights)
        by_class = self._class_scores(weights, residuals)
        shown = present > 0
        pairs = pictures * self.classes
        return {
            "map_macro": _mean(by_class.average_precision, shown),
            "map_micro": self._pooled.average_precisions(weights)[0],
            "f1_macro": _mean(by_class.f1, shown),
            "f1_micro": _ratio(2 * hit.sum(axis=0), (claimed + present).sum(axis=0)),
            "precision_macro": _mean(np.nan_to_num(by_class.precision), shown),
            "precision_micro": _ratio(hit.sum(axis=0), claimed.sum(axis=0)),
            "recall_macro": _mean(by_class.recall, shown),
            "recall_micro": _ratio(hit.sum(axis=0), present.sum(axis=0)),
            "binary_accuracy": _ratio(right, pairs),
            "exact_match": _ratio(exact, pictures),
            "calibration_error_macro": by_class.calibration_error.mean(axis=0),
            "calibration_error_micro": _ratio(np.abs(residuals.sum(axis=0)).sum(axis=0), pairs),
            "brier": _ratio(squares, pairs),
        }

    def label_metrics(self) -> LabelMetrics:
        """Return the scores of the pictures as they are."""
        values = self.scores(np.ones((self.units, 1)))
        scored = int((self._present.sum(axis=1) > 0).sum())
        return LabelMetrics(
            **{name: float(value[0]) for name, value in values.items()},
            classes_scored=scored,
            classes_without_positives=self.classes - scored,
            pictures=int(self._by_picture[0].sum()),
        )

    def _class_scores(self, weights: FloatArray, residuals: FloatArray) -> ClassScores:
        hit, claimed, present = (sums @ weights for sums in (self._hit, self._claimed, self._present))
        return ClassScores(
            average_precision=self._by_class.average_precisions(weights),
            f1=_ratio(2 * hit, claimed + present),
            precision=_ratio(hit, claimed),
            recall=_ratio(hit, present),
            calibration_error=_ratio(np.abs(residuals).sum(axis=1), self._by_picture[0] @ weights),
        )

    def _calibration_residuals(self, weights: FloatArray) -> FloatArray:
        """Return the sum of probability less truth, (C, bins, B)."""
        return (self._residuals @ weights).reshape(self.classes, CALIBRATION_BINS, -1)


def label_metrics(logits: npt.ArrayLike, targets: npt.ArrayLike, thresholds: npt.ArrayLike = 0.0) -> LabelMetrics:
    """Return all scores of one set of pictures; a class counts as predicted where its logit is above its threshold.

    Args:
        logits: (N, C) float, finite; N may be 0, which makes every score NaN.
        targets: (N, C) 0 or 1.
        thresholds: (C,) logits, or one for all.

    Raises:
        ValueError: shapes differ or are not (N, C), or a logit is not finite.
    """
    return Tally(logits, targets, thresholds=thresholds).label_metrics()


def calibration_bin(probability: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the bin of each probability, 0 to `CALIBRATION_BINS` - 1; an edge belongs to the bin below it."""
    inner = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    return np.searchsorted(inner, np.asarray(probability))


def _residuals_by_bin(
    probability: FloatArray, truth: BoolArray, members: npt.NDArray[np.int64], units: int
) -> csr_array:
    """Return the sums of probability less truth by class and bin, (C * bins, groups): class c from row c * bins on."""
    classes = truth.shape[1]
    rows = np.arange(classes) * CALIBRATION_BINS + calibration_bin(probability)  # (N, C)
    columns = np.repeat(members, classes)
    values = (probability - truth).ravel()
    return coo_array((values, (rows.ravel(), columns)), shape=(classes * CALIBRATION_BINS, units)).tocsr()


def _checked(logits: npt.ArrayLike, targets: npt.ArrayLike) -> tuple[FloatArray, BoolArray]:
    scores, truth = np.asarray(logits, dtype=np.float64), np.asarray(targets) > 0.5
    if scores.shape != truth.shape or scores.ndim != 2:
        raise ValueError(f"Logits have shape {scores.shape}, targets {truth.shape}; both must be (pictures, classes).")
    if not np.isfinite(scores).all():
        raise ValueError("Some logits are not finite: the network that gave them is broken.")
    return scores, truth


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.true_divide(numerator, denominator), dtype=np.float64)


def _mean(values: FloatArray, shown: BoolArray) -> FloatArray:
    """Return the mean over the classes of `values` (C, B) where they are `shown` (C, B), NaN where none is."""
    return _ratio(np.where(shown, values, 0.0).sum(axis=0), shown.sum(axis=0))
