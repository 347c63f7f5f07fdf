"""The figures of a dataset card, counted by SQL."""

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from dataset.database import first_row
from dataset.dataset_folder import DatasetFolder
from dataset.splits import SPLITS

VISIBLE_BINS = 20  # five per cent each
MOST_PARTS_TOGETHER = 30  # rows of the heat map: more cannot be read


@dataclass(frozen=True)
class PartFacts:
    """How often one part occurs."""

    part_id: str
    name: str
    category: str
    images: dict[str, int]
    """Pictures with its label, by split."""
    instances: int

    @property
    def total(self) -> int:
        """Pictures with its label."""
        return sum(self.images.values())


@dataclass(frozen=True)
class Together:
    """How often parts are labels of one picture."""

    part_ids: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    """(K, K), symmetric; on the diagonal the pictures that have the label at all."""


@dataclass(frozen=True)
class Facts:
    """All figures of the card."""

    totals: dict[str, int]
    groups: list[dict[str, Any]]
    """One row for each split and source that occur: ``split``, ``source``, ``images``, ``groups``, ``labels``."""
    parts: tuple[PartFacts, ...]
    together: Together
    visible: npt.NDArray[np.int64]
    """(VISIBLE_BINS,) bricks by visible fraction, equal bins of 0..1; 1 belongs to the last."""
    bricks_per_image: dict[int, int]
    """Pictures by how many bricks lie in them, seen or not."""
    floors: list[tuple[str, int]]
    lights: list[tuple[str, int]]
    sizes: list[tuple[str, int]]


def read_facts(dataset: DatasetFolder) -> Facts:
    """Return the figures of a dataset; raises BrickbenchError if the index cannot be opened."""
    with dataset.index() as index:
        parts = _parts(index)
        return Facts(
            totals=_totals(index),
            groups=_groups(index),
            parts=parts,
            together=_together(index, parts),
            visible=_visible(index),
            bricks_per_image=dict(
                index.execute(
                    "SELECT bricks, count(*) FROM (SELECT count(instance_id) AS bricks FROM images "
                    "LEFT JOIN instances USING (image_id) GROUP BY image_id) GROUP BY bricks ORDER BY bricks"
                ).fetchall()
            ),
            floors=_by(index, "background"),
            lights=_by(index, "lighting"),
            sizes=_by(index, "width || ' x ' || height"),
        )


def _totals(index: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = {
        "images": "SELECT count(*) FROM images",
        "piles": "SELECT count(DISTINCT pile_index) FROM images",
        "last_pile": "SELECT coalesce(max(pile_index), -1) FROM images",
        "synthetic": "SELECT count(*) FROM images WHERE source = 'synthetic'",
        "photos": "SELECT count(*) FROM images WHERE source = 'real'",
        "photos_elsewhere": "SELECT count(*) FROM images WHERE source = 'real' AND file NOT LIKE 'shards/%'",
        "twins": "SELECT count(*) FROM images WHERE twin_of IS NOT NULL",
        "instances": "SELECT count(*) FROM instances",
        "masks": "SELECT count(visible_rle) FROM instances",
        "visibility_unknown": "SELECT count(*) FROM instances WHERE visible_fraction IS NULL",
        "hidden": "SELECT count(*) FROM instances WHERE visible_px = 0",
        "labels": "SELECT count(*) FROM labels",
        "unlabelled": "SELECT count(*) FROM images ANTI JOIN labels USING (image_id)",
        "part_pairs": "SELECT count(*) FROM (SELECT DISTINCT image_id, part_id FROM instances)",
    }
    row = first_row(index, "SELECT " + ", ".join(f"({sql})" for sql in counts.values()))
    assert row is not None
    return dict(zip(counts, row, strict=True))


def _groups(index: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = ("split", "source", "images", "groups", "labels", "instances")
    rows = index.execute(
        "SELECT split, source, count(*), count(DISTINCT group_id), sum(coalesce(l.n, 0)), sum(coalesce(i.n, 0)) "
        "FROM images LEFT JOIN (SELECT image_id, count(*) AS n FROM labels GROUP BY image_id) l USING (image_id) "
        "LEFT JOIN (SELECT image_id, count(*) AS n FROM instances GROUP BY image_id) i USING (image_id) "
        "GROUP BY split, source"
    ).fetchall()
    counted = [dict(zip(names, (*row[:4], int(row[4]), int(row[5])), strict=True)) for row in rows]
    return sorted(counted, key=lambda row: (SPLITS.index(row["split"]), row["source"] != "synthetic"))


def _parts(index: duckdb.DuckDBPyConnection) -> tuple[PartFacts, ...]:
    labelled: dict[str, dict[str, int]] = {}
    for part_id, split, images in index.execute(
        "SELECT part_id, split, count(*) FROM labels JOIN images USING (image_id) GROUP BY part_id, split"
    ).fetchall():
        labelled.setdefault(part_id, {})[split] = images
    instances = dict(index.execute("SELECT part_id, count(*) FROM instances GROUP BY part_id").fetchall())
    return tuple(
        PartFacts(
            part_id,
            name,
            category,
            images={split: labelled.get(part_id, {}).get(split, 0) for split in SPLITS},
            instances=instances.get(part_id, 0),
        )
        for part_id, name, category in index.execute(
            "SELECT part_id, name, category FROM parts ORDER BY class_index"
        ).fetchall()
    )


def _together(index: duckdb.DuckDBPyConnection, parts: tuple[PartFacts, ...]) -> Together:
    """Count pairs of the parts with most labels, in the order of class_index."""
    frequent = sorted(range(len(parts)), key=lambda number: (-parts[number].total, number))[:MOST_PARTS_TOGETHER]
    part_ids = tuple(parts[number].part_id for number in sorted(frequent))
    row_of = {part_id: number for number, part_id in enumerate(part_ids)}
    counts = np.zeros((len(part_ids), len(part_ids)), dtype=np.int64)
    pairs = index.execute(
        "WITH chosen AS (FROM labels WHERE part_id IN (SELECT unnest(?))) "
        "SELECT a.part_id, b.part_id, count(*) FROM chosen a JOIN chosen b USING (image_id) GROUP BY ALL",
        [list(part_ids)],
    ).fetchall()
    for one, other, images in pairs:
        counts[row_of[one], row_of[other]] = images
    return Together(part_ids, counts)


def _visible(index: duckdb.DuckDBPyConnection) -> npt.NDArray[np.int64]:
    counts = np.zeros(VISIBLE_BINS, dtype=np.int64)
    for number, bricks in index.execute(
        f"SELECT least(floor(visible_fraction * {VISIBLE_BINS}), {VISIBLE_BINS - 1})::INTEGER AS number, count(*) "
        "FROM instances WHERE visible_fraction IS NOT NULL GROUP BY number"
    ).fetchall():
        counts[number] = bricks
    return counts


def _by(index: duckdb.DuckDBPyConnection, column: str) -> list[tuple[str, int]]:
    """Return values with their pictures, the most frequent first; pictures without a value are left out."""
    return index.execute(
        f"SELECT {column} AS value, count(*) AS images FROM images WHERE {column} IS NOT NULL GROUP BY value "
        "ORDER BY images DESC, value"
    ).fetchall()
