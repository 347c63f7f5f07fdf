"""Files of scores in a run: one for each file of maps, and beside it one with what each map adds to a split's sums."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file
from core.settings import Settings
from evaluation.scores import Scores
from explain.methods import find_method
from explain.store import Attribution

SCORES = "scores"
SUMS = "score_sums"
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


def score_file(run_folder: Path, folder: str, shard: Path) -> Path:
    """Return the file in `folder` (`SCORES` or `SUMS`) that belongs to the maps in `shard`."""
    return run_folder / folder / f"{shard.parent.name}-{shard.stem}.parquet"


def read_rows(path: Path, schema: pa.Schema) -> pa.Table:
    """Return what is in a file of scores or sums; raises BrickbenchError if it is damaged."""
    try:
        return pq.read_table(path, schema=schema, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise BrickbenchError(f"{path} is damaged: delete it and run `evaluate localize` again.") from error


def kept_rows(
    path: Path, schema: pa.Schema, rows: Sequence[Attribution], chosen: Mapping[str, Settings], *, force: bool
) -> dict[str, pa.Table]:
    """Return by metric what `path` holds of the very maps in `rows`; with `force` only of metrics not chosen.

    Raises:
        SettingsError: it holds a chosen metric with other settings.
    """
    if not path.is_file():
        return {}
    table = read_rows(path, schema)
    wanted = [row.attribution_id for row in rows]
    kept: dict[str, pa.Table] = {}
    for name in table.column("metric").unique().to_pylist():
        part = table.filter(pc.equal(table.column("metric"), name))
        if part.column("attribution_id").to_pylist() != wanted or (force and name in chosen):
            continue
        there = part.column("metric_settings")[0].as_py()
        # Read, not compared as text: a setting that came later has its default in older files.
        if name in chosen and type(chosen[name]).model_validate_json(there) != chosen[name]:
            raise SettingsError(
                f"{path.parent} holds scores of {name} with the settings {there}, not "
                f"{chosen[name].model_dump_json()}: give the same ones, or --force to score again."
            )
        kept[name] = part
    return kept


def write_rows(path: Path, tables: Sequence[pa.Table]) -> None:
    """Write `tables`, all of one schema, as one file."""
    with atomic_file(path) as temporary:
        pq.write_table(pa.concat_tables(tables), temporary, compression="zstd")


def score_table(name: str, settings: Settings, rows: Sequence[Attribution], scores: Scores) -> pa.Table:
    """Return the scores of one metric on the maps `rows` as a table."""
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
