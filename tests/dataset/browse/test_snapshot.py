"""Filters, counts and pages against the rows of the index, counted in plain Python."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dataset.browse.filters import FACETS, Filter
from dataset.browse.snapshot import Library, Snapshot
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index, rebuild_index, resplit, update_index
from dataset.manifest import SplitRule

COLUMNS = {
    "light": "lighting",
    "floor": "background",
    "arrangement": "arrangement",
    "source": "source",
    "split": "split",
}

FILTERS = [
    Filter(),
    Filter(parts=("3003",)),
    Filter(parts=("3003", "3010")),
    Filter(parts=("3003", "3010", "4032")),
    Filter(choices=(("light", ("flash",)),)),
    Filter(choices=(("light", ("flash", None)), ("split", ("train", "test")))),
    Filter(choices=(("source", ("real",)),)),
    Filter(choices=(("twin", ("yes",)),), parts=("4032",)),
    Filter(choices=(("arrangement", ("heap",)), ("floor", ("wood",)), ("light", ("window", "sun_sky")))),
    Filter(visible_min=0.0, visible_max=50.0),
    Filter(visible_max=80.0, parts=("3010",)),
    Filter(visible_min=100.0, parts=("3010", "4032"), choices=(("twin", ("no",)),)),
    Filter(bricks_min=2.0, bricks_max=2.0),
    Filter(bricks_min=3.0, parts=("3003",), choices=(("split", ("val",)),)),
    Filter(bricks_max=0.0),
    Filter(visible_min=40.0, visible_max=30.0),
]


class Rows:
    """The rows of an index as Python values."""

    def __init__(self, root: Path) -> None:
        with open_index(root) as index:
            names = [column[0] for column in index.execute("DESCRIBE images").fetchall()]
            rows = index.execute("SELECT * FROM images ORDER BY image_id").fetchall()
            self.images: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
            self.bricks = index.execute("SELECT image_id, part_id, visible_fraction FROM instances").fetchall()
            self.labels = set(index.execute("SELECT image_id, part_id FROM labels").fetchall())

    def value(self, image: dict[str, Any], facet: str) -> Any:
        return ("yes" if image["twin_of"] else "no") if facet == "twin" else image[COLUMNS[facet]]

    def has_part(self, image: dict[str, Any], part_id: str | None, wanted: Filter) -> bool:
        if not wanted.by_visibility:
            return part_id is None or (image["image_id"], part_id) in self.labels
        low, high = wanted.visible_min or 0.0, 100.0 if wanted.visible_max is None else wanted.visible_max
        return any(
            image_id == image["image_id"] and part_id in (None, part) and seen is not None and low <= seen * 100 <= high
            for image_id, part, seen in self.bricks
        )

    def matches(self, image: dict[str, Any], wanted: Filter, free: str | None = None) -> bool:
        count = sum(image_id == image["image_id"] for image_id, *_ in self.bricks)
        return (
            (wanted.bricks_min is None or count >= wanted.bricks_min)
            and (wanted.bricks_max is None or count <= wanted.bricks_max)
            and all(self.value(image, facet) in values for facet, values in wanted.choices if facet != free)
            and all(self.has_part(image, part_id, wanted) for part_id in wanted.parts or (None,))
        )


@pytest.fixture(scope="module")
def rows(mixed: Path) -> Rows:
    return Rows(mixed)


@pytest.fixture(scope="module")
def snapshot(mixed: Path) -> Snapshot:
    return Snapshot(DatasetFolder.open(mixed))


@pytest.mark.parametrize("wanted", FILTERS)
def test_a_filter_lets_through_what_it_says(snapshot: Snapshot, rows: Rows, wanted: Filter) -> None:
    expected = [place for place, image in enumerate(rows.images) if rows.matches(image, wanted)]
    assert snapshot.positions(wanted).tolist() == expected
    tiles = snapshot.tiles(expected)
    assert [tile.image_id for tile in tiles] == [rows.images[place]["image_id"] for place in expected]


@pytest.mark.parametrize("wanted", FILTERS)
def test_counts_say_how_many_each_value_would_leave(snapshot: Snapshot, rows: Rows, wanted: Filter) -> None:
    counts = snapshot.counts(wanted)
    for facet in FACETS:
        expected = Counter(rows.value(image, facet) for image in rows.images if rows.matches(image, wanted, free=facet))
        assert {snapshot.values[facet][code]: count for code, count in counts[facet].items()} == expected
    left = [image for image in rows.images if rows.matches(image, wanted)]
    expected_parts = {
        part.part_id: sum(rows.has_part(image, part.part_id, wanted) for image in left) for part in snapshot.parts
    }
    found = {part.part_id: counts["part"].get(code, 0) for code, part in enumerate(snapshot.parts)}
    assert found == expected_parts


def test_filters_of_the_test_tell_pictures_apart(snapshot: Snapshot) -> None:
    sizes = [len(snapshot.positions(wanted)) for wanted in FILTERS]
    assert sizes[0] == snapshot.size == 152
    assert all(0 < size < snapshot.size for size in sizes[1:-1])
    assert sizes[-1] == 0


def test_tiles_know_what_the_index_knows(snapshot: Snapshot, rows: Rows) -> None:
    for place, image in enumerate(rows.images):
        tile = snapshot.tile(image["image_id"])
        assert tile is not None
        assert (tile.position, tile.file, tile.content_hash) == (place, image["file"], image["content_hash"])
        assert (tile.source, tile.split, tile.is_twin) == (image["source"], image["split"], bool(image["twin_of"]))
        assert set(tile.part_ids) == {part for image_id, part in rows.labels if image_id == image["image_id"]}
        assert tile.bricks == sum(image_id == image["image_id"] for image_id, *_ in rows.bricks)
    for unknown in ("", "p", "zzz", "p000064_v0", "'; DROP TABLE pictures"):
        assert snapshot.tile(unknown) is None


def test_values_are_sorted_with_what_is_not_recorded_last(snapshot: Snapshot) -> None:
    assert snapshot.values["light"] == ("flash", "flat", "sun_sky", "window", None)
    assert snapshot.values["twin"] == ("no", "yes")


def test_the_index_is_free_for_writers_and_its_changes_are_seen(own_mixed: Path) -> None:
    library = Library(DatasetFolder.open(own_mixed))
    first, notice = library.current()
    assert notice is None
    assert library.current()[0] is first
    resplit(own_mixed, SplitRule(train=0.0, val=1.0, test=0.0))  # DuckDB would refuse were the file held
    second, notice = library.current()
    assert notice is None
    assert second is not first
    renders = Filter(choices=(("source", ("synthetic",)), ("split", ("train",))))
    assert "train" in second.values["split"]
    assert len(second.positions(renders)) == 0 < len(first.positions(renders))
    rebuild_index(own_mixed)
    assert library.current()[0] is not second


def test_while_the_index_cannot_be_read_its_former_state_stays(own_mixed: Path) -> None:
    library = Library(DatasetFolder.open(own_mixed))
    first, _ = library.current()
    (own_mixed / "index.duckdb").unlink()
    same, notice = library.current()
    assert same is first
    assert notice == (
        "The index has changed and cannot be read now, so this is its former state. "
        f"The dataset {own_mixed} has no index yet. Run `brickbench dataset index {own_mixed}`."
    )
    update_index(own_mixed)
    fresh, notice = library.current()
    assert fresh is not first
    assert notice is None
    assert [len(fresh.positions(wanted)) for wanted in FILTERS] == [len(first.positions(wanted)) for wanted in FILTERS]


def test_positions_are_paged_without_gaps(snapshot: Snapshot) -> None:
    positions = snapshot.positions(Filter()).tolist()
    pages = [snapshot.tiles(positions[start : start + 7]) for start in range(0, len(positions), 7)]
    assert [tile.position for tile in itertools.chain(*pages)] == positions
