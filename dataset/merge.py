"""Rows from shards into the tables of the index, and what follows from the manifest: parts, labels, splits."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import BrickbenchError
from core.progress import Progress
from dataset.database import first_row
from dataset.manifest import MANIFEST_NAME, SCHEMA_VERSION, LabelRule, Manifest
from dataset.schema import TABLES, Column, create_statements
from dataset.shards import SHARDS_FOLDER, ShardTables, damaged_shard, read_shard
from dataset.splits import read_splits, splits_digest, splits_table

SHARDS_AT_ONCE = 64  # some 40,000 instances: large enough for DuckDB's vectors, small enough for any memory


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the empty tables of an index."""
    for statement in create_statements():
        connection.execute(statement)
    set_meta(connection, "schema_version", str(SCHEMA_VERSION))


def merge_shards(connection: duckdb.DuckDBPyConnection, root: Path, manifest: Manifest, shards: Sequence[str]) -> None:
    """Insert the rows of some shards, with their labels and splits; the caller holds the transaction.

    Raises:
        BrickbenchError: a shard is damaged, names a part that the manifest lacks, or repeats an image.
    """
    if not shards:
        return
    frozen = read_splits(root)
    with Progress("Index", len(shards), "shards") as progress:
        for start in range(0, len(shards), SHARDS_AT_ONCE):
            batch = shards[start : start + SHARDS_AT_ONCE]
            _insert_batch(connection, root, manifest, frozen, batch)
            progress.advance(len(batch))
    twice = first_row(
        connection,
        "SELECT image_id, min(shard), max(shard) FROM images GROUP BY image_id HAVING count(*) > 1 "
        "ORDER BY image_id LIMIT 1",
    )
    if twice is not None:
        raise BrickbenchError(
            f"Image {twice[0]!r} is in two shards of {root}, {twice[1]} and {twice[2]}. "
            "Delete the one that does not belong there and run the command again."
        )


def _insert_batch(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    manifest: Manifest,
    frozen: Mapping[str, str],
    names: Sequence[str],
) -> None:
    shards = {name: read_shard(root, name) for name in names}
    for name, shard in shards.items():
        require_consistent(root, name, shard, manifest)
    images = pa.concat_tables([with_shard_columns(shard.images, name) for name, shard in shards.items()])
    instances = pa.concat_tables([shard.instances for shard in shards.values()])
    counts = pa.table(
        {
            "shard": list(shards),
            "digest": [shard.digest for shard in shards.values()],
            "images": [shard.images.num_rows for shard in shards.values()],
            "instances": [shard.instances.num_rows for shard in shards.values()],
        },
        schema=pa.schema(
            [("shard", pa.string()), ("digest", pa.string()), ("images", pa.int32()), ("instances", pa.int32())]
        ),
    )
    splits = splits_table(manifest.split_rule, frozen, images.column("group_id").unique().to_pylist())
    staged = {"new_images": images, "new_instances": instances, "new_shards": counts, "new_splits": splits}
    for name, table in staged.items():
        connection.register(name, table)
    try:
        insert_rows(
            connection,
            "images",
            "(SELECT new_images.*, coalesce(new_splits.split, imported_split) AS split "
            "FROM new_images LEFT JOIN new_splits USING (group_id)) ORDER BY shard, image_id",
        )
        insert_rows(connection, "instances", "new_instances")
        insert_rows(connection, "shards", "new_shards")
        connection.execute(f"INSERT INTO labels {labels_query('new_images', 'new_instances', manifest.label_rule)}")
    finally:
        for name in staged:
            connection.unregister(name)


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, source: str) -> None:
    """Insert what ``FROM source`` yields, cast to the columns of `table`."""
    connection.execute(f'INSERT INTO "{table}" SELECT {casts(TABLES[table])} FROM {source}')


def casts(columns: tuple[Column, ...]) -> str:
    """Return a SELECT list that gives `columns` in the index's types."""
    return ", ".join(f'"{column.name}"::{column.sql} AS "{column.name}"' for column in columns)


def with_shard_columns(images: pa.Table, shard: str) -> pa.Table:
    """Return the rows of a shard's images with its name, and files relative to the dataset's root."""
    for column in ("file", "geometry_file"):
        # An absolute file, a photo that was left where it is, stays what it is.
        files = [name and str(PurePosixPath(SHARDS_FOLDER, shard, name)) for name in images.column(column).to_pylist()]
        images = images.set_column(images.schema.get_field_index(column), column, pa.array(files, pa.string()))
    return images.append_column("shard", pa.array([shard] * images.num_rows, pa.string()))


def labels_query(images: str, instances: str, rule: LabelRule) -> str:
    """Return the SQL of the labels of pictures in two tables: of renders by `rule`, of photos as annotated."""
    return (
        f"SELECT image_id, part_id FROM {instances} "
        f"WHERE visible_fraction >= {rule.min_visible_fraction!r}::DOUBLE AND visible_px >= {rule.min_visible_px} "
        f"UNION SELECT image_id, unnest(annotated_labels) AS part_id FROM {images} ORDER BY image_id, part_id"
    )


def apply_manifest(connection: duckdb.DuckDBPyConnection, root: Path, manifest: Manifest) -> None:
    """Bring parts, labels and splits up to date where ``dataset.yaml`` changed since they were written."""
    digests = manifest_digests(root, manifest)
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
        connection.execute(f"INSERT INTO labels {labels_query('images', 'instances', manifest.label_rule)}")
    if "split_rule" in changed:
        groups = [row[0] for row in connection.execute("SELECT DISTINCT group_id FROM images").fetchall()]
        connection.register("new_splits", splits_table(manifest.split_rule, read_splits(root), groups))
        try:
            connection.execute(
                "UPDATE images SET split = wanted.split FROM ("
                "SELECT image_id, coalesce(new_splits.split, imported_split) AS split "
                "FROM images LEFT JOIN new_splits USING (group_id)) wanted "
                "WHERE images.image_id = wanted.image_id AND images.split <> wanted.split"
            )
        finally:
            connection.unregister("new_splits")
    for name in changed:
        set_meta(connection, name, digests[name])


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


def require_consistent(root: Path, name: str, shard: ShardTables, manifest: Manifest) -> None:
    """Raise BrickbenchError unless a shard's bricks and labels are of known parts and of its own images."""
    known = {part.part_id for part in manifest.parts}
    labels = pc.list_flatten(shard.images.column("annotated_labels"))
    named = {
        part_id for column in (shard.instances.column("part_id"), labels) for part_id in column.unique().to_pylist()
    }
    for part_id in sorted(named):
        if part_id not in known:
            raise damaged_shard(root, name, f"it holds part {part_id!r}, which {MANIFEST_NAME} does not list")
    image_ids = set(shard.images.column("image_id").to_pylist())
    for image_id in shard.instances.column("image_id").unique().to_pylist():
        if image_id not in image_ids:
            raise damaged_shard(root, name, f"it holds bricks of image {image_id!r}, but not that image")
