"""The index of a dataset: opened, brought up to date with the shards, made anew."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import duckdb

from core.files import atomic_file, require_writable
from dataset.database import INDEX_NAME, connect, index_path, require_schema, schema_version, writing_to
from dataset.manifest import SCHEMA_VERSION, Manifest, SplitRule
from dataset.merge import apply_manifest, create_tables, merge_shards
from dataset.run_folders import known_run_folders, merge_run_rows
from dataset.shards import list_shards

__all__ = ["merge_run", "open_index", "rebuild_index", "resplit", "update_index"]


def open_index(path: Path, read_only: bool = True) -> duckdb.DuckDBPyConnection:
    """Return a connection to the index of a dataset; close it, best with ``with``.

    Args:
        path: the dataset's folder, or its ``index.duckdb``.
        read_only: False to write; a read-only connection reaches no other file and no network.

    Raises:
        BrickbenchError: there is no index, it is of another version, damaged, or in use by another process.
    """
    file = index_path(Path(path))
    connection = connect(file, read_only=read_only)
    try:
        require_schema(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def update_index(root: Path) -> int:
    """Merge the shards that the index lacks, in one transaction, and return how many they were.

    The index is made if there is none, and made anew if an older version made it. Labels and splits follow
    ``dataset.yaml`` and ``splits.parquet`` if those changed.

    Raises:
        BrickbenchError: `root` is no dataset, a shard is damaged, or the index cannot be opened; then the index
            is as it was.
    """
    manifest = Manifest.load_folder(root)
    if not (root / INDEX_NAME).is_file() or _is_older(root):
        return rebuild_index(root)
    with _writing(root) as connection:
        merged = {row[0] for row in connection.execute("SELECT shard FROM shards").fetchall()}
        new = [shard for shard in list_shards(root) if shard not in merged]
        apply_manifest(connection, root, manifest)
        merge_shards(connection, root, manifest, new)
    return len(new)


def resplit(root: Path, rule: SplitRule) -> None:
    """Write `rule` into ``dataset.yaml`` and give each picture in the index its split by it.

    Raises:
        BrickbenchError: `root` is no dataset, or its index cannot be opened; then nothing is changed.
    """
    manifest = Manifest.load_folder(root).model_copy(update={"split_rule": rule})
    with _writing(root) as connection:
        apply_manifest(connection, root, manifest)
        manifest.save_folder(root)  # a kill before the commit leaves an index that says it is out of date


def rebuild_index(root: Path) -> int:
    """Make the index anew from shards and run folders alone, and return how many shards there are.

    It is made beside the old one and takes its place when it is whole. Runs are those in ``runs/`` and those that
    the old index knows, as far as their folders are there.

    Raises:
        BrickbenchError: `root` is no dataset, a shard or run is damaged, or another process holds the index.
    """
    manifest = Manifest.load_folder(root)
    require_writable(root)
    file = root / INDEX_NAME
    folders = known_run_folders(root)
    shards = list_shards(root)
    with writing_to(file), atomic_file(file) as temporary:
        temporary.unlink(missing_ok=True)
        with connect(temporary, read_only=False) as connection:
            connection.begin()
            create_tables(connection)
            apply_manifest(connection, root, manifest)
            merge_shards(connection, root, manifest, shards)
            for folder in folders:
                merge_run_rows(connection, root, folder)
            connection.commit()
        # A log that a killed writer of the old index left would be replayed into the new one.
        file.with_name(file.name + ".wal").unlink(missing_ok=True)
    return len(shards)


def merge_run(root: Path, run_folder: Path) -> None:
    """Replace the rows of one run by those in its folder, in one transaction.

    Copies what there is of predictions, attributions and scores; columns beyond those of the index are left out.

    Raises:
        BrickbenchError: the folder is no run, a file of it is damaged, or another run in the index has its name.
    """
    if not (root / INDEX_NAME).is_file():
        update_index(root)
    with _writing(root) as connection:
        merge_run_rows(connection, root, run_folder)


def _is_older(root: Path) -> bool:
    with connect(root / INDEX_NAME, read_only=True) as connection:
        version = schema_version(connection)
    return version is not None and version.isdecimal() and int(version) < SCHEMA_VERSION


@contextlib.contextmanager
def _writing(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection in a transaction that is committed if the block ends well, and undone if not."""
    with writing_to(root / INDEX_NAME), open_index(root, read_only=False) as connection:
        connection.begin()
        try:
            yield connection
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
