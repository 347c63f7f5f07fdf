"""Rows from run folders (training runs with their predictions, maps and scores) into the index."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from core.errors import BrickbenchError
from dataset.database import INDEX_NAME, DamagedIndexError, connect, first_row
from dataset.merge import insert_rows
from dataset.schema import ATTRIBUTIONS, PREDICTIONS, RUNS, SCORES, Column, arrow_schema

RUNS_FOLDER = "runs"
RUN_FILE = "run.yaml"
_FILES: dict[str, tuple[str, tuple[Column, ...]]] = {
    "predictions": ("predictions/*.parquet", PREDICTIONS),
    "attributions": ("attributions/*/*.parquet", ATTRIBUTIONS),
    "scores": ("scores/*.parquet", SCORES),
}
_AT_ONCE = 64  # files a statement


def known_run_folders(root: Path) -> list[Path]:
    """Return the run folders of a dataset: those in ``runs/``, and those its index knows that are still there.

    Raises:
        BrickbenchError: another process writes the index.
    """
    folders = {
        path.parent for path in (root / RUNS_FOLDER).glob(f"*/{RUN_FILE}") if not path.parent.name.startswith(".")
    }
    folders |= {folder for folder in indexed_run_folders(root) if (folder / RUN_FILE).is_file()}
    by_place = {folder.resolve(): folder for folder in sorted(folders, reverse=True)}
    return sorted(by_place.values(), key=lambda folder: (folder.name, str(folder)))


def indexed_run_folders(root: Path) -> list[Path]:
    """Return the folders of the runs in the index, whether they are still there or not; none without an index."""
    file = root / INDEX_NAME
    if not file.is_file():
        return []
    try:
        with connect(file, read_only=True) as connection:
            rows = connection.execute("SELECT folder FROM runs ORDER BY run_id").fetchall()
    except (DamagedIndexError, duckdb.Error):  # an old or broken index knows no runs
        return []
    return [root / row[0] for row in rows]  # an absolute folder stays what it is


def merge_run_rows(connection: duckdb.DuckDBPyConnection, root: Path, folder: Path) -> None:
    """Replace one run's rows by those in `folder`; the caller holds the transaction.

    Raises:
        BrickbenchError: `folder` is no run, a file of it is damaged, or a run of that name is elsewhere.
    """
    run = _read_run(root, folder)
    run_id = run.column("run_id")[0].as_py()
    other = first_row(connection, "SELECT folder FROM runs WHERE run_id = ?", [run_id])
    if other is not None and other[0] != run.column("folder")[0].as_py() and (root / other[0] / RUN_FILE).is_file():
        raise BrickbenchError(
            f"The index of {root} already has a run {run_id!r}, in {root / other[0]}. "
            f"Names of runs must differ: rename {folder} and its run_id in {RUN_FILE}."
        )
    for table in ("runs", *_FILES):
        connection.execute(f'DELETE FROM "{table}" WHERE run_id = ?', [run_id])
    insert_rows(connection, "runs", run)
    for table, (pattern, columns) in _FILES.items():
        # What killed workers left is hidden.
        paths = sorted(path for path in folder.glob(pattern) if "/." not in f"/{path.relative_to(folder).as_posix()}")
        for start in range(0, len(paths), _AT_ONCE):
            rows = [_read_rows(connection, path, columns, run_id) for path in paths[start : start + _AT_ONCE]]
            insert_rows(connection, table, pa.concat_tables(rows))


def _read_run(root: Path, folder: Path) -> pa.Table:
    path = folder / RUN_FILE
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BrickbenchError(
            f"{folder} is no run: it has no {RUN_FILE}. Give a folder that `brickbench train run` made."
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BrickbenchError(
            f"{path} cannot be read: {str(error).splitlines()[0]}. Mend or delete that run."
        ) from error
    if not isinstance(values, dict):
        raise BrickbenchError(f"{path} should hold `name: value` lines. Mend or delete that run.")
    inside = folder.resolve().is_relative_to(root.resolve())
    seed = values.get("seed")
    row = {
        "run_id": str(values.get("run_id") or folder.resolve().name),
        "folder": str(folder.resolve().relative_to(root.resolve()) if inside else folder.resolve()),
        "model": _text(values.get("model")),
        "created_from": _text(values.get("settings_digest")),
        "seed": seed if isinstance(seed, int) else None,
    }
    return pa.Table.from_pylist([row], schema=arrow_schema(RUNS))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _read_rows(connection: duckdb.DuckDBPyConnection, path: Path, columns: tuple[Column, ...], run_id: str) -> pa.Table:
    """Return the rows of a file; where they name the content of their pictures, those of pictures in the index.

    A run may have labelled another dataset too, whose pictures have the same names: every render has a p000000_v00.
    """
    expected = arrow_schema(columns)
    try:
        table = pq.read_table(pa.BufferReader(path.read_bytes()))
        missing = [name for name in expected.names if name not in table.column_names]
        if missing:
            raise BrickbenchError(
                f"{path} lacks the column {missing[0]!r}. Delete that file and run the command that made it again."
            )
        if "content_hash" in table.column_names:
            known = connection.from_arrow(table).join(connection.table("images"), "image_id, content_hash", how="semi")
            table = known.to_arrow_table()
        nullable = pa.schema([field.with_nullable(True) for field in expected])
        table = table.select(expected.names).cast(nullable)
    except (OSError, pa.ArrowException) as error:
        raise BrickbenchError(f"{path} is damaged. Delete that file and run the command that made it again.") from error
    if "run_id" not in table.column_names:
        return table.append_column("run_id", pa.array([run_id] * table.num_rows, pa.string()))
    for other in table.column("run_id").unique().to_pylist():
        if other != run_id:
            raise BrickbenchError(
                f"{path} holds rows of run {other!r}, but lies in run {run_id!r}. Move it to its run."
            )
    return table
