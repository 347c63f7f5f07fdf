"""Scores of all maps of a run, written into the run; what is scored already is not scored again."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file, require_writable
from core.progress import Progress
from core.settings import Settings
from dataset.index import merge_run
from dataset.loader import PileDataset
from evaluation.localization import METRICS, metric_settings, score_all
from evaluation.resize import resize_maps
from evaluation.scores import Scores
from explain.methods import find_method
from explain.store import Attribution, load_maps, read_shard, shard_files

SCORES = "scores"
CHUNK = 32
"""Maps scored at once: 32 of 512 px take about 500 MB with what the metrics keep beside them."""
_SCHEMA = pa.schema(
    [
        ("attribution_id", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("status", pa.string()),
        ("chance", pa.float64()),
        ("metric_settings", pa.string()),
        ("resize", pa.string()),
    ]
)


def score_run(
    run_folder: Path,
    dataset_root: Path,
    metrics: Mapping[str, Mapping[str, object]] | None = None,
    *,
    force: bool = False,
) -> int:
    """Score the maps of a run that lack scores, merge the run's rows into the index, return how many were scored.

    Each map is brought to its picture's size by its method's rule and held against the mask of its part; a part that
    is not in the picture has an empty mask. One file of scores stands for one file of maps.

    Args:
        run_folder: with maps made by `explain`.
        dataset_root: the pictures.
        metrics: name to settings; None takes all with their defaults.
        force: score again, also where the settings of a metric differ from those in the files.

    Raises:
        SettingsError: an unknown metric or setting, or other settings than the scores that are there.
        BrickbenchError: the run has no maps, a picture is unknown to the dataset, or a file is damaged.
    """
    chosen = {name: metric_settings(name, values) for name, values in (metrics or {key: {} for key in METRICS}).items()}
    shards = shard_files(run_folder)
    if not shards:
        raise BrickbenchError(f"{run_folder} has no maps: make them with `brickbench explain run {run_folder}`.")
    require_writable(run_folder / SCORES)
    pictures = PileDataset(dataset_root, None, with_masks=True)
    place_of = {image_id: place for place, image_id in enumerate(pictures.image_ids)}
    scored = 0
    with Progress("Localize", len(shards), "files of maps") as progress:
        for shard in shards:
            out = run_folder / SCORES / f"{shard.parent.name}-{shard.stem}.parquet"
            rows = read_shard(shard)
            kept = _kept_scores(out, rows, chosen, force=force)
            lacking = {name: settings for name, settings in chosen.items() if name not in kept}
            if lacking:
                kept |= _score_shard(run_folder, pictures, place_of, rows, lacking)
                _write(out, kept)
                scored += len(rows)
            progress.advance()
    merge_run(dataset_root, run_folder)
    return scored


def _kept_scores(
    out: Path, rows: Sequence[Attribution], chosen: Mapping[str, Settings], *, force: bool
) -> dict[str, pa.Table]:
    """Return by metric what `out` holds of the very maps in `rows`; with `force` only of metrics not chosen."""
    if not out.is_file():
        return {}
    try:
        table = pq.read_table(out, schema=_SCHEMA, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise BrickbenchError(f"{out} is damaged: delete it and run `evaluate localize` again.") from error
    wanted = [row.attribution_id for row in rows]
    kept: dict[str, pa.Table] = {}
    for name in table.column("metric").unique().to_pylist():
        part = table.filter(pc.equal(table.column("metric"), name))
        if part.column("attribution_id").to_pylist() != wanted or (force and name in chosen):
            continue
        there = part.column("metric_settings")[0].as_py()
        if name in chosen and there != chosen[name].model_dump_json():
            raise SettingsError(
                f"{out.parent} holds scores of {name} with the settings {there}, not "
                f"{chosen[name].model_dump_json()}: give the same ones, or --force to score again."
            )
        kept[name] = part
    return kept


def _score_shard(
    run_folder: Path,
    pictures: PileDataset,
    place_of: Mapping[str, int],
    rows: Sequence[Attribution],
    metrics: Mapping[str, Settings],
) -> dict[str, pa.Table]:
    tables: dict[str, list[pa.Table]] = {name: [] for name in metrics}
    maps = load_maps(run_folder, rows)
    masks_at, masks = -1, dict[str, NDArray[np.bool_]]()
    for chunk in _chunks(rows):
        resized, held = [], []
        for row in chunk:
            if row.image_id not in place_of:
                raise BrickbenchError(
                    f"Picture {row.image_id!r} of {run_folder} is not in the dataset {pictures.root}: "
                    "say with -d which dataset was explained."
                )
            if place_of[row.image_id] != masks_at:
                masks_at = place_of[row.image_id]
                masks = pictures.masks(masks_at)
            mask = masks.get(row.part_id)
            if mask is None:  # explained because predicted, though it is not there
                mask = np.zeros_like(pictures.all_bricks_mask(masks_at))
            height, width = mask.shape
            resized.append(resize_maps(next(maps)[None], height, width, find_method(row.method).resize)[0])
            held.append(mask)
        for name, scores in _score_sizes(metrics, resized, held).items():
            tables[name].append(_table(name, metrics[name], chunk, scores))
    return {name: pa.concat_tables(parts) for name, parts in tables.items()}


def _chunks(rows: Sequence[Attribution]) -> list[Sequence[Attribution]]:
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]


def _score_sizes(
    metrics: Mapping[str, Settings], maps: Sequence[NDArray[np.float64]], masks: Sequence[NDArray[np.bool_]]
) -> dict[str, Scores]:
    """Score maps that may differ in size, those of one size together."""
    shapes = np.array([mask.shape for mask in masks])
    values = {name: np.full(len(maps), np.nan) for name in metrics}
    chance = {name: np.full(len(maps), np.nan) for name in metrics}
    status = {name: np.full(len(maps), "ok", dtype="<U10") for name in metrics}
    for shape in np.unique(shapes, axis=0):
        places = np.flatnonzero((shapes == shape).all(axis=1))
        found = score_all(metrics, np.stack([maps[at] for at in places]), np.stack([masks[at] for at in places]))
        for name, scores in found.items():
            values[name][places], chance[name][places] = scores.values, scores.chance
            status[name][places] = scores.status
    return {name: Scores(values[name], status[name], chance[name]) for name in metrics}


def _table(name: str, settings: Settings, rows: Sequence[Attribution], scores: Scores) -> pa.Table:
    count = len(rows)
    columns = [
        [row.attribution_id for row in rows],
        [name] * count,
        pa.array(scores.values, from_pandas=True),  # NaN becomes null
        scores.status.tolist(),
        pa.array(scores.chance, from_pandas=True),
        [settings.model_dump_json()] * count,
        [find_method(row.method).resize for row in rows],
    ]
    return pa.table(dict(zip(_SCHEMA.names, columns, strict=True)), schema=_SCHEMA)


def _write(out: Path, tables: Mapping[str, pa.Table]) -> None:
    order = [name for name in METRICS if name in tables]
    with atomic_file(out) as temporary:
        pq.write_table(pa.concat_tables([tables[name] for name in order]), temporary)
