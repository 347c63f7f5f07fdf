"""Metrics of all maps of a split together, and the threshold of `iou_best`, from what each map adds to their sums."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.bootstrap import resample_counts, symmetric_ends
from core.files import atomic_file
from core.seeding import Purpose, generator
from evaluation.localization.metrics.iou import IOU_CHOICE, STEPS, expected_iou
from evaluation.localization.registry import SPLIT_METRICS, SplitMeasure
from evaluation.score_store import (
    CHOICE_SPLIT,
    SCORE_SCHEMA,
    SCORES,
    SUMS,
    SUMS_SCHEMA,
    read_rows,
    read_table,
    score_file,
    write_rows,
)
from explain.method_key import MethodKey
from explain.methods import find_method
from explain.store import Attribution, read_shard, shard_files
from training.run.run import Run

SPLIT_SCORES = "split_scores.parquet"
RESAMPLES = 1000
_ARROW: dict[object, pa.DataType] = {str: pa.string(), float: pa.float64(), int: pa.int64()}


@dataclass(frozen=True)
class SplitScore:
    """One metric on all maps of a split by one method."""

    checkpoint: str
    method: str
    method_settings_hash: str
    split: str
    metric: str
    value: float
    low: float
    """Lower end of the 95 % interval over resampled piles, `core.bootstrap.symmetric_ends`: a maximum over thresholds
    flatters, and more so where it is drawn again. NaN with too few piles."""
    high: float
    chance: float
    """Or the level that the metric's row names."""
    threshold: float
    """At which `value` was reached; NaN where there is no single one."""
    maps: int
    """With a value and without."""
    piles: int
    """That stand behind the value."""
    undefined: float
    """Share of the maps that add nothing."""
    metric_settings: str

    @property
    def method_key(self) -> MethodKey:
        """Method with settings."""
        return MethodKey(self.method, self.method_settings_hash)


class _Key(NamedTuple):
    checkpoint: str
    method: str
    method_settings_hash: str
    split: str
    metric: str
    metric_settings: str


class _Part(NamedTuple):
    """What the maps of one file add to the sums of one metric."""

    metric: str
    metric_settings: str
    rows: Sequence[Attribution]
    status: NDArray[np.str_]
    mask_px: Sequence[int]
    pixels: Sequence[int]
    sums: NDArray[np.float64]
    """(N, S), NaN where the status is not ``ok``."""


@dataclass
class _Sums:
    """Of one method on one split: for each pile the number of maps and what they add."""

    piles: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    maps: int = 0
    undefined: int = 0

    def add(self, pile: str, sums: NDArray[np.float64], defined: bool) -> None:
        self.maps += 1
        self.undefined += not defined
        if defined:
            row = np.concatenate([[1.0], sums])
            self.piles[pile] = self.piles[pile] + row if pile in self.piles else row


def summed_metrics() -> dict[str, SplitMeasure]:
    """Return what is kept as sums: metrics of a split, and the curve on which the threshold of `iou_best` is chosen."""
    return {**SPLIT_METRICS, IOU_CHOICE.name: IOU_CHOICE}


def finish_splits(run: Run, *, seed: int = 0) -> None:
    """Write the run's scores of splits, and the scores of `iou_best` at the thresholds chosen on val.

    Args:
        run: with sums made by `evaluation.localization.run`; its dataset tells the split and pile of each picture.
        seed: of the resampling of piles.

    Raises:
        BrickbenchError: a file is damaged.
    """
    rows = run.dataset.query("SELECT image_id, split, group_id FROM images")
    split_and_pile = {image_id: (split, group_id) for image_id, split, group_id in rows}
    totals: dict[_Key, _Sums] = {}
    for part in _parts(run.folder):
        for index, row in enumerate(part.rows):
            split, pile = split_and_pile[row.image_id]
            key = _Key(row.checkpoint, row.method, row.method_settings_hash, split, part.metric, part.metric_settings)
            totals.setdefault(key, _Sums()).add(pile, part.sums[index], part.status[index] == "ok")
    scores = [_finish(key, total, seed) for key, total in sorted(totals.items())]
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in SplitScore.__annotations__.items()])
    with atomic_file(run.folder / SPLIT_SCORES) as temporary:
        pq.write_table(pa.Table.from_pylist([asdict(score) for score in scores], schema=schema), temporary)
    _write_iou_best(run.folder, split_and_pile, scores)


def load_split_scores(run_folder: Path) -> list[SplitScore]:
    """Return the run's scores of splits, none if it was not scored; `iou_best` stands for its threshold on val."""
    path = run_folder / SPLIT_SCORES
    if not path.is_file():
        return []
    scores = [SplitScore(**row) for row in read_table(path, "evaluate localize").to_pylist()]
    return [score for score in scores if score.metric != IOU_CHOICE.name or score.split == CHOICE_SPLIT]


def split_rows(run_folder: Path, checkpoint: str, labels: Mapping[str, tuple[str, str]]) -> list[dict[str, object]]:
    """Return the scores of splits of one checkpoint as rows for the table of means, without the choices of `iou_best`.

    Maps of val are shown only where there are no others. `labels` are name and kind of each method by its key.
    """
    scores = [
        score
        for score in load_split_scores(run_folder)
        if score.checkpoint == checkpoint and score.metric in SPLIT_METRICS and str(score.method_key) in labels
    ]
    splits = shown_splits(scores)
    return [
        {
            "method": labels[str(score.method_key)][0],
            "kind": labels[str(score.method_key)][1],
            "metric": score.metric if len(splits) < 2 else f"{score.metric} ({score.split})",
            "mean": score.value,
            "low": score.low,
            "high": score.high,
            "median": float("nan"),
            "chance": score.chance if SPLIT_METRICS[score.metric].level == "chance" else float("nan"),
            "undefined": score.undefined,
            "maps": score.maps,
            "piles": score.piles,
        }
        for score in scores
        if score.split in splits
    ]


def level_words(run_folder: Path, checkpoint: str) -> list[str]:
    """Return a sentence for each split and metric that has another level beside it than chance: what it scores."""
    scores = [each for each in load_split_scores(run_folder) if each.checkpoint == checkpoint]
    levels = {
        (each.metric, each.split): each.chance
        for each in scores
        if each.metric in SPLIT_METRICS and SPLIT_METRICS[each.metric].level != "chance" and each.chance == each.chance
    }
    return [
        f"{metric} ({split}) has no known chance level; the {SPLIT_METRICS[metric].level} scores {level:.4g}."
        for (metric, split), level in levels.items()
        if split in shown_splits(scores)
    ]


def shown_splits(scores: Iterable[SplitScore]) -> list[str]:
    """Return the splits that tables of `scores` show, sorted: that of the choices only where there is no other."""
    others = {score.split for score in scores if score.metric in SPLIT_METRICS} - {CHOICE_SPLIT}
    return sorted(others or {CHOICE_SPLIT})


def _parts(run_folder: Path) -> Iterator[_Part]:
    for shard in shard_files(run_folder):
        path = score_file(run_folder, SUMS, shard)
        if not path.is_file():
            continue
        rows = read_shard(shard)
        table = read_rows(path, SUMS_SCHEMA)
        for name in table.column("metric").unique().to_pylist():
            part = table.filter(pc.equal(table.column("metric"), name))
            if part.column("attribution_id").to_pylist() != [row.attribution_id for row in rows]:
                continue  # of maps that were made anew: score_run scores them again when that metric is asked for
            status = np.array(part.column("status").to_pylist())
            defined = part.filter(pc.equal(part.column("status"), "ok")).column("sums")
            flat = pc.list_flatten(defined).to_numpy().reshape((status == "ok").sum(), -1)
            sums = np.full((len(status), flat.shape[1] if len(flat) else 0), np.nan)
            sums[status == "ok"] = flat
            yield _Part(
                name,
                part.column("metric_settings")[0].as_py(),
                rows,
                status,
                part.column("mask_px").to_pylist(),
                part.column("pixels").to_pylist(),
                sums,
            )


def _finish(key: _Key, total: _Sums, seed: int) -> SplitScore:
    metric = summed_metrics()[key.metric]
    settings = metric.settings.model_validate_json(key.metric_settings)
    value, chance, threshold, low, high = (np.nan,) * 5
    if total.piles:
        sums = np.stack([total.piles[pile] for pile in sorted(total.piles)])  # (piles, 1 + S)
        finish = metric.finish
        assert finish is not None, "a metric of a split"
        value, chance, threshold = map(float, finish(sums.sum(axis=0), settings))
        drawn = resample_counts(generator(seed, Purpose.BOOTSTRAP), len(sums), RESAMPLES)
        low, high = np.clip(symmetric_ends(value, finish(drawn @ sums, settings)[0], len(sums)), *metric.range)
    return SplitScore(
        **key._asdict(),
        value=value,
        low=float(low),
        high=float(high),
        chance=chance,
        threshold=threshold,
        maps=total.maps,
        piles=len(total.piles),
        undefined=total.undefined / total.maps,
    )


def _write_iou_best(run_folder: Path, split_and_pile: Mapping[str, tuple[str, str]], scores: list[SplitScore]) -> None:
    """Write one file with `iou_best` of the maps that are not of val: those chose the threshold, and are not judged."""
    chosen = {
        (score.checkpoint, score.method, score.method_settings_hash): score.threshold
        for score in scores
        if score.metric == IOU_CHOICE.name and score.split == CHOICE_SPLIT and score.threshold == score.threshold
    }
    rows = [
        _iou_best(part, index, chosen.get((row.checkpoint, row.method, row.method_settings_hash)))
        for part in _parts(run_folder)
        if part.metric == IOU_CHOICE.name
        for index, row in enumerate(part.rows)
        if split_and_pile[row.image_id][0] != CHOICE_SPLIT
    ]
    if rows:
        write_rows(
            run_folder / SCORES / f"{IOU_CHOICE.name}.parquet", [pa.Table.from_pylist(rows, schema=_BEST_SCHEMA)]
        )


_BEST_SCHEMA = SCORE_SCHEMA.append(pa.field("threshold", pa.float64()))


def _iou_best(part: _Part, index: int, threshold: float | None) -> dict[str, object]:
    """Return the row of one map; the threshold is one of those that its sums hold the IoU of."""
    row, status = part.rows[index], str(part.status[index])
    value = chance = None
    if threshold is not None and status not in {"empty_mask", "full_mask"}:
        chance = expected_iou(part.mask_px[index], part.pixels[index], threshold)
    if status == "ok":
        if threshold is None:
            status = "no_cutoff"
        else:
            value = float(part.sums[index, round(threshold * STEPS) - 1])
    return {
        "attribution_id": row.attribution_id,
        "metric": IOU_CHOICE.name,
        "value": value,
        "status": status,
        "chance": chance,
        "metric_settings": part.metric_settings,
        "resize": find_method(row.method).resize,
        "threshold": threshold,
    }
