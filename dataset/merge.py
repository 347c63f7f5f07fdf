"""Rows from shards into the tables of the index, and what follows from the manifest: parts, labels, splits."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from core.errors import BrickbenchError
from core.progress import Progress
from dataset.database import first_row
from dataset.manifest import MANIFEST_NAME, SCHEMA_VERSION, LabelRule, Manifest, SplitRule
from dataset.schema import TABLES, Column, create_statements
from dataset.shards import SHARDS_FOLDER, ShardTables, damaged_shard, read_shard
from dataset.splits import split_of

SHARDS_AT_ONCE = 64  # some 40,000 instances: large enough for DuckDB's vectors, small enough for any memory


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the empty tables of an index."""
    for statement in create_statements():
        connection.execute(statement)
    set_meta(connection, "schema_version", str(SCHEMA_VERSION))


def merge_shards(
    connection: duckdb.DuckDBPyConnection, root: Path, manifest: Manifest, shard_indices: Sequence[int]
) -> None:
    """Insert the rows of some shards, with their labels and splits; the caller holds the transaction.

    Raises:
        BrickbenchError: a shard is damaged, names a part that the manifest lacks, or repeats an image.
    """
    if not shard_indices:
        return
    with Progress("Index", len(shard_indices), "shards") as progress:
        for start in range(0, len(shard_indices), SHARDS_AT_ONCE):
            batch = list(shard_indices[start : start + SHARDS_AT_ONCE])
            _insert_batch(connection, root, manifest, batch)
            progress.advance(len(batch))
    twice = first_row(
        connection,
        "SELECT image_id, min(shard_index), max(shard_index) FROM images GROUP BY image_id HAVING count(*) > 1 "
        "ORDER BY image_id LIMIT 1",
    )
    if twice is not None:
        raise BrickbenchError(
            f"Image {twice[0]!r} is in two shards of {root}, {twice[1]:06d} and {twice[2]:06d}. "
            "Delete the one that does not belong there and run the command again."
        )


def _insert_batch(
    connection: duckdb.DuckDBPyConnection, root: Path, manifest: Manifest, shard_indices: list[int]
) -> None:
    shards = {index: read_shard(root, index) for index in shard_indices}
    for index, shard in shards.items():
        require_consistent(root, index, shard, manifest)
    images = pa.concat_tables([with_shard_columns(shard.images, index) for index, shard in shards.items()])
    instances = pa.concat_tables([shard.instances for shard in shards.values()])
    counts = pa.table(
        {
            "shard_index": list(shards),
            "digest": [shard.digest for shard in shards.values()],
            "images": [shard.images.num_rows for shard in shards.values()],
            "instances": [shard.instances.num_rows for shard in shards.values()],
        },
        schema=pa.schema(
            [("shard_index", pa.int32()), ("digest", pa.string()), ("images", pa.int32()), ("instances", pa.int32())]
        ),
    )
    splits = splits_table(manifest.split_rule, images.column("pile_index").unique().to_pylist())
    staged = {"new_images": images, "new_instances": instances, "new_shards": counts, "new_splits": splits}
    for name, table in staged.items():
        connection.register(name, table)
    try:
        insert_rows(
            connection, "images", "new_images JOIN new_splits USING (pile_index) ORDER BY shard_index, image_id"
        )
        insert_rows(connection, "instances", "new_instances")
        insert_rows(connection, "shards", "new_shards")
        connection.execute(f"INSERT INTO labels {labels_query('new_instances', manifest.label_rule)}")
    finally:
        for name in staged:
            connection.unregister(name)


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, source: str) -> None:
    """Insert what ``FROM source`` yields, cast to the columns of `table`."""
    connection.execute(f'INSERT INTO "{table}" SELECT {casts(TABLES[table])} FROM {source}')


def casts(columns: tuple[Column, ...]) -> str:
    """Return a SELECT list that gives `columns` in the index's types."""
    return ", ".join(f'"{column.name}"::{column.sql} AS "{column.name}"' for column in columns)


def with_shard_columns(images: pa.Table, shard_index: int) -> pa.Table:
    """Return the rows of a shard's images with `shard_index`, and files relative to the dataset's root."""
    for column in ("file", "geometry_file"):
        files = [name and f"{SHARDS_FOLDER}/{shard_index:06d}/{name}" for name in images.column(column).to_pylist()]
        images = images.set_column(images.schema.get_field_index(column), column, pa.array(files, pa.string()))
    return images.append_column("shard_index", pa.array([shard_index] * images.num_rows, pa.int32()))


def splits_table(rule: SplitRule, pile_indices: Sequence[int]) -> pa.Table:
    """Return the columns pile_index and split for some piles."""
    piles = sorted(pile_indices)
    return pa.table(
        {"pile_index": pa.array(piles, pa.int64()), "split": pa.array([split_of(rule, p) for p in piles], pa.string())}
    )


def labels_query(instances: str, rule: LabelRule) -> str:
    """Return the SQL of the labels that `rule` gives for the rows of the table `instances`."""
    return (
        f"SELECT DISTINCT image_id, part_id FROM {instances} "
        f"WHERE visible_fraction >= {rule.min_visible_fraction!r}::DOUBLE AND visible_px >= {rule.min_visible_px} "
        "ORDER BY image_id, part_id"
    )


def apply_manifest(connection: duckdb.DuckDBPyConnection, root: Path, manifest: Manifest) -> None:
    """Bring parts, labels and splits up to date where ``dataset.yaml`` changed since they were written."""
    digests = manifest_digests(manifest)
    changed = {name for name, digest in digests.items() if get_meta(connection, name) != digest}
    if "parts" in changed:
        connection.execute("DELETE FROM parts")
        connection.executemany(
            "INSERT INTO parts VALUES (?, ?, ?, ?)",
            [[part.part_id, part.name, part.category, index] for index, part in enumerate(manifest.parts)],
        )
        unknown = first_row(
            connection,
            "SELECT DISTINCT part_id FROM instances ANTI JOIN parts USING (part_id) ORDER BY part_id LIMIT 1",
        )
        if unknown is not None:
            raise BrickbenchError(
                f"{root / MANIFEST_NAME} lists no part {unknown[0]!r}, but bricks in the pictures are of it. "
                "Put that part back into the list."
            )
    if "label_rule" in changed:
        connection.execute("DELETE FROM labels")
        connection.execute(f"INSERT INTO labels {labels_query('instances', manifest.label_rule)}")
    if "split_rule" in changed:
        piles = [row[0] for row in connection.execute("SELECT DISTINCT pile_index FROM images").fetchall()]
        connection.register("new_splits", splits_table(manifest.split_rule, piles))
        try:
            connection.execute(
                "UPDATE images SET split = new_splits.split FROM new_splits "
                "WHERE images.pile_index = new_splits.pile_index AND images.split <> new_splits.split"
            )
        finally:
            connection.unregister("new_splits")
    for name in changed:
        set_meta(connection, name, digests[name])


def manifest_digests(manifest: Manifest) -> dict[str, str]:
    """Return a digest of each thing in the manifest that the index was derived from."""
    parts = Manifest(seed=0, parts=manifest.parts).digest()
    return {
        "parts": parts,
        "label_rule": manifest.label_rule.digest(),
        "split_rule": manifest.split_rule.digest(),
    }


def get_meta(connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """Return a value of the table meta, None if it is not there."""
    row = first_row(connection, "SELECT value FROM meta WHERE name = ?", [name])
    return str(row[0]) if row else None


def set_meta(connection: duckdb.DuckDBPyConnection, name: str, value: str) -> None:
    """Write a value of the table meta."""
    connection.execute("DELETE FROM meta WHERE name = ?", [name])
    connection.execute("INSERT INTO meta VALUES (?, ?)", [name, value])


def require_consistent(root: Path, shard_index: int, shard: ShardTables, manifest: Manifest) -> None:
    """Raise BrickbenchError unless a shard's bricks are of known parts and of its own images."""
    known = {part.part_id for part in manifest.parts}
    for part_id in shard.instances.column("part_id").unique().to_pylist():
        if part_id not in known:
            raise damaged_shard(root, shard_index, f"it holds part {part_id!r}, which {MANIFEST_NAME} does not list")
    image_ids = set(shard.images.column("image_id").to_pylist())
    for image_id in shard.instances.column("image_id").unique().to_pylist():
        if image_id not in image_ids:
            raise damaged_shard(root, shard_index, f"it holds bricks of image {image_id!r}, but not that image")
