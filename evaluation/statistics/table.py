"""All scores of a run as one dense table, so that methods can be compared on the same (picture, part) pairs."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from core.errors import BrickbenchError
from evaluation.intervals import FloatArray
from evaluation.measure import NO_ZERO
from evaluation.measures import MEASURES
from evaluation.score_store import CHOICE_SPLIT, read_scores
from evaluation.statistics.zero import MISSING, apply_zero_rule, why_no_zero
from explain.method_key import MethodKey
from explain.methods import METHODS
from explain.store import Attribution, read_attributions
from training.run.checkpoint import choose_checkpoint
from training.run.run import Run

LEAD_METRICS = ("mass_accuracy", "rank_accuracy", "pointing_game", "iou_fixed")
_COLUMNS = ["attribution_id", "metric", "value", "status", "chance", "metric_settings"]


@dataclass(frozen=True, repr=False)
class MethodLabel:
    """A method with one set of settings, as it is called in tables."""

    key: MethodKey
    name: str
    """Unique in the table: the method's name, with the settings' digest behind it where two would be equal."""
    title: str
    """The same for readers."""
    is_baseline: bool
    """Knows nothing of the network: explanations are ranked against it, not with it."""
    is_oracle: bool = False
    """Was shown the masks: an upper bound, and neither a method nor a baseline to beat."""

    def __repr__(self) -> str:
        """Return the text that the digest of a table is made from: it must stay what it was in older reports."""
        return (
            f"MethodLabel(key={str(self.key)!r}, name={self.name!r}, title={self.title!r}, "
            f"is_baseline={self.is_baseline}, is_oracle={self.is_oracle})"
        )

    @property
    def is_ranked(self) -> bool:
        """Whether it is an explanation."""
        return not (self.is_baseline or self.is_oracle)

    @property
    def no_zero(self) -> str:
        """Return why 0 means nothing in its maps, as a clause; empty where it means something."""
        return why_no_zero(self.key.method)

    @property
    def kind(self) -> str:
        """Return ``method``, ``baseline`` or ``oracle``."""
        return "oracle" if self.is_oracle else "baseline" if self.is_baseline else "method"


@dataclass(frozen=True)
class ScoreTable:
    """Scores of one checkpoint's maps: M methods, K metrics, P pairs of picture and part."""

    run_id: str
    checkpoint: str
    methods: tuple[MethodLabel, ...]
    metrics: tuple[str, ...]
    metric_settings: dict[str, str]
    """Settings that each metric was computed with, as JSON."""
    pairs: tuple[tuple[str, str], ...]
    """(image_id, part_id), sorted."""
    piles: NDArray[np.int64]
    """(P,) the pile that each pair's picture shows."""
    values: FloatArray
    """(M, K, P), NaN where undefined or missing; see `strict`."""
    status: NDArray[np.str_]
    """(M, K, P): a metric's status, or ``missing`` without a score, or ``no_zero`` where the metric does not apply."""
    chance: FloatArray
    """(M, K, P), NaN where no map could have a value."""
    rows: dict[tuple[int, int], Attribution]
    """(method, pair) to the map that was scored."""
    strict: bool = False
    """Whether undefined scores count as the worst value in `values`."""

    @property
    def digest(self) -> str:
        """Return 12 hexadecimal digits that differ whenever a score, its status or its pair differs."""
        content = hashlib.sha256(repr((self.methods, self.metrics, self.pairs, self.metric_settings)).encode())
        for array in (self.piles, self.values, self.status.astype("<U32"), self.chance):
            content.update(array.tobytes())
        return content.hexdigest()[:12]

    @property
    def lead(self) -> str:
        """Return the metric that breakdowns and pictures are shown by.

        It is the first of `LEAD_METRICS` that there is and that applies to every explanation; where none does, the
        first that there is.
        """
        there = [name for name in LEAD_METRICS if name in self.metrics]
        ranked = [method for method in self.methods if method.is_ranked]
        fitting = [name for name in there if all(self.applies(method, name) for method in ranked)]
        return next(iter([*fitting, *there, *self.metrics]))

    def applies(self, method: MethodLabel, metric: str) -> bool:
        """Return whether `metric` says anything of maps by `method`: whether it has the zero that the metric reads."""
        cell = self.status[self.methods.index(method), self.metrics.index(metric)]
        return not bool((cell == NO_ZERO).any())

    @property
    def pictures(self) -> int:
        """Return how many pictures the pairs are in."""
        return len({image_id for image_id, _ in self.pairs})

    @property
    def pile_count(self) -> int:
        """Return how many piles the pairs' pictures show."""
        return len(set(self.piles.tolist()))


@dataclass(frozen=True)
class ScoredRun:
    """All scores of a run, read once, from which the table of each checkpoint is made."""

    run: Run
    rows: Sequence[Attribution]
    """The maps, such as those that have scores."""
    scores: pa.Table

    @property
    def checkpoints(self) -> list[str]:
        """Return the checkpoints whose maps were scored, sorted, so from the earliest to the latest."""
        return sorted({row.checkpoint for row in self.rows})

    def choose(self, checkpoint: str | None) -> str:
        """Return the checkpoint that is meant by `checkpoint`: None is the best one if it has maps, else the last.

        Raises:
            SettingsError: the run has no maps of it.
        """
        return choose_checkpoint(self.run.folder, checkpoint, self.checkpoints, "scored maps of")

    def table(self, checkpoint: str, measures: Collection[str] = MEASURES, *, strict: bool = False) -> ScoreTable:
        """Return the scores of one of `checkpoints` by those of `measures` that were computed, in their order.

        Maps of val pictures, on which thresholds are chosen, are left out where there are maps of other splits. If
        `strict`, undefined scores count as the worst value.
        """
        rows = [row for row in self.rows if row.checkpoint == checkpoint]
        split_of = dict(self.run.dataset.query("SELECT image_id, split FROM images"))
        judged = [row for row in rows if split_of.get(row.image_id) != CHOICE_SPLIT]
        return self.table_of(judged or rows, measures, strict=strict)

    def table_of(
        self, rows: Sequence[Attribution], measures: Collection[str] = MEASURES, *, strict: bool = False
    ) -> ScoreTable:
        """Return the scores of the maps `rows`, at least one, scored or not; the rest as for `table`."""
        methods = _labels(rows)
        pairs = tuple(sorted({(row.image_id, row.part_id) for row in rows}))
        method_at = {method.key: index for index, method in enumerate(methods)}
        pair_at = {pair: index for index, pair in enumerate(pairs)}
        cell_of = {row.attribution_id: (method_at[row.method_key], pair_at[row.image_id, row.part_id]) for row in rows}
        known = pc.is_in(self.scores.column("attribution_id"), pa.array(list(cell_of), pa.string()))
        scores = self.scores.filter(known)
        computed = set(scores.column("metric").to_pylist())
        metrics = tuple(name for name in measures if name in computed)
        metric_at = {name: index for index, name in enumerate(metrics)}

        shape = (len(methods), len(metrics), len(pairs))
        values, chance = np.full(shape, np.nan), np.full(shape, np.nan)
        status = np.full(shape, MISSING, dtype="<U32")
        settings: dict[str, str] = {}
        columns = [scores.column(name).to_pylist() for name in _COLUMNS]
        for identity, metric, value, reason, level, used in zip(*columns, strict=True):
            if metric in metric_at:
                method, pair = cell_of[identity]
                cell = (method, metric_at[metric], pair)
                values[cell] = np.nan if value is None else value
                chance[cell] = np.nan if level is None else level
                status[cell] = reason
                settings[metric] = used
        values, status = apply_zero_rule([method.key.method for method in methods], metrics, values, status)
        return ScoreTable(
            run_id=rows[0].run_id,
            checkpoint=rows[0].checkpoint,
            methods=methods,
            metrics=metrics,
            metric_settings=settings,
            pairs=pairs,
            piles=_piles(self.run, pairs),
            values=strict_values_of(metrics, values, status) if strict else values,
            status=status,
            chance=chance,
            rows={cell_of[row.attribution_id]: row for row in rows},
            strict=strict,
        )


def read_scored_run(run: Run) -> ScoredRun:
    """Return the scores of a run.

    Raises:
        BrickbenchError: the run has no scores, or a file of them is damaged.
    """
    scores = read_scores(run.folder)
    known = set(scores.column("attribution_id").to_pylist())
    scored = [row for row in read_attributions(run.folder) if row.attribution_id in known]
    if not scored:
        raise BrickbenchError(
            f"{run.folder} has no scores: make them with `brickbench evaluate localize {run.folder}`."
        )
    return ScoredRun(run, scored, scores)


def load_scores(
    run: Run, checkpoint: str | None = None, measures: Collection[str] = MEASURES, *, strict: bool = False
) -> ScoreTable:
    """Return the scores of a run.

    Args:
        run: with scores; its dataset tells which pile a picture shows.
        checkpoint: whose maps; None takes the best one if it has maps, else the last that has.
        measures: those that are asked for, as far as they were computed.
        strict: undefined scores count as the worst value.

    Maps of val pictures are left out where there are maps of other splits.

    Raises:
        SettingsError: the run has no maps of that checkpoint.
        BrickbenchError: the run has no scores, or a file of them is damaged.
    """
    scored = read_scored_run(run)
    return scored.table(scored.choose(checkpoint), measures, strict=strict)


def strict_values_of(metrics: Sequence[str], values: FloatArray, status: NDArray[np.str_]) -> FloatArray:
    """Return `values` (M, K, P) of K `metrics` with the worst value of each where its `status` is undefined.

    A measure whose worst value is infinite keeps its gaps, and so does one that has no value of any map, as `iou_best`
    where no threshold was chosen: nothing there tells methods apart.
    """
    filled = values.copy()
    for index, name in enumerate(metrics):
        if (status[:, index] == "ok").any():
            filled[:, index] = MEASURES[name].strict(values[:, index], status[:, index])
    return filled


def _labels(rows: Sequence[Attribution]) -> tuple[MethodLabel, ...]:
    order = list(METHODS)
    keys = sorted({row.method_key for row in rows}, key=lambda key: (order.index(key.method), key))
    names = [key.method for key in keys]
    labels = []
    for key in keys:
        method = METHODS[key.method]
        alone = names.count(key.method) == 1
        labels.append(
            MethodLabel(
                key=key,
                name=key.method if alone else key.short,
                title=method.title if alone else f"{method.title} ({key.settings_hash[:6]})",
                is_baseline=method.kind == "baseline",
                is_oracle=method.kind == "oracle",
            )
        )
    return tuple(labels)


def _piles(run: Run, pairs: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
    """Return the number of the pile that the picture of each pair shows, (P,)."""
    pile_of = dict(run.dataset.query("SELECT image_id, dense_rank() OVER (ORDER BY group_id) - 1 FROM images"))
    unknown = next((image_id for image_id, _ in pairs if image_id not in pile_of), None)
    if unknown is not None:
        raise BrickbenchError(
            f"Picture {unknown!r} is not in the dataset {run.dataset.root}: say with -d which dataset was explained."
        )
    return np.array([pile_of[image_id] for image_id, _ in pairs], dtype=np.int64)
