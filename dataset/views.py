"""Ready-made views of the index, for the questions that are asked most."""

from dataclasses import dataclass

import duckdb

from core.files import sha256_hex


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


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the views in an index, or make them anew."""
    for view in VIEWS:
        connection.execute(f"CREATE OR REPLACE VIEW {view.name} AS {view.sql}")
