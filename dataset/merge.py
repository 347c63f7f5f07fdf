"""Rows from shards into the tables of the index, and what follows from the manifest: parts, labels, splits."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import BrickbenchError
from core.progress import Progress
from dataset.database import first_row, get_meta, manifest_digests, set_meta
from dataset.dataset_folder import DatasetFolder
from dataset.intake import Batch, read_batches
from dataset.manifest import MANIFEST_NAME, SCHEMA_VERSION, LabelRule, Manifest
from dataset.schema import TABLES, TABLES_DIGEST, VIEWS, VIEWS_DIGEST, Column, create_statements
from dataset.splits import read_splits, splits_table


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the empty tables of an index, and its views."""
    for statement in create_statements():
        connection.execute(statement)
    _create_views(connection)
    set_meta(connection, "tables", TABLES_DIGEST)
    set_meta(connection, "schema_version", str(SCHEMA_VERSION))


def _create_views(connection: duckdb.DuckDBPyConnection) -> None:
    for view in VIEWS:
        connection.execute(f"CREATE OR REPLACE VIEW {view.name} AS {view.sql}")
    set_meta(connection, "views", VIEWS_DIGEST)


def merge_shards(connection: duckdb.DuckDBPyConnection, dataset: DatasetFolder, shards: Sequence[str]) -> None:
    """Insert the rows of some shards, with their labels and splits; the caller holds the transaction.

    Raises:
        BrickbenchError: a shard is damaged, names a part that the manifest lacks, or repeats an image.
    """
    if not shards:
        return
    frozen = read_splits(dataset.root)
    # One thread of DuckDB's beside those that read: more of them wait for each other, which costs a third more time.
    connection.execute("SET threads = 1")
    with Progress("Index", len(shards), "shards") as progress:
        for batch in read_batches(dataset, shards):
            _insert_batch(connection, dataset.manifest, frozen, batch)
            progress.advance(batch.shards.num_rows)
    connection.execute("RESET threads")
    # By the shards first: for a few new ones DuckDB then skips nearly all other rows.
    new_images = "(FROM images SEMI JOIN new_shards USING (shard))"
    with registered(connection, new_shards=pa.table({"shard": pa.array(shards, pa.string())})):
        _require_distinct(connection, dataset.root, new_images)
        # All at once and not by batches, so that rows of a part come to lie together.
        new_instances = f"(FROM instances SEMI JOIN {new_images} USING (image_id))"
        connection.execute(f"INSERT INTO contents {contents_query(new_images, new_instances)}")


def _require_distinct(connection: duckdb.DuckDBPyConnection, root: Path, new_images: str) -> None:
    twice = first_row(
        connection,
        f"SELECT image_id, min(shard), max(shard) FROM images SEMI JOIN {new_images} USING (image_id) "
        "GROUP BY image_id HAVING count(*) > 1 ORDER BY image_id LIMIT 1",
    )
    if twice is not None:
        raise BrickbenchError(
            f"Image {twice[0]!r} is in two shards of {root}, {twice[1]} and {twice[2]}. "
            "Delete the one that does not belong there and run the command again."
        )


def _insert_batch(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, frozen: Mapping[str, str], batch: Batch
) -> None:
    groups = batch.images.column("group_id")
    splits = splits_table(manifest.split_rule, frozen, groups.unique())
    decided = splits["split"].take(pc.index_in(groups, value_set=splits["group_id"]))
    images = batch.images.append_column("split", pc.coalesce(decided, batch.images["imported_split"]))
    insert_rows(connection, "images", images)
    insert_rows(connection, "instances", batch.instances)
    insert_rows(connection, "things", batch.things)
    insert_rows(connection, "shards", batch.shards)
    insert_rows(connection, "set_aside", batch.set_aside)
    sources = connection.from_arrow(images), connection.from_arrow(batch.instances)
    labels_of(*sources, manifest.label_rule).insert_into("labels")


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert Arrow rows, cast to the columns of `table`.

    By a relation and not by a registered table, which DuckDB would hold in memory until the transaction ends.
    """
    connection.from_arrow(rows).project(casts(TABLES[table])).insert_into(table)


@contextlib.contextmanager
def registered(connection: duckdb.DuckDBPyConnection, **tables: pa.Table) -> Iterator[None]:
    """Make Arrow tables known to SQL by their names, while the block lasts."""
    for name, table in tables.items():
        connection.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            connection.unregister(name)


def casts(columns: tuple[Column, ...]) -> str:
    """Return a SELECT list that gives `columns` in the index's types."""
    return ", ".join(f'"{column.name}"::{column.sql} AS "{column.name}"' for column in columns)


def labels_of(
    images: duckdb.DuckDBPyRelation, instances: duckdb.DuckDBPyRelation, rule: LabelRule
) -> duckdb.DuckDBPyRelation:
    """Return the labels (image_id, part_id) of pictures: of renders by `rule`, of photos as annotated."""
    visible = f"visible_fraction >= {rule.min_visible_fraction!r}::DOUBLE AND visible_px >= {rule.min_visible_px}"
    rendered = instances.filter(visible).project("image_id, part_id")
    annotated = images.project("image_id, unnest(annotated_labels) AS part_id")
    return rendered.union(annotated).distinct().order("image_id, part_id")


def contents_query(images: str, instances: str) -> str:
    """Return the SQL of the table contents for some images and their instances, sorted by part."""
    return (
        "SELECT part_id, image_id, count(instance_id)::INTEGER AS bricks, "
        "max(visible_fraction) AS best_visible_fraction FROM ("
        f"SELECT part_id, image_id, instance_id, visible_fraction FROM {instances} UNION ALL "
        f"SELECT unnest(annotated_labels), image_id, NULL, NULL FROM {images}"
        ") GROUP BY part_id, image_id ORDER BY part_id, image_id"
    )


def apply_manifest(connection: duckdb.DuckDBPyConnection, dataset: DatasetFolder) -> None:
    """Bring parts, labels and splits up to date where ``dataset.yaml`` changed since they were written.

    So are the views, if another version of Brickbench made the index.
    """
    if get_meta(connection, "views") != VIEWS_DIGEST:
        _create_views(connection)
    manifest = dataset.manifest
    digests = manifest_digests(dataset.root, manifest)
    changed = {name for name, digest in digests.items() if get_meta(connection, name) != digest}
    if "parts" in changed:
        connection.execute("DELETE FROM parts")
        rows = [part.model_dump() | {"class_index": index} for index, part in enumerate(manifest.parts)]
        insert_rows(connection, "parts", pa.Table.from_pylist(rows))
        unknown = first_row(
            connection,
            "SELECT DISTINCT part_id FROM instances ANTI JOIN parts USING (part_id) ORDER BY part_id LIMIT 1",
        )
        if unknown is not None:
            raise BrickbenchError(
                f"{dataset.root / MANIFEST_NAME} lists no part {unknown[0]!r}, but bricks in the pictures are of it. "
                "Put that part back into the list."
            )
    if "label_rule" in changed:
        connection.execute("DELETE FROM labels")
        tables = connection.table("images"), connection.table("instances")
        labels_of(*tables, manifest.label_rule).insert_into("labels")
    if "split_rule" in changed:
        groups = connection.sql("SELECT DISTINCT group_id FROM images").to_arrow_table()["group_id"]
        with registered(connection, new_splits=splits_table(manifest.split_rule, read_splits(dataset.root), groups)):
            connection.execute(
                "UPDATE images SET split = wanted.split FROM ("
                "SELECT image_id, coalesce(new_splits.split, imported_split) AS split "
                "FROM images LEFT JOIN new_splits USING (group_id)) wanted "
                "WHERE images.image_id = wanted.image_id AND images.split <> wanted.split"
            )
    for name in changed:
        set_meta(connection, name, digests[name])
