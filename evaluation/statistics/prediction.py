"""Which measure that photos allow foretells best what twins say: on a picture, and over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import FloatArray, Interval, interval_over_piles, mean_interval, spearman
from evaluation.measures import MEASURES
from evaluation.statistics.table import ScoreTable

FEWEST_METHODS = 4
"""Fewer methods can be put in too few orders for a rank correlation to say much."""


@dataclass(frozen=True)
class Prediction:
    """How well one measure foretells one twin-based truth."""

    metric: str
    truth: str
    on_a_picture: Interval
    """Mean over pairs of picture and part of the rank correlation over methods."""
    over_methods: Interval
    """Rank correlation over methods of their means."""
    pairs: int
    methods: int

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        return {
            "truth": self.truth,
            "metric": self.metric,
            "on_a_picture": self.on_a_picture.mean,
            "low": self.on_a_picture.low,
            "high": self.on_a_picture.high,
            "pairs": self.pairs,
            "over_methods": self.over_methods.mean,
            "methods_low": self.over_methods.low,
            "methods_high": self.over_methods.high,
            "methods": self.methods,
        }


def predict_truths(table: ScoreTable, truths: Sequence[str], *, seed: int) -> list[Prediction]:
    """Return how well each measure of `table` foretells each of `truths` there; the oracle takes no part.

    Args:
        table: scores by any measures.
        truths: the measures that need twins.
        seed: of the resampling.
    """
    ranked = [index for index, method in enumerate(table.methods) if not method.is_oracle]
    turned = {
        name: (1 if MEASURES[name].direction == "higher" else -1) * table.values[ranked, index]
        for index, name in enumerate(table.metrics)
    }
    return [
        predict_truth(name, truth, values, turned[truth], table.piles, seed=seed)
        for truth in truths
        if truth in turned
        for name, values in turned.items()
        if name not in truths
    ]


def predict_truth(
    metric: str, truth: str, values: FloatArray, truths: FloatArray, piles: NDArray[np.int64], *, seed: int
) -> Prediction:
    """Return how well `values` foretell `truths`.

    Pairs where the truth or the measure is the same for all methods say nothing and are left out of the first number,
    as are methods without both values.

    Args:
        metric: the measure's name.
        truth: the truth's name.
        values: (M, P), of M methods on P pairs, turned so that higher is better; NaN where undefined.
        truths: (M, P), the same of the truth.
        piles: (P,) the pile of each pair.
        seed: of the resampling.
    """
    both = ~(np.isnan(values) | np.isnan(truths))
    values, truths = np.where(both, values, np.nan), np.where(both, truths, np.nan)
    on_a_picture = np.full(len(piles), np.nan)
    for pair in range(len(piles)):
        known = both[:, pair]
        if known.sum() >= FEWEST_METHODS:
            on_a_picture[pair] = spearman(values[known, pair], truths[known, pair])
    methods = np.flatnonzero(both.any(axis=1))

    def of_means(pairs: NDArray[np.intp]) -> float:
        drawn = both[np.ix_(methods, pairs)]
        count = drawn.sum(axis=1)
        if (count == 0).any() or len(methods) < FEWEST_METHODS:
            return float("nan")
        means = [np.where(drawn, scores[np.ix_(methods, pairs)], 0).sum(axis=1) / count for scores in (values, truths)]
        return spearman(means[0], means[1])

    return Prediction(
        metric=metric,
        truth=truth,
        on_a_picture=mean_interval(on_a_picture, piles, seed=seed, bounds=(-1.0, 1.0)),
        over_methods=interval_over_piles(of_means, piles, seed=seed),
        pairs=int((~np.isnan(on_a_picture)).sum()),
        methods=len(methods),
    )


def prediction_rows(predictions: Sequence[Prediction]) -> list[dict[str, object]]:
    """Return the predictions as rows for a table, the best of each truth first."""
    truths = list(dict.fromkeys(one.truth for one in predictions))

    def order(one: Prediction) -> tuple[int, float]:
        return truths.index(one.truth), -np.nan_to_num(one.on_a_picture.mean, nan=-2.0)

    return [one.as_row() for one in sorted(predictions, key=order)]
