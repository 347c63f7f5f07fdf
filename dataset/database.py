"""Connections to an index file, what it says of itself, and the ways in which opening it fails in one sentence."""

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from core.errors import BrickbenchError, SettingsError
from core.locks import lock
from dataset.manifest import MANIFEST_NAME, SCHEMA_VERSION, Manifest, no_dataset
from dataset.splits import splits_digest

INDEX_NAME = "index.duckdb"
MEMORY_LIMIT = "2GB"
"""What DuckDB may hold; it puts the rest into a temporary folder beside the index. A merge of any size fits in it."""
WAIT_S = 20.0
"""How long a writer waits for others; readers hold an index for moments, merges of a few shards for a second."""
_OF_THE_DISK = {
    "No space left on device": "Free some disk, then run this again.",
    "Disk quota exceeded": "Free some disk, then run this again.",
    "Read-only file system": "Mount it for writing, or copy the dataset to a disk that you may write on.",
    "Permission denied": "Mend the permissions of the dataset's folder and of its files.",
}
"""What the system says where nothing is wrong with the index, and the way out."""
_SIZE = re.compile(r"\d+(\.\d+)? ?[KMGT]i?B", re.IGNORECASE)


class DamagedIndexError(BrickbenchError):
    """The index file is no database any more; it can be made anew from the shards."""


class BusyIndexError(BrickbenchError):
    """Another process holds the index."""


class RefusedIndexError(BrickbenchError):
    """The disk refuses the file of an index, as one that is full or may not be written."""

    def __init__(self, message: str, words: str, way_out: str) -> None:
        """Take the whole message, what the system says, and the way out."""
        super().__init__(message)
        self.words, self.way_out = words, way_out


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
    raise no_dataset(path)


def open_index(path: Path, read_only: bool = True, memory_limit: str = MEMORY_LIMIT) -> duckdb.DuckDBPyConnection:
    """Return a connection to the index of a dataset, named by folder or file; close it, best with ``with``.

    A read-only one reaches no other file and no network. DuckDB may hold `memory_limit`, such as ``2GB``.

    Raises:
        BrickbenchError: there is no index, it is of another version, damaged, or in use by another process.
    """
    file = index_path(Path(path))
    connection = connect(file, read_only=read_only, memory_limit=memory_limit)
    try:
        _require_schema(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(file: Path, *, read_only: bool, memory_limit: str = MEMORY_LIMIT) -> duckdb.DuckDBPyConnection:
    """Return a connection to the DuckDB file `file`; a read-only one can reach no other file and no network.

    A writer waits some seconds for others to let the file go, a reader does not.

    Raises:
        BusyIndexError: another process holds it.
        BrickbenchError: it is damaged, or open in this process already.
        SettingsError: `memory_limit` is no amount of memory.
        UnicodeEncodeError: the name of `file` is no UTF-8.
    """
    if not _SIZE.fullmatch(memory_limit):
        raise SettingsError(f"The memory limit should be a number and a unit, such as 2GB, got {memory_limit!r}.")
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": not read_only,
        "memory_limit": memory_limit,
        "python_enable_replacements": False,  # SQL must not see the variables of the program around it
    }
    str(file).encode()  # of a name that is no UTF-8 DuckDB says only std::bad_cast
    until = time.monotonic() + (0.0 if read_only else WAIT_S)
    while True:
        try:
            connection = duckdb.connect(str(file), read_only=read_only, config=config)
            connection.execute("SET enable_progress_bar = false")  # it would be printed into a table or JSON
            return connection
        except duckdb.InvalidInputException:  # a setting above is wrong
            raise
        except duckdb.ConnectionException as error:
            raise BrickbenchError(
                f"The index {file} is open elsewhere in this process. Close that connection first."
            ) from error
        except duckdb.Error as error:
            if "Could not set lock" not in str(error):
                raise refusal(error, file) from error
            if time.monotonic() >= until:
                holder = re.search(r"PID (\d+)", str(error))
                raise _busy(file, f" (process {holder[1]})" if holder else "") from error
        time.sleep(0.05)


def refusal(error: Exception, file: Path | None = None) -> BrickbenchError:
    """Return in one sentence what the disk, or the damaged file of an index, refused; `file` is named if known."""
    index, dataset = (f"The index {file}", file.parent) if file else ("The index of the dataset", "DATASET")
    for words, way_out in _OF_THE_DISK.items():
        if words in str(error):
            return RefusedIndexError(f"{index} cannot be used: {words}. {way_out}", words, way_out)
    if "?" in str(file):
        return BrickbenchError(f"{index} cannot be used: DuckDB takes what follows a ? for options. Rename the folder.")
    if "\\" in str(file):
        return BrickbenchError(f"{index} cannot be used: DuckDB takes a \\ for a /. Rename the folder.")
    return DamagedIndexError(
        f"{index} is damaged. Run `brickbench dataset index --rebuild {dataset}`; that makes it anew from the shards "
        "and runs."
    )


def is_of_the_file(error: BaseException) -> bool:
    """Return whether `error` is DuckDB's about the file of an index: it is damaged, or the disk refuses it."""
    says = ("Corrupt database", "Could not read enough bytes", "not a valid DuckDB database", *_OF_THE_DISK)
    return isinstance(error, duckdb.Error) and any(words in str(error) for words in says)


def only_writer(file: Path) -> contextlib.AbstractContextManager[bool]:
    """Keep other writers of the index `file` waiting while the block lasts, also while it is made anew beside it.

    DuckDB's own lock is on the file, which a rebuild replaces: rows written meanwhile into the old one would be lost.
    This one is on the dataset's folder, so nothing is left behind; it ends with the process.

    Raises:
        BusyIndexError: another process went on writing.
    """
    return lock(file.parent, wait_s=WAIT_S, busy=_busy(file, ""))


def _busy(file: Path, holder: str) -> BusyIndexError:
    return BusyIndexError(
        f"The index {file} is in use by another process{holder}. Wait until it is done, then run this again."
    )


@contextlib.contextmanager
def writing_to(file: Path) -> Iterator[None]:
    """Turn DuckDB's failure to write the index `file`, as on a full disk, into a BrickbenchError."""
    try:
        yield
    except (
        duckdb.IOException,
        duckdb.TransactionException,
        duckdb.FatalException,
        OSError,
        RefusedIndexError,
    ) as error:
        text = (isinstance(error, OSError) and error.strerror) or str(error)
        reason = text.splitlines()[0].rsplit('": ', 1)[-1].rstrip(".!")  # without the names of inner files
        way_out = next((way_out for words, way_out in _OF_THE_DISK.items() if words in str(error)), None)
        if isinstance(error, RefusedIndexError):
            reason, way_out = error.words, error.way_out
        way_out = way_out or f"Free some disk, then run `brickbench dataset index {file.parent}`."
        raise BrickbenchError(
            f"The index {file} could not be written: {reason}. Nothing in it has changed. {way_out}"
        ) from error


def _require_schema(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Raise BrickbenchError unless the index has the tables of this version of Brickbench."""
    version = schema_version(connection)
    if version != str(SCHEMA_VERSION):
        made = f"has schema version {version}" if version else "has no schema version"
        # Without --rebuild an index is made anew only where it is known to be Brickbench's own and older.
        option = "" if is_older(version) else "--rebuild "
        raise BrickbenchError(
            f"The index {file} {made}, this Brickbench reads {SCHEMA_VERSION}. "
            f"Run `brickbench dataset index {option}{file.parent}`, which makes it anew."
        )


def is_older(version: str | None) -> bool:
    """Return whether `version`, of `schema_version`, is one that came before this Brickbench's."""
    return version is not None and version.isdecimal() and int(version) < SCHEMA_VERSION


def schema_version(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return the schema version written in an index, None if there is none."""
    try:
        return get_meta(connection, "schema_version")
    except duckdb.Error:
        return None


def get_meta(connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """Return a value of the table meta, None if it is not there."""
    row = first_row(connection, "SELECT value FROM meta WHERE name = ?", [name])
    return str(row[0]) if row else None


def set_meta(connection: duckdb.DuckDBPyConnection, name: str, value: str) -> None:
    """Write a value of the table meta."""
    connection.execute("DELETE FROM meta WHERE name = ?", [name])
    connection.execute("INSERT INTO meta VALUES (?, ?)", [name, value])


def require_current(index: duckdb.DuckDBPyConnection, root: Path, manifest: Manifest) -> None:
    """Raise BrickbenchError if labels and splits in the index are not those that the dataset's files tell."""
    if is_outdated(index, root, manifest):
        raise BrickbenchError(
            f"dataset.yaml or splits.parquet of {root} changed after its index was made. "
            f"Run `brickbench dataset index {root}`."
        )


def is_outdated(connection: duckdb.DuckDBPyConnection, root: Path, manifest: Manifest) -> bool:
    """Return whether labels and splits in the index are others than the dataset's files tell."""
    digests = manifest_digests(root, manifest)
    return any(get_meta(connection, name) != digest for name, digest in digests.items())


def manifest_digests(root: Path, manifest: Manifest) -> dict[str, str]:
    """Return a digest of each thing in the manifest, and in ``splits.parquet``, that the index was derived from."""
    parts = Manifest(seed=0, parts=manifest.parts).digest()
    return {
        "parts": parts,
        "label_rule": manifest.label_rule.digest(),
        "split_rule": manifest.split_rule.digest() + splits_digest(root),
    }


def first_row(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()
) -> tuple[Any, ...] | None:
    """Return the first row that `sql` selects, None if there is none.

    Not by ``fetchone``: it leaves the result open, and DuckDB 2.0 refuses to register a table until it is closed.
    """
    rows = connection.execute(sql, list(parameters)).fetchall()
    return rows[0] if rows else None


def named_rows(connection: duckdb.DuckDBPyConnection, sql: str, **parameters: object) -> list[dict[str, Any]]:
    """Return the rows that `sql` selects, columns by name; a parameter `x` is ``$x`` there."""
    found = connection.execute(sql, parameters)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
