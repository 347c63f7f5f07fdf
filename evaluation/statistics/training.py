"""Scores over the course of training, and how far they hang on the run rather than on the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.intervals import Interval, mean_intervals
from evaluation.statistics.align import Aligned, align
from evaluation.statistics.effects import Effect, paired_effects
from evaluation.statistics.permutation import holm
from evaluation.statistics.summary import effect_columns, sign_of
from evaluation.statistics.table import MethodLabel, ScoreTable
from evaluation.statistics.variance import SOURCES, Components, variance_components


@dataclass(frozen=True)
class Growth:
    """One method on one metric at each of several checkpoints, over the pairs that have values at all of them."""

    method: MethodLabel
    metric: str
    checkpoints: tuple[str, ...]
    """From the earliest to the latest."""
    means: tuple[Interval, ...]
    """One a checkpoint."""
    effect: Effect
    """The last checkpoint minus the first."""
    p_corrected: float
    """Holm's, over all methods and metrics."""

    @property
    def sign(self) -> int:
        """1 where the last checkpoint is better by the corrected test, -1 where worse, 0 where not told apart."""
        return sign_of(self.metric, self.effect.mean.mean, self.p_corrected)

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        words = {1: "better", -1: "worse", 0: "not told apart"}[self.sign]
        row: dict[str, object] = {"method": self.method.name, "metric": self.metric}
        row |= {"first": self.checkpoints[0], "last": self.checkpoints[-1]}
        return row | effect_columns(self.effect, self.p_corrected) | {"verdict": words}


@dataclass(frozen=True)
class Variation:
    """Where the scores of one method on one metric vary: between runs, between pictures, or both at once."""

    method: MethodLabel
    metric: str
    components: Components

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON: shares of the total variance, and the two standard errors."""
        found = self.components
        row: dict[str, object] = {"method": self.method.name, "metric": self.metric, "mean": found.mean}
        row |= {f"{source}_share": found.share(source) for source in SOURCES}
        row |= {"error_same_runs": found.error_same_runs, "error_new_runs": found.error_new_runs}
        return row | {"runs": found.runs, "piles": found.piles, "pairs": found.pairs}


def grow(tables: Sequence[ScoreTable], *, seed: int) -> list[Growth]:
    """Return how each explanation's scores change over checkpoints of one run.

    Args:
        tables: one a checkpoint, from the earliest to the latest; at least two.
        seed: of the resampling.

    Raises:
        BrickbenchError: the checkpoints have no pair, method or metric in common.
    """
    names = [table.checkpoint for table in tables]
    both = align(tables, names)
    values = both.values  # (R, M, K, P)
    values = np.where(np.isnan(values).any(axis=0), np.nan, values)
    cells = [(method, metric) for method in range(len(both.methods)) for metric in range(len(both.metrics))]
    effects = paired_effects(
        np.stack([values[-1, method, metric] - values[0, method, metric] for method, metric in cells]),
        both.piles,
        seed=seed,
    )
    corrected = holm(np.array([effect.p_value for effect in effects])).tolist()
    return [
        Growth(
            method=both.methods[method],
            metric=both.metrics[metric],
            checkpoints=tuple(names),
            means=tuple(mean_intervals(values[:, method, metric], both.piles, seed=seed)),
            effect=effect,
            p_corrected=p_value,
        )
        for (method, metric), effect, p_value in zip(cells, effects, corrected, strict=True)
    ]


def vary(tables: Sequence[ScoreTable], names: Sequence[str]) -> list[Variation]:
    """Return the components of variance of each explanation's scores over runs that saw the same pictures.

    Args:
        tables: one a run; at least two.
        names: what they are called.

    Raises:
        BrickbenchError: the runs have no pair, method or metric in common.
    """
    both: Aligned = align(tables, names)
    found = []
    for method, label in enumerate(both.methods):
        for metric, name in enumerate(both.metrics):
            components = variance_components(both.values[:, method, metric], both.piles)
            if components is not None:
                found.append(Variation(label, name, components))
    return found
