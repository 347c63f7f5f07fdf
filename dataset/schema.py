"""The columns of the shards, the tables of the index and its ready-made views, each written down once.

The index has no secondary indexes on purpose: rows are inserted in shard order, so DuckDB's min-max zones
already skip most row groups for an image or a pile, while an ART index would double the size of the large
tables and slow each merge. Uniqueness is checked once a merge instead.
"""

from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from core.files import sha256_hex


@dataclass(frozen=True)
class Column:
    """One column: its name, its DuckDB type, and its Arrow type in a shard (None: only in the index)."""

    name: str
    sql: str
    arrow: pa.DataType | None = None
    nullable: bool = False
    storage: str = ""
    """What DuckDB is told about storing it."""


_text = partial(Column, sql="VARCHAR", arrow=pa.string())
_int = partial(Column, sql="INTEGER", arrow=pa.int32())
_long = partial(Column, sql="BIGINT", arrow=pa.int64())
_real = partial(Column, sql="DOUBLE", arrow=pa.float64())
# Not pa.list_(…, 12) in the shards: pyarrow writes a NULL of that type into Parquet and cannot read it back.
_reals = partial(Column, arrow=pa.list_(pa.float64()), nullable=True)
_matrix_3x4 = partial(_reals, sql="DOUBLE[12]")
# To look for a compression takes DuckDB half of the time that it needs for a row, and saves a third of the file.
_outline = partial(_text, nullable=True, storage="USING COMPRESSION uncompressed")

# Columns that are NULL for photos: nobody knows how a photo came about, nor what a brick hides.
IMAGES = (
    _text("image_id"),
    Column("shard", "VARCHAR"),
    _text("source"),
    Column("split", "VARCHAR"),
    _text("group_id"),  # what stays together in splits and in resampling: a pile, or photos that are duplicates
    _text("file"),  # relative to the dataset; absolute for a photo that was left where it is
    _int("width"),
    _int("height"),
    _text("content_hash"),
    _text("original_file", nullable=True),  # a photo's path in the folder that it was imported from
    _text("imported_split", nullable=True),  # a photo's split: given by its source, or drawn when it was imported
    Column("split_given", "BOOLEAN", pa.bool_(), nullable=True),
    Column("annotated_labels", "VARCHAR[]", pa.list_(pa.string()), nullable=True),  # a photo's labels
    _text("geometry_file", nullable=True),
    _long("pile_index", nullable=True),
    _int("view_index", nullable=True),
    _text("twin_of", nullable=True),  # image_id of the picture that this one is without `removed_part_id`
    _text("twin_mode", nullable=True),
    _text("removed_part_id", nullable=True),
    _long("seed", nullable=True),
    _int("attempts", nullable=True),
    _text("arrangement", nullable=True),
    _int("distractors", nullable=True),
    _text("background", nullable=True),
    _text("lighting", nullable=True),
    _real("exposure", nullable=True),
    _real("sensor_gain", nullable=True),
    _int("jpeg_quality", nullable=True),
    _real("camera_aperture_mm", nullable=True),
    _real("camera_fx_px", nullable=True),  # OpenCV's camera: the first pixel's centre is (0, 0)
    _real("camera_fy_px", nullable=True),
    _real("camera_cx_px", nullable=True),
    _real("camera_cy_px", nullable=True),
    _reals("camera_distortion", sql="DOUBLE[5]"),  # k1 k2 p1 p2 k3
    _reals("camera_turn_deg_per_s", sql="DOUBLE[3]"),
    _matrix_3x4("camera_from_world"),
    _real("camera_azimuth_deg", nullable=True),
    _real("camera_elevation_deg", nullable=True),
    _real("camera_distance_mm", nullable=True),
)
INSTANCES = (
    _text("image_id"),
    _int("instance_id"),
    _text("part_id"),
    _int("color_id", nullable=True),
    Column("box_xywh_px", "INTEGER[4]", pa.list_(pa.int32(), 4)),
    _int("visible_px", nullable=True),
    _int("amodal_px", nullable=True),
    _real("in_frame_fraction", nullable=True),
    _real("visible_fraction", nullable=True),
    _outline("visible_rle"),
    _outline("amodal_rle"),
    _matrix_3x4("world_from_part"),
)
LABELS = (Column("image_id", "VARCHAR"), Column("part_id", "VARCHAR"))
CONTENTS = (  # which parts an image contains; sorted by part, so that a question by part reads few rows
    Column("part_id", "VARCHAR"),
    Column("image_id", "VARCHAR"),
    Column("bricks", "INTEGER"),  # 0 where a photo has the label without a box
    Column("best_visible_fraction", "DOUBLE", nullable=True),  # of the brick that is seen best; NULL for photos
)
PARTS = (*(Column(name, "VARCHAR") for name in ("part_id", "name", "category")), Column("class_index", "INTEGER"))
SHARDS = (
    _text("shard"),
    _text("digest"),  # SHA-256 of both parquet files: tells a shard that was made anew
    _int("images"),
    _int("instances"),
)
# Piles that could not be made: their shard is whole without them.
SET_ASIDE = (_text("shard"), _long("pile_index"), _text("reason"))
META = (Column("name", "VARCHAR"), Column("value", "VARCHAR"))
RUNS = (
    _text("run_id"),
    _text("folder"),  # relative to the dataset if it is inside
    _text("model", nullable=True),
    _text("created_from", nullable=True),
    _long("seed", nullable=True),
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
    "set_aside": SET_ASIDE,
    "parts": PARTS,
    "images": IMAGES,
    "instances": INSTANCES,
    "labels": LABELS,
    "contents": CONTENTS,
    "runs": RUNS,
    "predictions": PREDICTIONS,
    "attributions": ATTRIBUTIONS,
    "scores": SCORES,
}


TABLES_DIGEST = sha256_hex(
    repr([(table, [(c.name, c.sql, c.storage) for c in columns]) for table, columns in TABLES.items()]).encode()
)
"""Tells an index of other tables, such as one that a version in the making wrote."""


def create_statements() -> list[str]:
    """Return one CREATE TABLE statement for each table of the index."""
    return [
        f"CREATE TABLE {table} ("
        + ", ".join(f'"{c.name}" {c.sql}{"" if c.nullable else " NOT NULL"} {c.storage}'.rstrip() for c in columns)
        + ")"
        for table, columns in TABLES.items()
    ]


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the Arrow schema of a shard's file: the columns that have an Arrow type."""
    return pa.schema([pa.field(c.name, c.arrow, nullable=c.nullable) for c in columns if c.arrow is not None])


IMAGES_SCHEMA = arrow_schema(IMAGES)
INSTANCES_SCHEMA = arrow_schema(INSTANCES)


@dataclass(frozen=True)
class View:
    """A view: its name, its columns, what one row of it is, and its SQL."""

    name: str
    columns: tuple[str, ...]
    about: str
    sql: str


VIEWS = (
    View(
        "part_images",
        ("part_id", "image_id", "file", "split", "source", "twin_of", "bricks", "best_visible_fraction"),
        "an image that contains a part: its bricks of it, and how much is seen of the best visible (NULL for photos)",
        "SELECT part_id, image_id, file, split, source, twin_of, bricks, best_visible_fraction "
        "FROM contents JOIN images USING (image_id)",
    ),
    View(
        "half_visible",
        ("part_id", "image_id", "file", "split", "source", "twin_of", "bricks", "best_visible_fraction"),
        "an image in which a brick of the part is at least half visible (renders: of photos nobody knows)",
        "SELECT * FROM part_images WHERE best_visible_fraction >= 0.5",
    ),
    View(
        "part_pairs",
        ("part_a", "part_b", "images"),
        "two parts and the images that have the labels of both; each pair in both orders",
        "SELECT a.part_id AS part_a, b.part_id AS part_b, count(*) AS images FROM labels a JOIN labels b "
        "ON a.image_id = b.image_id AND a.part_id <> b.part_id GROUP BY a.part_id, b.part_id",
    ),
    View(
        "part_splits",
        ("part_id", "name", "split", "source", "images"),
        "a part, a split and a source, and the images there with its label",
        "SELECT part_id, name, split, source, count(*) AS images FROM labels JOIN parts USING (part_id) "
        "JOIN images USING (image_id) GROUP BY part_id, name, split, source",
    ),
    View(
        "part_visibility",
        ("part_id", "name", "bricks", "mean_visible_fraction", "median_visible_fraction", "half_visible", "hidden"),
        "a part, and how much is seen of its rendered bricks: at least half visible, and hidden, counted in bricks",
        "SELECT part_id, name, count(visible_fraction) AS bricks, avg(visible_fraction) AS mean_visible_fraction, "
        "median(visible_fraction) AS median_visible_fraction, "
        "count(*) FILTER (visible_fraction >= 0.5) AS half_visible, "
        "count(*) FILTER (visible_fraction = 0) AS hidden "
        "FROM parts LEFT JOIN instances USING (part_id) GROUP BY part_id, name",
    ),
    View(
        "light_floor_counts",
        ("split", "source", "lighting", "background", "images", "piles"),
        "a split, a source, a lighting and a floor (both NULL for photos), and the images and piles under them",
        "SELECT split, source, lighting, background, count(*) AS images, count(DISTINCT pile_index) AS piles "
        "FROM images GROUP BY split, source, lighting, background",
    ),
    View(
        "twins",
        ("image_id", "twin_id", "removed_part_id", "twin_mode", "split", "file", "twin_file"),
        "an image and its twin, in which the bricks of one part are missing",
        "SELECT original.image_id, twin.image_id AS twin_id, twin.removed_part_id, twin.twin_mode, twin.split, "
        "original.file, twin.file AS twin_file "
        "FROM images twin JOIN images original ON twin.twin_of = original.image_id",
    ),
)

VIEWS_DIGEST = sha256_hex(repr(VIEWS).encode())
