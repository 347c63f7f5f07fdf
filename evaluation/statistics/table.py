"""All scores of a run as one dense table, so that methods can be compared on the same (picture, part) pairs."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import BrickbenchError
from dataset.index import open_index
from evaluation.localization.registry import METRICS
from evaluation.score_store import SCORES
from evaluation.scores import CHOICE_SPLIT
from evaluation.statistics.strict import strict_values_of
from explain.methods import METHODS
from explain.store import Attribution, read_attributions
from training.run.checkpoint import choose_checkpoint

MISSING = "missing"
_COLUMNS = ["attribution_id", "metric", "value", "status", "chance", "metric_settings"]


@dataclass(frozen=True)
class MethodLabel:
    """A method with one set of settings, as it is called in tables."""

    key: str
    """Name of its folder, such as ``lime-1a2b3c4d5e6f``."""
    name: str
    """Unique in the table: the method's name, with the settings' digest behind it where two would be equal."""
    title: str
    """The same for readers."""
    is_baseline: bool
    """Knows nothing of the network: explanations are ranked against it, not with it."""
    is_oracle: bool = False
    """Was shown the masks: an upper bound, and neither a method nor a baseline to beat."""

    @property
    def is_ranked(self) -> bool:
        """Whether it is an explanation."""
        return not (self.is_baseline or self.is_oracle)

    @property
    def method(self) -> str:
        """Return the method's name in `explain.methods.METHODS`."""
        return self.key.rpartition("-")[0]

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
    values: NDArray[np.float64]
    """(M, K, P), NaN where undefined or missing; see `strict`."""
    status: NDArray[np.str_]
    """(M, K, P): a metric's status, or ``missing`` where there is no score."""
    chance: NDArray[np.float64]
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

    def method_index(self, name: str) -> int | None:
        """Return the place of the method called `name`, None if it is not there."""
        return next((place for place, method in enumerate(self.methods) if method.name == name), None)


@dataclass(frozen=True)
class ScoredRun:
    """All scores of a run, read once, from which the table of each checkpoint is made."""

    folder: Path
    root: Path
    rows: tuple[Attribution, ...]
    """The maps that have scores."""
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
        return choose_checkpoint(self.folder, checkpoint, self.checkpoints, "scored maps of")

    def table(self, checkpoint: str, measures: Collection[str] = METRICS, *, strict: bool = False) -> ScoreTable:
        """Return the scores of one of `checkpoints` by those of `measures` that were computed, in their order.

        Maps of val pictures, on which thresholds are chosen, are left out where there are maps of other splits. If
        `strict`, undefined scores count as the worst value.
        """
        rows = [row for row in self.rows if row.checkpoint == checkpoint]
        places = _places(self.root)
        judged = [row for row in rows if places.get(row.image_id, ("", 0))[0] != CHOICE_SPLIT]
        return _table(self, judged or rows, measures, places, strict=strict)


def read_scored_run(run_folder: Path, dataset_root: Path) -> ScoredRun:
    """Return the scores of a run; `dataset_root` tells which pile a picture shows.

    Raises:
        BrickbenchError: the run has no scores, or a file of them is damaged.
    """
    scores = _read_scores(run_folder)
    known = set(scores.column("attribution_id").to_pylist())
    scored = tuple(row for row in read_attributions(run_folder) if row.attribution_id in known)
    if not scored:
        raise _no_scores(run_folder)
    return ScoredRun(run_folder, dataset_root, scored, scores)


def load_scores(
    run_folder: Path,
    dataset_root: Path,
    checkpoint: str | None = None,
    measures: Collection[str] = METRICS,
    *,
    strict: bool = False,
) -> ScoreTable:
    """Return the scores of a run.

    Args:
        run_folder: with scores made by `evaluation.localization.run`.
        dataset_root: tells which pile a picture shows.
        checkpoint: whose maps; None takes the best one if it has maps, else the last that has.
        measures: which are wanted, as far as they were computed; localisation alone, or `evaluation.measures.MEASURES`.
        strict: undefined scores count as the worst value.

    Maps of val pictures are left out where there are maps of other splits.

    Raises:
        SettingsError: the run has no maps of that checkpoint.
        BrickbenchError: the run has no scores, or a file of them is damaged.
    """
    found = read_scored_run(run_folder, dataset_root)
    return found.table(found.choose(checkpoint), measures, strict=strict)


def _table(
    run: ScoredRun,
    scored: Sequence[Attribution],
    measures: Collection[str],
    places: Mapping[str, tuple[str, int]],
    *,
    strict: bool,
) -> ScoreTable:
    methods = _labels({str(row.method_key): row for row in scored})
    pairs = tuple(sorted({(row.image_id, row.part_id) for row in scored}))
    where_method = {method.key: place for place, method in enumerate(methods)}
    pair_at = {pair: place for place, pair in enumerate(pairs)}
    where = {
        row.attribution_id: (where_method[str(row.method_key)], pair_at[row.image_id, row.part_id]) for row in scored
    }
    scores = run.scores.filter(pc.is_in(run.scores.column("attribution_id"), pa.array(list(where), pa.string())))
    present = set(scores.column("metric").to_pylist())
    metrics = tuple(name for name in measures if name in present)
    metric_at = {name: place for place, name in enumerate(metrics)}

    shape = (len(methods), len(metrics), len(pairs))
    values, chance = np.full(shape, np.nan), np.full(shape, np.nan)
    status = np.full(shape, MISSING, dtype="<U32")
    settings: dict[str, str] = {}
    columns = [scores.column(name).to_pylist() for name in _COLUMNS]
    for identity, metric, value, found, level, used in zip(*columns, strict=True):
        if metric in metric_at:
            method, pair = where[identity]
            place = (method, metric_at[metric], pair)
            values[place] = np.nan if value is None else value
            chance[place] = np.nan if level is None else level
            status[place] = found
            settings[metric] = used
    return ScoreTable(
        run_id=scored[0].run_id,
        checkpoint=scored[0].checkpoint,
        methods=methods,
        metrics=metrics,
        metric_settings=settings,
        pairs=pairs,
        piles=_piles(run.root, pairs, places),
        values=strict_values_of(metrics, values, status) if strict else values,
        status=status,
        chance=chance,
        rows={where[row.attribution_id]: row for row in scored},
        strict=strict,
    )


def _read_scores(run_folder: Path) -> pa.Table:
    tables = []
    for path in sorted((run_folder / SCORES).glob("*.parquet")):
        if path.name.startswith("."):
            continue
        try:
            tables.append(pq.read_table(path, columns=_COLUMNS, partitioning=None))
        except (OSError, pa.ArrowException) as error:
            raise BrickbenchError(f"{path} is damaged: delete it and run `evaluate localize` again.") from error
    if not tables:
        raise _no_scores(run_folder)
    return pa.concat_tables(tables)


def _no_scores(run_folder: Path) -> BrickbenchError:
    return BrickbenchError(f"{run_folder} has no scores: make them with `brickbench evaluate localize {run_folder}`.")


def _labels(rows: dict[str, Attribution]) -> tuple[MethodLabel, ...]:
    order = list(METHODS)
    sorted_rows = sorted(rows.items(), key=lambda item: (order.index(item[1].method), item[0]))
    names = [row.method for _, row in sorted_rows]
    labels = []
    for key, row in sorted_rows:
        definition = METHODS[row.method]
        alone = names.count(row.method) == 1
        digest = row.method_settings_hash[:6]
        labels.append(
            MethodLabel(
                key=key,
                name=row.method if alone else f"{row.method}-{digest}",
                title=definition.title if alone else f"{definition.title} ({digest})",
                is_baseline=definition.kind == "baseline",
                is_oracle=definition.kind == "oracle",
            )
        )
    return tuple(labels)


def _places(dataset_root: Path) -> dict[str, tuple[str, int]]:
    """Return the split and the pile of each picture."""
    with open_index(dataset_root) as index:
        found = index.execute(
            "SELECT image_id, split, dense_rank() OVER (ORDER BY group_id) - 1 FROM images"
        ).fetchall()
    return {image_id: (split, pile) for image_id, split, pile in found}


def _piles(
    dataset_root: Path, pairs: Sequence[tuple[str, str]], places: Mapping[str, tuple[str, int]]
) -> NDArray[np.int64]:
    lacking = next((image_id for image_id, _ in pairs if image_id not in places), None)
    if lacking is not None:
        raise BrickbenchError(
            f"Picture {lacking!r} is not in the dataset {dataset_root}: say with -d which dataset was explained."
        )
    return np.array([places[image_id][1] for image_id, _ in pairs], dtype=np.int64)
