"""The columns of the shards and the tables of the index, each written down once.

The index has no secondary indexes on purpose: rows are inserted in shard order, so DuckDB's min-max zones
already skip most row groups for an image or a pile, while an ART index would double the size of the large
tables and slow each merge. Uniqueness is checked once a merge instead.
"""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column: its name, its DuckDB type, and its Arrow type in a shard (None: only in the index)."""

    name: str
    sql: str
    arrow: pa.DataType | None = None
    nullable: bool = False


def _text(name: str, nullable: bool = False) -> Column:
    return Column(name, "VARCHAR", pa.string(), nullable)


def _int(name: str) -> Column:
    return Column(name, "INTEGER", pa.int32())


def _long(name: str) -> Column:
    return Column(name, "BIGINT", pa.int64())


def _real(name: str, nullable: bool = False) -> Column:
    return Column(name, "DOUBLE", pa.float64(), nullable)


def _matrix_3x4(name: str) -> Column:
    return Column(name, "DOUBLE[12]", pa.list_(pa.float64(), 12))


IMAGES = (
    _text("image_id"),
    Column("shard_index", "INTEGER"),
    _text("source"),
    Column("split", "VARCHAR"),
    _text("file"),
    _int("width"),
    _int("height"),
    _text("content_hash"),
    _text("geometry_file", nullable=True),
    _long("pile_index"),
    _int("view_index"),
    _text("twin_of", nullable=True),  # image_id of the picture that this one is without `removed_part_id`
    _text("twin_mode", nullable=True),
    _text("removed_part_id", nullable=True),
    _long("seed"),
    _int("attempts"),
    _text("arrangement"),
    _int("distractors"),
    _text("background"),
    _text("lighting"),
    _real("exposure"),
    _real("sensor_gain"),
    _int("jpeg_quality"),
    _real("camera_aperture_mm"),
    _real("camera_focal_px"),
    _matrix_3x4("camera_from_world"),
    _real("camera_azimuth_deg"),
    _real("camera_elevation_deg"),
    _real("camera_distance_mm"),
)
INSTANCES = (
    _text("image_id"),
    _int("instance_id"),
    _text("part_id"),
    _int("color_id"),
    Column("box_xywh_px", "INTEGER[4]", pa.list_(pa.int32(), 4)),
    _int("visible_px"),
    _int("amodal_px"),
    _real("in_frame_fraction"),
    _real("visible_fraction"),
    _text("visible_rle"),
    _text("amodal_rle"),
    _matrix_3x4("world_from_part"),
)
LABELS = (Column("image_id", "VARCHAR"), Column("part_id", "VARCHAR"))
PARTS = (*(Column(name, "VARCHAR") for name in ("part_id", "name", "category")), Column("class_index", "INTEGER"))
SHARDS = (
    Column("shard_index", "INTEGER"),
    Column("digest", "VARCHAR"),  # SHA-256 of both parquet files: tells a shard that was made anew
    Column("images", "INTEGER"),
    Column("instances", "INTEGER"),
)
META = (Column("name", "VARCHAR"), Column("value", "VARCHAR"))
RUNS = (
    _text("run_id"),
    _text("folder"),  # relative to the dataset if it is inside
    _text("model", nullable=True),
    _text("created_from", nullable=True),
    Column("seed", "BIGINT", nullable=True),
)
PREDICTIONS = (
    _text("run_id"),
    _text("checkpoint"),
    _text("image_id"),
    _text("part_id"),
    Column("logit", "FLOAT", pa.float32()),
)
ATTRIBUTIONS = (
    _text("attribution_id"),
    _text("run_id"),
    _text("checkpoint"),
    _text("image_id"),
    _text("part_id"),
    _text("method"),
    _text("method_settings_hash"),
    _text("file"),  # relative to the run's folder
    _int("row"),
    _real("seconds", nullable=True),
)
SCORES = (
    Column("run_id", "VARCHAR"),
    _text("attribution_id"),
    _text("metric"),
    _real("value", nullable=True),
    _text("status"),
    _real("chance", nullable=True),
)

TABLES: dict[str, tuple[Column, ...]] = {
    "meta": META,
    "shards": SHARDS,
    "parts": PARTS,
    "images": IMAGES,
    "instances": INSTANCES,
    "labels": LABELS,
    "runs": RUNS,
    "predictions": PREDICTIONS,
    "attributions": ATTRIBUTIONS,
    "scores": SCORES,
}


def create_statements() -> list[str]:
    """Return one CREATE TABLE statement for each table of the index."""
    return [
        f"CREATE TABLE {table} ("
        + ", ".join(f'"{c.name}" {c.sql}' + ("" if c.nullable else " NOT NULL") for c in columns)
        + ")"
        for table, columns in TABLES.items()
    ]


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the Arrow schema of a shard's file: the columns that have an Arrow type."""
    return pa.schema([pa.field(c.name, c.arrow, nullable=c.nullable) for c in columns if c.arrow is not None])


IMAGES_SCHEMA = arrow_schema(IMAGES)
INSTANCES_SCHEMA = arrow_schema(INSTANCES)
