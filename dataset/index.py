"""The index of a dataset: opened, brought up to date with the shards, made anew."""

import contextlib
import errno
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from core.errors import BrickbenchError
from core.files import atomic_file, require_writable
from dataset.database import (
    INDEX_NAME,
    MEMORY_LIMIT,
    DamagedIndexError,
    connect,
    get_meta,
    is_older,
    only_writer,
    open_index,
    schema_version,
    writing_to,
)
from dataset.dataset_folder import DatasetFolder
from dataset.manifest import SCHEMA_VERSION, Manifest, SplitRule
from dataset.merge import apply_manifest, create_tables, merge_shards
from dataset.run_folders import known_run_folders, merge_run_rows
from dataset.schema import TABLES, TABLES_DIGEST
from dataset.shards import list_shards

__all__ = ["merge_run", "open_index", "rebuild_index", "resplit", "update_index"]


def update_index(root: Path, memory_limit: str = MEMORY_LIMIT) -> int:
    """Merge the shards that the index lacks, in one transaction, and return how many they were.

    The index is made if there is none, and made anew if an older version made it. Labels and splits follow
    ``dataset.yaml`` and ``splits.parquet`` if those changed.

    Raises:
        BrickbenchError: `root` is no dataset, a shard is damaged, or the index cannot be opened; then the index
            is as it was.
    """
    dataset = DatasetFolder.open(root)
    with only_writer(root / INDEX_NAME):
        if not (root / INDEX_NAME).is_file() or _is_older(root):
            return _rebuild(dataset, memory_limit)
        with _transaction(root, memory_limit) as connection:
            merged = {row[0] for row in connection.execute("SELECT shard FROM shards").fetchall()}
            new = [shard for shard in list_shards(root) if shard not in merged]
            apply_manifest(connection, dataset)
            merge_shards(connection, dataset, new)
    return len(new)


def resplit(root: Path, rule: SplitRule) -> None:
    """Write `rule` into ``dataset.yaml`` and give each picture in the index its split by it.

    Raises:
        BrickbenchError: `root` is no dataset, or its index cannot be opened; then nothing is changed.
    """
    manifest = Manifest.load_folder(root).model_copy(update={"split_rule": rule})
    with only_writer(root / INDEX_NAME), _transaction(root) as connection:
        apply_manifest(connection, DatasetFolder(root, manifest))
        manifest.save_folder(root)  # a kill before the commit leaves an index that says it is out of date


def rebuild_index(root: Path, memory_limit: str = MEMORY_LIMIT) -> int:
    """Make the index anew from shards and run folders alone, and return how many shards there are.

    It is made beside the old one and takes its place when it is whole. Runs are those in ``runs/`` and those that
    the old index knows, as far as their folders are there.

    Raises:
        BrickbenchError: `root` is no dataset, a shard or run is damaged, or another process holds the index.
    """
    dataset = DatasetFolder.open(root)
    with only_writer(root / INDEX_NAME):
        return _rebuild(dataset, memory_limit)


def _rebuild(dataset: DatasetFolder, memory_limit: str) -> int:
    root = dataset.root
    require_writable(root)
    file = root / INDEX_NAME
    _clear_unfinished(file)
    _clear_log(file)
    folders = known_run_folders(root)
    shards = list_shards(root)
    try:
        with writing_to(file), atomic_file(file) as temporary:
            with connect(temporary, read_only=False, memory_limit=memory_limit) as connection:
                connection.begin()
                create_tables(connection)
                apply_manifest(connection, dataset)
                merge_shards(connection, dataset, shards)
                for folder in folders:
                    merge_run_rows(connection, root, folder)
                connection.commit()
                connection.execute("FORCE CHECKPOINT")  # closing does so too, and says nothing on a full disk
                rows = _count_rows(connection)
            _require_rows(temporary, rows)
    finally:
        _clear_unfinished(file)
    return len(shards)


def _count_rows(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in TABLES}


def _require_rows(file: Path, rows: Mapping[str, int]) -> None:
    """Raise OSError unless `file`, opened anew, has so many `rows` by table: a full disk may leave half of them."""
    try:
        with connect(file, read_only=True) as connection:
            there = _count_rows(connection)
    except (BrickbenchError, duckdb.Error) as error:
        raise OSError(errno.EIO, "what was written cannot be read again") from error
    if there != rows:
        raise OSError(errno.EIO, "not all that was written is there")


def _clear_unfinished(file: Path) -> None:
    """Clear away indexes that were never finished, with the log and the temporary folder of each."""
    for leftover in file.parent.glob(f".{file.name}.*.tmp*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _clear_log(file: Path) -> None:
    """Take in the log that a killed writer left: it would be replayed into the index that takes the place of this."""
    log = file.with_name(f"{file.name}.wal")
    if log.exists():
        if file.is_file():
            with contextlib.suppress(DamagedIndexError, duckdb.Error):
                connect(file, read_only=False).close()
        log.unlink(missing_ok=True)


def merge_run(root: Path, run_folder: Path) -> None:
    """Replace the rows of one run by those in its folder, in one transaction.

    Copies what there is of predictions, attributions and scores; columns beyond those of the index are left out.

    Raises:
        BrickbenchError: the folder is no run, a file of it is damaged, or another run in the index has its name.
    """
    if not (root / INDEX_NAME).is_file():
        update_index(root)
    with only_writer(root / INDEX_NAME), _transaction(root) as connection:
        merge_run_rows(connection, root, run_folder)


def _is_older(root: Path) -> bool:
    with connect(root / INDEX_NAME, read_only=True) as connection:
        version = schema_version(connection)
        tables = get_meta(connection, "tables") if version == str(SCHEMA_VERSION) else None
    return is_older(version) or (version == str(SCHEMA_VERSION) and tables != TABLES_DIGEST)


@contextlib.contextmanager
def _transaction(root: Path, memory_limit: str = MEMORY_LIMIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection in a transaction that is committed if the block ends well, and undone if not."""
    # A connection that closes without a commit undoes everything; an explicit rollback would fail on a full disk.
    with (
        writing_to(root / INDEX_NAME),
        open_index(root, read_only=False, memory_limit=memory_limit) as connection,
    ):
        connection.begin()
        yield connection
        connection.commit()
