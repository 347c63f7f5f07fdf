"""What an index says of itself: its version, and from which labels and splits of the dataset's files it was made."""

from pathlib import Path

import duckdb

from core.errors import BrickbenchError
from dataset.database import first_row
from dataset.manifest import Manifest
from dataset.splits import splits_digest


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


def get_meta(connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """Return a value of the table meta, None if it is not there."""
    row = first_row(connection, "SELECT value FROM meta WHERE name = ?", [name])
    return str(row[0]) if row else None


def set_meta(connection: duckdb.DuckDBPyConnection, name: str, value: str) -> None:
    """Write a value of the table meta."""
    connection.execute("DELETE FROM meta WHERE name = ?", [name])
    connection.execute("INSERT INTO meta VALUES (?, ?)", [name, value])
