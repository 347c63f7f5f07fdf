"""Each view against the same question answered by a plain loop, over renders with twins and photos."""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from toy import PARTS, make_toy_dataset, toy_picture

from core.files import sha256_hex
from dataset.database import INDEX_NAME
from dataset.index import open_index, update_index
from dataset.records import PhotoInstance, PhotoRecord
from dataset.schema import VIEWS
from dataset.shards import write_photo_shard, write_shard

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_toy_dataset(tmp_path_factory.mktemp("views") / "dataset", piles=30, size=48, views=2)
    twins = []
    for pile in (64, 65):
        record, data = toy_picture(0, pile, size=48)
        left = tuple(brick for brick in record.instances if brick.part_id != "3003")
        name = f"{record.image_id}-removed-3003"
        twin = replace(
            record, image_id=name, file=f"images/{name}.png", twin_of=record.image_id, twin_mode="removed",
            removed_part_id="3003", instances=left,
        )  # fmt: skip
        twins += [(record, data), (twin, data)]
    write_shard(root, 1, twins)
    write_photo_shard(root, 0, [photo(1, ("3010",), ()), photo(2, ("3003", "4032"), ("3003",)), photo(3, (), ())])
    update_index(root)
    return root


def photo(number: int, labels: tuple[str, ...], boxed: tuple[str, ...]) -> tuple[PhotoRecord, bytes]:
    data = bytes([number])
    image_id = f"photo-{number:016x}"
    record = PhotoRecord(
        image_id=image_id, group_id=image_id, file=f"images/{image_id}.jpg", width=8, height=8,
        content_hash=sha256_hex(data), original_file=f"{number}.jpg", split="test", split_given=True, labels=labels,
        instances=tuple(PhotoInstance(part_id, (0, 0, 4, 4)) for part_id in boxed),
    )  # fmt: skip
    return record, data


def table(root: Path, sql: str) -> Rows:
    with open_index(root) as index:
        index.execute(sql)
        names = [column[0] for column in index.description or ()]
        return [dict(zip(names, row, strict=True)) for row in index.fetchall()]


def in_order(rows: Rows) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


def part_images(root: Path) -> Rows:
    bricks: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for brick in table(root, "FROM instances"):
        bricks[brick["part_id"], brick["image_id"]].append(brick["visible_fraction"])
    labels = {(row["part_id"], row["image_id"]) for row in table(root, "FROM labels")}
    images = {row["image_id"]: row for row in table(root, "FROM images")}
    rows = []
    for part_id, image_id in {*bricks, *labels}:
        image, seen = images[image_id], bricks.get((part_id, image_id), [])
        known = [fraction for fraction in seen if fraction is not None]
        rows.append(
            {"part_id": part_id, "image_id": image_id, "bricks": len(seen)}
            | {name: image[name] for name in ("file", "split", "source", "twin_of")}
            | {"best_visible_fraction": max(known, default=None)}
        )
    return rows


def test_views_have_the_columns_they_are_listed_with(root: Path) -> None:
    for view in VIEWS:
        assert tuple(row["column_name"] for row in table(root, f"DESCRIBE {view.name}")) == view.columns
        assert view.about


def test_images_of_a_part_and_those_that_show_half_of_it(root: Path) -> None:
    expected = part_images(root)
    assert in_order(table(root, "FROM part_images")) == in_order(expected)
    assert any(row["source"] == "real" and row["bricks"] == 0 for row in expected)  # a label without a box
    half = [row for row in expected if (row["best_visible_fraction"] or 0.0) >= 0.5]
    assert in_order(table(root, "FROM half_visible")) == in_order(half)
    assert 0 < len(half) < len([row for row in expected if row["source"] == "synthetic"])


def test_parts_that_occur_together(root: Path) -> None:
    labels = defaultdict(set)
    for row in table(root, "FROM labels"):
        labels[row["image_id"]].add(row["part_id"])
    expected = Counter((a, b) for parts in labels.values() for a in parts for b in parts if a != b)
    assert {(row["part_a"], row["part_b"]): row["images"] for row in table(root, "FROM part_pairs")} == expected


def test_counts_of_splits_lights_and_floors(root: Path) -> None:
    images = {row["image_id"]: row for row in table(root, "FROM images")}
    keys = ("split", "source", "lighting", "background")
    expected = Counter(tuple(image[key] for key in keys) for image in images.values())
    rows = table(root, "FROM light_floor_counts")
    assert {tuple(row[key] for key in keys): row["images"] for row in rows} == expected
    assert expected["test", "real", None, None] == 3
    assert [row["piles"] for row in rows if row["source"] == "real"] == [0]
    assert sum(row["piles"] for row in rows) == 32
    by_part = Counter(
        (row["part_id"], images[row["image_id"]]["split"], images[row["image_id"]]["source"])
        for row in table(root, "FROM labels")
    )
    rows = table(root, "FROM part_splits")
    assert {(row["part_id"], row["split"], row["source"]): row["images"] for row in rows} == by_part
    assert {row["part_id"]: row["name"] for row in rows} == {part.part_id: part.name for part in PARTS}


def test_how_much_is_seen_of_a_part(root: Path) -> None:
    rows = {row["part_id"]: row for row in table(root, "FROM part_visibility")}
    assert sorted(rows) == ["3003", "3010", "4032"]
    for part_id, row in rows.items():
        bricks = table(root, f"FROM instances WHERE part_id = '{part_id}'")
        seen = np.array([brick["visible_fraction"] for brick in bricks if brick["visible_fraction"] is not None])
        assert row["bricks"] == len(seen) < len(bricks) + (part_id != "3003")
        assert row["mean_visible_fraction"] == pytest.approx(seen.mean())
        assert row["median_visible_fraction"] == pytest.approx(np.median(seen))
        assert (row["half_visible"], row["hidden"]) == ((seen >= 0.5).sum(), (seen == 0.0).sum())


def test_twins_stand_beside_their_originals(root: Path) -> None:
    rows = sorted(table(root, "FROM twins"), key=lambda row: str(row["image_id"]))
    assert [(row["image_id"], row["twin_id"]) for row in rows] == [
        ("p000064_v00", "p000064_v00-removed-3003"), ("p000065_v00", "p000065_v00-removed-3003")
    ]  # fmt: skip
    assert {(row["removed_part_id"], row["twin_mode"]) for row in rows} == {("3003", "removed")}
    assert rows[0]["file"] == "shards/000001/images/p000064_v00.png"
    assert rows[0]["twin_file"] == "shards/000001/images/p000064_v00-removed-3003.png"


def test_views_of_an_index_without_them_or_with_others_are_made_anew(root: Path) -> None:
    before = table(root, "FROM part_pairs ORDER BY ALL")
    with duckdb.connect(str(root / INDEX_NAME)) as connection:
        connection.execute("DROP VIEW part_pairs")
        connection.execute("CREATE OR REPLACE VIEW twins AS SELECT 1 AS one")
        connection.execute("DELETE FROM meta WHERE name = 'views'")
    update_index(root)
    assert table(root, "FROM part_pairs ORDER BY ALL") == before
    assert len(table(root, "FROM twins")) == 2
