"""Scores of one file of maps: maps at their pictures' size against the truth, a few at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.settings import Settings
from evaluation.localization.metrics.iou import IOU_CHOICE
from evaluation.localization.registry import SPLIT_METRICS, Scorer, Truth
from evaluation.localization.truth import PartTruth, TruthReader
from evaluation.resize import resize_maps
from evaluation.score_store import (
    FOLDERS,
    SCORES,
    SUMS,
    kept_rows,
    score_file,
    score_table,
    sums_table,
    write_rows,
)
from evaluation.scores import SplitMetric
from explain.methods import find_method
from explain.store import Attribution, load_maps, read_shard

CHUNK = 16
"""Maps scored at once: on maps of 224 px as fast as 64, and 10 to 20 % faster than 4, in little memory."""
SUMMED: dict[str, SplitMetric] = {**SPLIT_METRICS, IOU_CHOICE.name: IOU_CHOICE}
"""What is kept as sums: the metrics of a split, and the curve on which the threshold of `iou_best` is chosen."""


@dataclass(frozen=True)
class ShardTask:
    """One file of maps, and what it lacks: by folder, metric and settings."""

    run_folder: Path
    dataset_root: Path
    shard: Path
    lacking: Mapping[str, Mapping[str, Settings]]


def by_folder(chosen: Mapping[str, Settings]) -> dict[str, dict[str, Settings]]:
    """Return which of the metrics `chosen` go to which folder."""
    return {
        SCORES: {name: settings for name, settings in chosen.items() if name not in SUMMED},
        SUMS: {name: settings for name, settings in chosen.items() if name in SUMMED},
    }


def find_lacking(
    run_folder: Path, shard: Path, chosen: Mapping[str, Mapping[str, Settings]], *, force: bool
) -> dict[str, dict[str, Settings]]:
    """Return by folder the metrics that the maps in `shard` lack; raises as `kept_rows` does."""
    rows = read_shard(shard)
    lacking = {}
    for folder, schema in FOLDERS.items():
        kept = kept_rows(score_file(run_folder, folder, shard), schema, rows, chosen[folder], force=force)
        lacking[folder] = {name: settings for name, settings in chosen[folder].items() if name not in kept}
    return lacking


def score_shard(task: ShardTask) -> int:
    """Score one file of maps, write the scores beside those that are there, and return how many maps it has."""
    rows = read_shard(task.shard)
    truth = TruthReader(task.dataset_root, {row.image_id for row in rows})
    maps = load_maps(task.run_folder, rows)
    tables: dict[str, dict[str, list[pa.Table]]] = {
        folder: {name: [] for name in metrics} for folder, metrics in task.lacking.items()
    }
    for chunk, values, truths in _same_size(rows, maps, truth):
        known = Truth(
            np.stack([each.mask for each in truths]),
            np.stack([each.others for each in truths]),
            [each.boxes for each in truths],
        )
        scorer = Scorer(values, known)
        for name, scores in scorer.scores(task.lacking[SCORES]).items():
            tables[SCORES][name].append(score_table(name, task.lacking[SCORES][name], chunk, scores))
        for name, settings in task.lacking[SUMS].items():
            sums, status = scorer.sums(SUMMED[name], settings)
            tables[SUMS][name].append(sums_table(name, settings, chunk, sums, status, known.masks))
    for folder, found in tables.items():
        if found:
            _add(task, folder, rows, {name: pa.concat_tables(parts) for name, parts in found.items()})
    return len(rows)


def _add(task: ShardTask, folder: str, rows: Sequence[Attribution], made: Mapping[str, pa.Table]) -> None:
    path = score_file(task.run_folder, folder, task.shard)
    kept = kept_rows(path, FOLDERS[folder], rows, task.lacking[folder], force=True)
    write_rows(path, list((kept | dict(made)).values()))


def _same_size(
    rows: Sequence[Attribution], maps: Iterable[NDArray[Any]], truth: TruthReader
) -> Iterator[tuple[list[Attribution], NDArray[Any], list[PartTruth]]]:
    """Yield (rows, maps (N, H, W), truths) of up to CHUNK maps that follow each other and whose pictures are alike."""
    chunk: list[Attribution] = []
    values: list[NDArray[Any]] = []
    truths: list[PartTruth] = []
    for row, values_of_map in zip(rows, maps, strict=True):
        there = truth.of(row.image_id, row.part_id)
        if chunk and (len(chunk) == CHUNK or there.mask.shape != truths[0].mask.shape):
            yield chunk, np.stack(values), truths
            chunk, values, truths = [], [], []
        chunk.append(row)
        height, width = there.mask.shape
        values.append(resize_maps(values_of_map[None], height, width, find_method(row.method).resize)[0])
        truths.append(there)
    if chunk:
        yield chunk, np.stack(values), truths
