"""One run against another on the same pictures (other weights, another network, another seed), or over its training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import BrickbenchError, SettingsError
from evaluation.intervals import Interval, mean_intervals
from evaluation.measures import MEASURES
from evaluation.statistics.align import align
from evaluation.statistics.comparison import Comparison, strict_column
from evaluation.statistics.effects import corrected_effects
from evaluation.statistics.table import MethodLabel, ScoreTable, load_scores
from training.run.run import Run


@dataclass(frozen=True, kw_only=True)
class Contrast(Comparison):
    """One method in two runs, first minus second. The correction counts all methods and metrics."""

    method: MethodLabel
    names: tuple[str, str]
    """Of the runs."""
    means: tuple[float, float]
    """Of the first and of the second run, over the pairs that both have."""
    strict: bool = False
    """Whether undefined scores count as the worst value."""

    @property
    def words(self) -> str:
        """Return which run is better, in words."""
        return self.verdict(*self.names)

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        head = {"method": self.method.name, "metric": self.metric, "first": self.means[0], "second": self.means[1]}
        return head | self.columns(self.words) | strict_column(strict=self.strict)


@dataclass(frozen=True, kw_only=True)
class Growth(Comparison):
    """One method at several checkpoints, over the pairs that have values at all of them: the last minus the first.

    The correction counts all methods and metrics.
    """

    method: MethodLabel
    checkpoints: tuple[str, ...]
    """From the earliest to the latest."""
    means: tuple[Interval, ...]
    """One a checkpoint."""

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        head = {"method": self.method.name, "metric": self.metric}
        head |= {"first": self.checkpoints[0], "last": self.checkpoints[-1]}
        return head | self.columns({1: "better", -1: "worse", 0: "not told apart"}[self.sign])


def contrast_tables(first: ScoreTable, second: ScoreTable, names: tuple[str, str], *, seed: int) -> list[Contrast]:
    """Return the contrasts of all explanations and metrics that both tables have.

    Raises:
        BrickbenchError: they have none in common, or no pair.
        SettingsError: a metric was computed with other settings.
    """
    both = align([first, second], names)
    differences = np.stack([both.values[0][cell] - both.values[1][cell] for cell in both.cells])
    contrasts = []
    effects = corrected_effects(differences, both.piles, seed=seed)
    for (method, metric), (effect, p_value) in zip(both.cells, effects, strict=True):
        values = both.values[:, method, metric]
        values = values[:, ~np.isnan(values).any(axis=0)]
        contrasts.append(
            Contrast(
                metric=both.metrics[metric],
                effect=effect,
                p_corrected=p_value,
                method=both.methods[method],
                names=names,
                means=(float(values[0].mean()), float(values[1].mean())) if values.size else (np.nan, np.nan),
                strict=first.strict,
            )
        )
    return contrasts


def contrast_runs(
    runs: tuple[Run, Run], checkpoints: tuple[str | None, str | None], *, seed: int, strict: bool = False
) -> list[Contrast]:
    """Return the contrasts of two scored runs, or of two checkpoints of one.

    Args:
        runs: each with its dataset; the same pictures may lie in two copies.
        checkpoints: whose maps; None takes the best that has scores.
        seed: of the resampling.
        strict: undefined scores count as the worst value.

    Raises:
        BrickbenchError: a run has no scores, both are the same, they share nothing, or pictures of one name differ.
        SettingsError: no such checkpoint, or a metric was computed with other settings.
    """
    first, second = (load_scores(run, name, strict=strict) for run, name in zip(runs, checkpoints, strict=True))
    if runs[0].folder.resolve() == runs[1].folder.resolve() and first.checkpoint == second.checkpoint:
        raise SettingsError(
            f"Both are {runs[0].folder} at {first.checkpoint}: give another run, or another checkpoint of it with "
            "--other-checkpoint."
        )
    require_same_pictures(runs, first, second)
    ids = [run.info.run_id for run in runs]
    if ids[0] == ids[1]:
        ids = [f"{name} {table.checkpoint}" for name, table in zip(ids, (first, second), strict=True)]
    return contrast_tables(first, second, (ids[0], ids[1]), seed=seed)


def require_same_pictures(runs: tuple[Run, Run], first: ScoreTable, second: ScoreTable) -> None:
    """Raise BrickbenchError unless pictures that have one name in the datasets of both runs are the same."""
    roots = [run.dataset.root for run in runs]
    if roots[0].resolve() == roots[1].resolve():
        return
    shared = sorted({image for image, _ in first.pairs} & {image for image, _ in second.pairs})
    hashes = [_hashes(run, shared) for run in runs]
    other = next((image_id for image_id in shared if hashes[0].get(image_id) != hashes[1].get(image_id)), None)
    if other is not None:
        raise BrickbenchError(
            f"{other!r} is another picture in {roots[0]} than in {roots[1]}: runs can be compared only on the same "
            "pictures. Explain and score one of them on the dataset of the other."
        )


def grow(tables: Sequence[ScoreTable], *, seed: int) -> list[Growth]:
    """Return how each explanation's scores change over checkpoints of one run.

    Args:
        tables: one a checkpoint, from the earliest to the latest; at least two.
        seed: of the resampling.

    Raises:
        BrickbenchError: the checkpoints have no pair, method or metric in common.
    """
    names = tuple(table.checkpoint for table in tables)
    both = align(tables, names)
    values = np.where(np.isnan(both.values).any(axis=0), np.nan, both.values)  # (R, M, K, P)
    differences = np.stack([values[-1][cell] - values[0][cell] for cell in both.cells])
    effects = corrected_effects(differences, both.piles, seed=seed)
    ranges = [MEASURES[name].range for name in both.metrics]
    return [
        Growth(
            metric=both.metrics[metric],
            effect=effect,
            p_corrected=p_value,
            method=both.methods[method],
            checkpoints=names,
            means=tuple(mean_intervals(values[:, method, metric], both.piles, seed=seed, bounds=ranges[metric])),
        )
        for (method, metric), (effect, p_value) in zip(both.cells, effects, strict=True)
    ]


def _hashes(run: Run, image_ids: list[str]) -> dict[str, Any]:
    sql = "SELECT image_id, content_hash FROM images WHERE image_id IN (SELECT unnest(?))"
    return dict(run.dataset.query(sql, [image_ids]))
