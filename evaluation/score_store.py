"""Files of scores in a run: for each file of maps one of localisation, one of faithfulness, one of a split's sums."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file
from core.settings import Settings
from evaluation.measure import Scores
from explain.methods import find_method
from explain.store import Attribution

SCORES = "scores"
SUMS = "score_sums"
FAITHFULNESS_PREFIX = "faithfulness-"
CHOICE_SPLIT = "val"
"""Thresholds are chosen on its pictures, so methods are not judged on them."""
SCORE_SCHEMA = pa.schema(
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
SUMS_SCHEMA = pa.schema(
    [
        ("attribution_id", pa.string()),
        ("metric", pa.string()),
        ("status", pa.string()),
        ("sums", pa.list_(pa.float64())),
        ("mask_px", pa.int64()),
        ("pixels", pa.int64()),
        ("metric_settings", pa.string()),
    ]
)
FOLDERS: dict[str, pa.Schema] = {SCORES: SCORE_SCHEMA, SUMS: SUMS_SCHEMA}


def score_file(run_folder: Path, folder: str, shard: Path, prefix: str = "") -> Path:
    """Return the file in `folder` (`SCORES` or `SUMS`) that belongs to the maps in `shard`."""
    return run_folder / folder / f"{prefix}{shard.parent.name}-{shard.stem}.parquet"


def read_table(path: Path, command: str, schema: pa.Schema | None = None) -> pa.Table:
    """Return what is in a file that `command` writes; raises BrickbenchError if it is damaged."""
    try:
        return pq.read_table(path, schema=schema, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise BrickbenchError(f"{path} is damaged: delete it and run `{command}` again.") from error


def read_rows(path: Path, schema: pa.Schema) -> pa.Table:
    """Return what is in a file of scores or sums; raises BrickbenchError if it is damaged."""
    is_faithfulness = path.name.startswith(FAITHFULNESS_PREFIX)
    return read_table(path, f"evaluate {'faithfulness' if is_faithfulness else 'localize'}", schema)


def read_scores(run_folder: Path) -> pa.Table:
    """Return all scores of a run, of whatever measure; raises BrickbenchError if a file is damaged."""
    paths = sorted(path for path in (run_folder / SCORES).glob("*.parquet") if not path.name.startswith("."))
    return pa.concat_tables([SCORE_SCHEMA.empty_table(), *(read_rows(path, SCORE_SCHEMA) for path in paths)])


def kept_rows(
    path: Path,
    rows: Sequence[Attribution],
    chosen: Mapping[str, Settings],
    *,
    force: bool,
    again: Collection[str] | None = None,
) -> dict[str, pa.Table]:
    """Return by measure what the file `path` holds of the maps `rows`: what is not among it, is lacking.

    Settings are read, not compared as text: one that came later has its default in older files.

    Args:
        path: in `SCORES` or `SUMS`.
        rows: all maps of the file of maps.
        chosen: the measures that are asked for, with their settings.
        force: leave out chosen measures, to be made anew: for the maps in `again`, and where they have other settings
            for all maps, since one file holds one measure with one setting.
        again: ids of maps; None takes all.

    Raises:
        SettingsError: a chosen measure is there with other settings, without `force`.
        BrickbenchError: the file is damaged.
    """
    if not path.is_file():
        return {}
    table = read_rows(path, FOLDERS[path.parent.name])
    table = table.filter(_is_of(table, {row.attribution_id for row in rows}))
    kept: dict[str, pa.Table] = {}
    for name in table.column("metric").unique().to_pylist():
        part = table.filter(pc.equal(table.column("metric"), name))
        if name in chosen:
            texts = part.column("metric_settings").unique().to_pylist()
            other = next((text for text in texts if not _spells(text, chosen[name])), None)
            if other is not None and not force:
                raise SettingsError(
                    f"{path.parent} holds scores of {name} with the settings {other}, not "
                    f"{chosen[name].model_dump_json()}: give the same ones, or --force to score again."
                )
            if force and (other is not None or again is None):
                continue
            if force and again is not None:
                part = part.filter(pc.invert(_is_of(part, again)))
        if part.num_rows:
            kept[name] = part
    return kept


def _is_of(table: pa.Table, maps: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(table.column("attribution_id"), pa.array(list(maps), pa.string()))


def _spells(text: str, settings: Settings) -> bool:
    try:
        return type(settings).model_validate_json(text) == settings
    except ValidationError:  # of a setting that is no more
        return False


def write_rows(path: Path, tables: Sequence[pa.Table], compression: str = "zstd") -> None:
    """Write `tables`, all of one schema, as one file."""
    with atomic_file(path) as temporary:
        pq.write_table(pa.concat_tables(tables), temporary, compression=compression)


def score_table(name: str, settings: Settings, rows: Sequence[Attribution], scores: Scores) -> pa.Table:
    """Return the scores of one measure on the maps `rows` as a table."""
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
    return pa.table(dict(zip(SCORE_SCHEMA.names, columns, strict=True)), schema=SCORE_SCHEMA)


def sums_table(
    name: str,
    settings: Settings,
    rows: Sequence[Attribution],
    sums: NDArray[np.float64],
    status: NDArray[np.str_],
    masks: NDArray[np.bool_],
) -> pa.Table:
    """Return what the maps `rows` add to the sums of one split metric, (N, S), as a table; `masks` are (N, H, W)."""
    count, width = sums.shape
    columns = [
        [row.attribution_id for row in rows],
        [name] * count,
        status.tolist(),
        pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32) * width), pa.array(sums.ravel())),
        np.count_nonzero(masks, axis=(1, 2)),
        np.full(count, masks.shape[1] * masks.shape[2]),
        [settings.model_dump_json()] * count,
    ]
    return pa.table(dict(zip(SUMS_SCHEMA.names, columns, strict=True)), schema=SUMS_SCHEMA)
