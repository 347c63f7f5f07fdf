"""What the grid needs of an index, copied into memory: pictures, labels and visible shares by number.

DuckDB lets a file be written only while no other process has it open. A page that is open for hours must not keep
`dataset index` or `train predict` waiting, so the file is held only while it is copied (0.5 s for 100,000 pictures)
and for some milliseconds when one picture is looked at. The copy is taken anew when the file changes.
"""

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import BrickbenchError
from dataset.browse.cache import Cache
from dataset.browse.facets import Counts, count_values, where
from dataset.browse.filters import FACETS, Filter
from dataset.database import index_path
from dataset.dataset_folder import DatasetFolder

FILTERS_KEPT = 32  # 0.4 MB each at 100,000 pictures
TILES_KEPT = 4096  # those of some 60 pages, so that their thumbnails need no query each

_COLUMNS = {
    "light": "lighting",
    "floor": "background",
    "arrangement": "arrangement",
    "source": "source",
    "split": "split",
    "twin": "CASE WHEN twin_of IS NULL THEN 'no' ELSE 'yes' END",
}
_PICTURES = (
    "SELECT image_id, file, content_hash, width, height, coalesce(bricks, 0)::INTEGER AS bricks, "
    + ", ".join(f'{column} AS "{facet}"' for facet, column in _COLUMNS.items())
    + " FROM images LEFT JOIN (SELECT image_id, count(*) AS bricks FROM instances GROUP BY image_id) USING (image_id) "
    "ORDER BY image_id"
)
_NUMBERED = (
    "WITH numbered AS (SELECT image_id, (row_number() OVER (ORDER BY image_id) - 1)::INTEGER AS position FROM images) "
)


@dataclass(frozen=True)
class Part:
    """One part of the dataset; its place in `Snapshot.parts` is its class_index."""

    part_id: str
    name: str


@dataclass(frozen=True)
class Tile:
    """One picture in the grid."""

    position: int
    image_id: str
    file: str
    content_hash: str
    width: int
    height: int
    bricks: int
    source: str
    split: str
    is_twin: bool
    part_ids: tuple[str, ...]
    """Its labels."""


class Snapshot:
    """The pictures of an index at one moment, filtered and paged by SQL in memory; close it, best with ``with``.

    Attributes:
        version: differs whenever the index file does.
        parts: the parts, in the order of class_index.
        values: the values of each facet that occur, None last where the index has none.
        size: the number of pictures.
    """

    def __init__(self, dataset: DatasetFolder) -> None:
        """Copy what the grid needs; raises BrickbenchError if the index cannot be opened."""
        self.version = index_version(dataset.root)
        with dataset.index() as index:
            pictures = _arrow(index, _PICTURES)
            labels = _arrow(
                index,
                f"{_NUMBERED} SELECT position, class_index AS part FROM labels JOIN numbered USING (image_id) "
                "JOIN parts USING (part_id) ORDER BY position, part",
            )
            bricks = _arrow(
                index,
                f"{_NUMBERED} SELECT position, class_index AS part, visible_fraction AS visible FROM instances "
                "JOIN numbered USING (image_id) JOIN parts USING (part_id) ORDER BY position",
            )
            parts = index.execute("SELECT part_id, name FROM parts ORDER BY class_index").fetchall()
        self.parts = tuple(Part(*row) for row in parts)
        self.size = pictures.num_rows
        self.values: dict[str, tuple[str | None, ...]] = {}
        for facet in FACETS:
            pictures = self._encode(pictures, facet)
        pictures = pictures.append_column("position", pa.array(np.arange(self.size, dtype=np.int32)))
        self._memory = duckdb.connect(":memory:")
        for name, table in (("pictures", pictures), ("labels", labels), ("bricks", bricks)):
            self._memory.register("incoming", table)
            self._memory.execute(f"CREATE TABLE {name} AS FROM incoming")
            self._memory.unregister("incoming")
        self._image_ids = pictures.column("image_id").combine_chunks()  # sorted
        self._tiles: Cache[Tile] = Cache(TILES_KEPT)
        self._positions: Cache[npt.NDArray[np.int32]] = Cache(FILTERS_KEPT)
        self._counts: Cache[Counts] = Cache(FILTERS_KEPT)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Free the copy."""
        self._memory.close()

    def positions(self, wanted: Filter) -> npt.NDArray[np.int32]:
        """Return the positions of the pictures that `wanted` lets through, (N,) int32, ascending."""
        return self._positions.get(wanted, lambda: self._find(wanted))

    def counts(self, wanted: Filter) -> Counts:
        """Return how many pictures each part and each value of a facet would leave."""
        return self._counts.get(wanted, lambda: count_values(self._memory.cursor(), wanted, self._codes(wanted)))

    def tiles(self, positions: Sequence[int]) -> list[Tile]:
        """Return the pictures at some positions, in the order of their positions."""
        with self._memory.cursor() as cursor:
            rows = cursor.execute(
                "SELECT position, image_id, file, content_hash, width, height, bricks, source, split, twin, parts "
                "FROM pictures LEFT JOIN (SELECT position, list(part ORDER BY part) AS parts FROM labels "
                "WHERE position IN (SELECT unnest($1::INTEGER[])) GROUP BY position) USING (position) "
                "WHERE position IN (SELECT unnest($1::INTEGER[])) ORDER BY position",
                [[int(position) for position in positions]],
            ).fetchall()
        return [self._tiles.get(row[0], partial(self._tile, *row)) for row in rows]

    def tile(self, image_id: str) -> Tile | None:
        """Return the picture `image_id`, None if there is none."""
        place = bisect_left(range(self.size), image_id, key=lambda position: str(self._image_ids[position]))
        if place == self.size or str(self._image_ids[place]) != image_id:
            return None
        return self._tiles.get(place, lambda: self.tiles([place])[0])

    def _tile(self, *row: Any) -> Tile:
        *as_they_are, source, split, twin, parts = row
        names = self.values["source"][source] or "", self.values["split"][split] or ""
        part_ids = tuple(self.parts[part].part_id for part in parts or ())
        values: list[Any] = [*as_they_are, *names, self.values["twin"][twin] == "yes", part_ids]
        return Tile(*values)

    def _find(self, wanted: Filter) -> npt.NDArray[np.int32]:
        condition, parameters = where(wanted, self._codes(wanted))
        with self._memory.cursor() as cursor:
            found = cursor.execute(f"SELECT position FROM pictures WHERE {condition} ORDER BY position", parameters)
            return np.asarray(found.fetchnumpy()["position"], dtype=np.int32)

    def _codes(self, wanted: Filter) -> dict[str, list[int]]:
        """Return the codes of the parts and values that `wanted` names."""
        codes = {facet: [self.values[facet].index(value) for value in values] for facet, values in wanted.choices}
        part_ids = [part.part_id for part in self.parts]
        return codes | {"part": [part_ids.index(part_id) for part_id in wanted.parts]}

    def _encode(self, pictures: pa.Table, facet: str) -> pa.Table:
        """Return the table with the values of `facet` as codes, their places in `values`."""
        values = sorted(pictures.column(facet).unique().to_pylist(), key=lambda value: (value is None, value))
        self.values[facet] = tuple(values)
        codes = pc.index_in(pictures.column(facet), value_set=pa.array(values, pa.string())).cast(pa.uint16())
        return pictures.set_column(pictures.schema.get_field_index(facet), facet, codes)


class Library:
    """The newest snapshot of a dataset's index that could be taken."""

    def __init__(self, dataset: DatasetFolder) -> None:
        """Take the first snapshot; raises BrickbenchError if the index cannot be opened."""
        self._dataset = dataset
        self._snapshot = Snapshot(dataset)
        self._lock = threading.Lock()

    def current(self) -> tuple[Snapshot, str | None]:
        """Return a snapshot, and a sentence if it is not of the index as it is now."""
        with self._lock:
            try:
                if index_version(self._dataset.root) != self._snapshot.version:
                    self._snapshot = Snapshot(self._dataset)  # the old one goes when the last request lets it go
            except BrickbenchError as error:
                notice = f"The index has changed and cannot be read now, so this is its former state. {error}"
                return self._snapshot, notice
        return self._snapshot, None


def _arrow(index: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return index.sql(sql).to_arrow_table()


def index_version(root: Path) -> str:
    """Return a text that differs when the index file was written or replaced.

    Raises:
        BrickbenchError: there is no index.
    """
    status = index_path(root).stat()
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"
