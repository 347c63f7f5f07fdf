"""Connections to an index file, with the ways in which opening one fails put in one sentence."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from core.errors import BrickbenchError
from dataset.manifest import MANIFEST_NAME, SCHEMA_VERSION

INDEX_NAME = "index.duckdb"


class DamagedIndexError(BrickbenchError):
    """The index file is no database any more; it can be made anew from the shards."""


def index_path(path: Path) -> Path:
    """Return the index file that `path` means: a dataset's folder, or the file itself.

    Raises:
        BrickbenchError: there is no index, with what to do about it.
    """
    if path.is_file():
        return path
    file = path / INDEX_NAME
    if file.is_file():
        return file
    if (path / MANIFEST_NAME).is_file():
        raise BrickbenchError(f"The dataset {path} has no index yet. Run `brickbench dataset index {path}`.")
    raise BrickbenchError(
        f"{path} is no Brickbench dataset: it has no {MANIFEST_NAME}. "
        "Give the folder that `brickbench render run` or `brickbench dataset import` made."
    )


def connect(file: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Return a connection to the DuckDB file `file`; a read-only one can reach no other file and no network.

    Raises:
        BrickbenchError: another process holds it, or it is damaged.
    """
    config: dict[str, str | bool | int | float | list[str]] = {"enable_external_access": not read_only}
    try:
        return duckdb.connect(str(file), read_only=read_only, config=config)
    except duckdb.ConnectionException as error:
        raise BrickbenchError(
            f"The index {file} is open elsewhere in this process. Close that connection first."
        ) from error
    except duckdb.Error as error:
        if "lock" in str(error):
            holder = re.search(r"PID (\d+)", str(error))
            by = f" (process {holder[1]})" if holder else ""
            raise BrickbenchError(
                f"The index {file} is in use by another process{by}. Wait until it is done, then run this again."
            ) from error
        raise DamagedIndexError(
            f"The index {file} is damaged. Run `brickbench dataset index --rebuild {file.parent}`; "
            "that makes it anew from the shards and runs."
        ) from error


@contextlib.contextmanager
def writing_to(file: Path) -> Iterator[None]:
    """Turn DuckDB's failure to write the index `file`, as on a full disk, into a BrickbenchError."""
    try:
        yield
    except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException) as error:
        raise BrickbenchError(
            f"The index {file} could not be written: {str(error).splitlines()[0]}. Nothing in it has changed; "
            f"free some disk, then run `brickbench dataset index {file.parent}`."
        ) from error


def require_schema(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Raise BrickbenchError unless the index has the tables of this version of Brickbench."""
    version = schema_version(connection)
    if version != str(SCHEMA_VERSION):
        made = f"has schema version {version}" if version else "has no schema version"
        raise BrickbenchError(
            f"The index {file} {made}, this Brickbench reads {SCHEMA_VERSION}. "
            f"Run `brickbench dataset index {file.parent}`, which makes it anew."
        )


def schema_version(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return the schema version written in an index, None if there is none."""
    try:
        row = first_row(connection, "SELECT value FROM meta WHERE name = 'schema_version'")
    except duckdb.Error:
        return None
    return str(row[0]) if row else None


def first_row(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()
) -> tuple[Any, ...] | None:
    """Return the first row that `sql` selects, None if there is none.

    Not by ``fetchone``: it leaves the result open, and DuckDB 2.0 refuses to register a table until it is closed.
    """
    rows = connection.execute(sql, list(parameters)).fetchall()
    return rows[0] if rows else None
