"""Scores of all maps of a run, written into the run; what is scored already is not scored again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.engine import LOCAL, Engine
from core.errors import BrickbenchError, PartialFailureError, SettingsError
from core.files import require_writable
from core.locks import sole_writer
from core.progress import Progress
from core.settings import Settings
from core.work import WorkResult, work_through
from dataset.index import merge_run
from evaluation.localization.registry import (
    METRICS,
    MOSAIC_METRICS,
    SPLIT_METRICS,
    Scorer,
    Truth,
    metric_settings,
)
from evaluation.localization.split_scores import finish_splits, summed_metrics
from evaluation.localization.truth import PartTruth, TruthReader
from evaluation.resize import resize_maps
from evaluation.score_store import FOLDERS, SCORES, SUMS, kept_rows, score_file, score_table, sums_table, write_rows
from explain.methods import find_method
from explain.store import Attribution, load_maps, read_shard, shard_files
from training.run.run import Run

FEW_SHARDS = 48
"""Up to so many files of maps are scored in this process: starting others takes about as long."""
CHUNK = 16
"""Maps scored at once: on maps of 224 px as fast as 64, and 10 to 20 % faster than 4, in little memory."""


@dataclass(frozen=True)
class ShardTask:
    """One file of maps, and what it lacks: by folder, metric and settings."""

    shard: Path
    lacking: Mapping[str, Mapping[str, Settings]]
    size: int = 1

    @property
    def name(self) -> str:
        """Whose maps they are, for failures."""
        return self.shard.parent.name


def score_run(
    run: Run,
    metrics: Mapping[str, Mapping[str, object]] | None = None,
    *,
    force: bool = False,
    workers: int | None = 1,
    seed: int = 0,
    engine: Engine = LOCAL,
) -> int:
    """Score the maps of a run that lack scores, merge the run's rows into the index, return how many were scored.

    Each map is brought to its picture's size by its method's rule and held against the mask of its part; a part that
    is not in the picture has an empty mask. One file of scores stands for one file of maps. `iou_best` and the
    metrics of splits are put together from all files at the end.

    Args:
        run: with maps made by `explain`, of pictures of its dataset.
        metrics: name to settings; None takes all with their defaults.
        force: score again, also where the settings of a metric differ from those in the files.
        workers: processes; None leaves it to the engine.
        seed: of the resampling of piles for metrics of splits.
        engine: where they run.

    Raises:
        SettingsError: an unknown metric or setting, or other settings than the scores that are there.
        BrickbenchError: the run has no maps, a picture is unknown to the dataset, a file is damaged, or another
            process scores the run.
        PartialFailureError: all other maps were scored and merged, but some files of maps failed.
    """
    every: Mapping[str, Mapping[str, object]] = {name: {} for name in (*METRICS, *SPLIT_METRICS)}
    checked, summed = _checked(every if metrics is None else metrics), summed_metrics()
    chosen: dict[str, dict[str, Settings]] = {SCORES: {}, SUMS: {}}
    for name, settings in checked.items():
        chosen[SUMS if name in summed else SCORES][name] = settings
    shards = shard_files(run.folder)
    if not shards:
        raise BrickbenchError(f"{run.folder} has no maps: make them with `brickbench explain run {run.folder}`.")
    for folder in FOLDERS:
        require_writable(run.folder / folder)
    result = WorkResult()
    with sole_writer(run.folder / SCORES):
        tasks = {}
        for shard in shards:
            lacking = _lacking(run, shard, chosen, force=force)
            if any(lacking.values()):
                tasks[f"{shard.parent.name}/{shard.stem}"] = ShardTask(shard, lacking)
        with Progress("Localize", len(shards), "files of maps", done=len(shards) - len(tasks)) as progress:
            for _, scored in work_through(
                score_shard,
                tasks,
                result,
                setup=partial(truth_ready, run),
                engine=engine,
                workers=workers,
                alone=len(tasks) <= FEW_SHARDS,
            ):
                result.made += scored
                progress.advance()
        if chosen[SUMS]:
            finish_splits(run, seed=seed)
    merge_run(run.dataset.root, run.folder)
    if result.failures:
        summary = f"{sum(result.failures.values())} files of maps could not be scored, {result.made} maps were scored"
        raise PartialFailureError(summary, result.failures, result)
    return result.made


def _checked(metrics: Mapping[str, Mapping[str, object]]) -> dict[str, Settings]:
    chosen = {name: metric_settings(name, values) for name, values in metrics.items()}
    for name in chosen:
        if name in MOSAIC_METRICS:
            raise SettingsError(f"{name} is scored on mosaics: run `brickbench evaluate {name}`.")
    if getattr(chosen.get("iou_best"), "threshold", None) is not None:
        raise SettingsError(
            "iou_best takes the threshold that suits the maps of val pictures best: "
            "for one of your own, set iou_fixed.threshold."
        )
    return chosen


def _kept(
    run: Run, folder: str, shard: Path, rows: Sequence[Attribution], chosen: Mapping[str, Settings], *, force: bool
) -> dict[str, pa.Table]:
    """Return by metric what `kept_rows` keeps, of metrics that have all of the maps: a file is scored as a whole."""
    kept = kept_rows(score_file(run.folder, folder, shard), rows, chosen, force=force)
    maps = [row.attribution_id for row in rows]
    return {name: table for name, table in kept.items() if table.column("attribution_id").to_pylist() == maps}


def _lacking(
    run: Run, shard: Path, chosen: Mapping[str, Mapping[str, Settings]], *, force: bool
) -> dict[str, dict[str, Settings]]:
    """Return by folder the metrics that the maps in `shard` lack; raises as `kept_rows` does."""
    rows = read_shard(shard)
    lacking = {}
    for folder in FOLDERS:
        kept = _kept(run, folder, shard, rows, chosen[folder], force=force)
        lacking[folder] = {name: settings for name, settings in chosen[folder].items() if name not in kept}
    return lacking


@contextmanager
def truth_ready(run: Run, threads: int) -> Iterator[tuple[Run, TruthReader]]:
    """Give the run and what its maps are held against, with one thread of OpenCV in a process that has `threads`."""
    before = cv2.getNumThreads()
    if threads:
        cv2.setNumThreads(1)
    try:
        yield run, TruthReader(run.dataset)
    finally:
        cv2.setNumThreads(before)


def score_shard(state: tuple[Run, TruthReader], task: ShardTask) -> int:
    """Score one file of maps, write the scores beside those that are there, and return how many maps it has."""
    run, truth = state
    rows = read_shard(task.shard)
    truth.read_boxes({row.image_id for row in rows})
    tables: dict[str, dict[str, list[pa.Table]]] = {
        folder: {name: [] for name in metrics} for folder, metrics in task.lacking.items()
    }
    summed = summed_metrics()
    for chunk, maps, cell_px, parts in _same_size(rows, load_maps(run.folder, rows), truth):
        known = Truth(
            np.stack([part.mask for part in parts]),
            np.stack([part.others for part in parts]),
            [part.boxes for part in parts],
        )
        scorer = Scorer(maps, known, cell_px)
        for name, scores in scorer.scores(task.lacking[SCORES]).items():
            tables[SCORES][name].append(score_table(name, task.lacking[SCORES][name], chunk, scores))
        for name, settings in task.lacking[SUMS].items():
            sums, status = scorer.sums(summed[name], settings)
            tables[SUMS][name].append(sums_table(name, settings, chunk, sums, status, known.masks))
    for folder, by_metric in tables.items():
        if by_metric:
            made = {name: pa.concat_tables(parts) for name, parts in by_metric.items()}
            kept = _kept(run, folder, task.shard, rows, task.lacking[folder], force=True)
            write_rows(score_file(run.folder, folder, task.shard), list((kept | made).values()))
    return len(rows)


def _same_size(
    rows: Sequence[Attribution], maps: Iterable[NDArray[Any]], truth: TruthReader
) -> Iterator[tuple[list[Attribution], NDArray[Any], NDArray[np.float64], list[PartTruth]]]:
    """Yield (rows, maps (N, H, W), sides of their cells in px (N,), truths) of up to CHUNK maps that follow each other.

    Their pictures are of one size.
    """
    chunk: list[Attribution] = []
    cells: list[float] = []
    values: list[NDArray[Any]] = []
    truths: list[PartTruth] = []
    for row, values_of_map in zip(rows, maps, strict=True):
        part = truth.of(row.image_id, row.part_id)
        if chunk and (len(chunk) == CHUNK or part.mask.shape != truths[0].mask.shape):
            yield chunk, np.stack(values), np.array(cells), truths
            chunk, values, cells, truths = [], [], [], []
        chunk.append(row)
        height, width = part.mask.shape
        cells.append(max(height / values_of_map.shape[0], width / values_of_map.shape[1]))
        values.append(resize_maps(values_of_map[None], height, width, find_method(row.method).resize)[0])
        truths.append(part)
    if chunk:
        yield chunk, np.stack(values), np.array(cells), truths
