"""Things that are no bricks, and twins of other factors than a part: shards, index, checks, exports, old shards."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pycocotools.coco import COCO
from toy import EYE_3X4, PARTS, instance_record, make_toy_dataset, toy_picture

from core.errors import BrickbenchError
from dataset.checks import check_dataset
from dataset.database import named_rows
from dataset.dataset_folder import DatasetFolder
from dataset.export.formats import Options, export_pictures
from dataset.export.selection import select_pictures
from dataset.export.subset import make_subset
from dataset.index import open_index, rebuild_index, update_index
from dataset.manifest import Manifest
from dataset.records import ImageRecord, ThingRecord
from dataset.repair import Recorded, mend_shard
from dataset.shards import read_shard, shard_folder, write_rows, write_shard

SIZE = 32
COIN = np.zeros((SIZE, SIZE), dtype=np.bool_)
COIN[1:4, 1:5] = True


def thing(record: ImageRecord, kind: str = "coin_1_euro") -> ThingRecord:
    """Return a thing in the corner of a picture, in front of all bricks there."""
    seen = instance_record(0, "", COIN, COIN)
    return ThingRecord(
        thing_id=len(record.instances), kind=kind, box_xywh_px=seen.box_xywh_px, visible_px=seen.visible_px,
        amodal_px=seen.amodal_px, in_frame_fraction=1.0, visible_fraction=1.0, visible_rle=seen.visible_rle,
        amodal_rle=seen.amodal_rle, world_from_thing=EYE_3X4,
    )  # fmt: skip


def pictures(piles: range = range(4)) -> Iterator[tuple[ImageRecord, bytes]]:
    """Yield a picture with a coin, its twin on another floor, and its twin without the coin, of each pile."""
    for pile in piles:
        record, data = toy_picture(0, pile, size=SIZE)
        record = replace(record, instances=tuple(b for b in record.instances if b.box_xywh_px[1] > 4))
        record = replace(record, things=(thing(record),), distractors=1)
        yield record, data
        twins = {
            "floor-cloth": {"twin_mode": "changed", "twin_was": record.background, "twin_became": "cloth"},
            "thing-9": {"twin_mode": "gone", "twin_was": "coin_1_euro", "things": ()},
        }
        for name, changed in twins.items():
            image_id = f"{record.image_id}-{name}"
            twin = replace(record, image_id=image_id, file=f"images/{image_id}.png", twin_of=record.image_id,
                           twin_factor=name.partition("-")[0], **changed)  # type: ignore[arg-type]  # fmt: skip
            yield twin, data


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Manifest(seed=0, parts=PARTS).save_folder(tmp_path)
    for number in (0, 1):
        write_shard(tmp_path, number, pictures(range(4 * number, 4 * number + 4)))
    update_index(tmp_path)
    return tmp_path


def test_things_come_back_from_the_shard_and_the_index(root: Path) -> None:
    shard = read_shard(root, "000000")
    assert shard.things.num_rows == 8  # two of three pictures of a pile show the coin
    row = shard.things.to_pylist()[0]
    record = next(pictures())[0]
    expected = vars(record.things[0]) | {"image_id": record.image_id}
    assert row | {"box_xywh_px": tuple(row["box_xywh_px"]), "world_from_thing": EYE_3X4} == expected
    with open_index(root) as index:
        assert index.execute("SELECT kind, count(*) FROM things GROUP BY kind").fetchall() == [("coin_1_euro", 16)]
    rebuild_index(root)
    assert check_dataset(DatasetFolder.open(root)) == []


def test_a_shard_without_things_has_no_file_of_them(tmp_path: Path) -> None:
    make_toy_dataset(tmp_path, piles=2, size=SIZE)
    assert sorted(path.name for path in shard_folder(tmp_path, "000000").glob("*.parquet")) == [
        "images.parquet", "instances.parquet"
    ]  # fmt: skip
    assert read_shard(tmp_path, "000000").things.num_rows == 0


@pytest.mark.parametrize("damage", ["altered", "gone"])
def test_a_damaged_file_of_things_is_told(root: Path, damage: str) -> None:
    path = shard_folder(root, "000000") / "things.parquet"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    what = "cannot be read" if damage == "gone" else "was altered: its SHA-256 is not the one in images.parquet"
    with pytest.raises(BrickbenchError, match=rf"things.parquet {what}"):
        read_shard(root, "000000")


def test_what_is_wrong_with_a_thing_is_found(root: Path) -> None:
    shard = read_shard(root, "000000")
    rows = shard.things.to_pylist()
    rows[0]["visible_px"] += 1
    rows.append(rows[1] | {"thing_id": 77})
    changed = pa.Table.from_pylist(rows, schema=shard.things.schema)
    write_rows(shard_folder(root, "000000"), shard.images, shard.instances, things=changed)
    whats = {problem.what for problem in check_dataset(DatasetFolder.open(root))}
    assert any(what.startswith("the visible mask of thing") and "has 12 pixels" in what for what in whats)
    assert "the visible mask of thing 77 (coin_1_euro) covers another brick's" in whats
    stray = pa.Table.from_pylist([rows[1] | {"image_id": "nowhere"}], schema=shard.things.schema)
    write_rows(shard_folder(root, "000000"), shard.images, shard.instances, things=stray)
    found = [problem.what for problem in check_dataset(DatasetFolder.open(root), only=["000000"])]
    assert "it holds things of image 'nowhere', but not that image" in found


def test_an_index_with_other_things_than_the_shard_is_told(root: Path) -> None:
    with duckdb.connect(str(root / "index.duckdb")) as index:
        index.execute("UPDATE things SET kind = 'key' WHERE image_id = 'p000001_v00'")
    found = [(problem.image_id, problem.what) for problem in check_dataset(DatasetFolder.open(root))]
    assert found == [("p000001_v00", "its rows in the index are not those of the shard")]


def test_piles_made_again_keep_their_things_and_those_of_others(root: Path) -> None:
    before = read_shard(root, "000000")
    chosen = pc.starts_with(before.images["image_id"], "p000002")
    owners = before.images.filter(chosen)["image_id"]
    bricks = before.instances.filter(pc.is_in(before.instances["image_id"], value_set=owners))
    made = [
        (replace(record, things=tuple(replace(t, kind="key") for t in record.things)), data)
        for record, data in pictures(range(2, 3))
    ]
    mend_shard(root, 0, made, Recorded(before.images.filter(chosen), bricks))
    after = read_shard(root, "000000")
    kinds = dict(zip(after.things["image_id"].to_pylist(), after.things["kind"].to_pylist(), strict=True))
    assert {kind for name, kind in kinds.items() if name.startswith("p000002")} == {"key"}
    assert {kind for name, kind in kinds.items() if not name.startswith("p000002")} == {"coin_1_euro"}
    assert after.things["image_id"].to_pylist() == before.things["image_id"].to_pylist()
    assert after.instances.equals(before.instances)


def test_a_shard_of_an_earlier_version_is_read_with_nothing_in_what_came_later(tmp_path: Path) -> None:
    make_toy_dataset(tmp_path, piles=2, size=SIZE)
    path = shard_folder(tmp_path, "000000") / "images.parquet"
    rows = pq.read_table(path)
    later = ["twin_factor", "twin_part_id", "twin_was", "twin_became"]
    pq.write_table(rows.drop_columns(later), path, use_dictionary=False, write_page_checksum=True)
    read = read_shard(tmp_path, "000000")
    assert read.images.equals(rows.replace_schema_metadata(None))
    assert rebuild_index(tmp_path) == 1
    pq.write_table(rows.drop_columns(["width"]), path, use_dictionary=False, write_page_checksum=True)
    with pytest.raises(BrickbenchError, match=r"images.parquet has other columns than this Brickbench writes"):
        read_shard(tmp_path, "000000")


def test_part_twins_are_those_alone_from_which_a_part_is_gone(root: Path) -> None:
    with open_index(root) as index:
        assert index.execute("FROM twins").fetchall() == []
        rows = named_rows(index, "FROM factor_twins ORDER BY ALL")
    assert {(row["factor"], row["became"], row["part_id"]) for row in rows} == {
        ("floor", "cloth", None), ("thing", None, None)
    }  # fmt: skip
    assert {row["was"] for row in rows if row["factor"] == "thing"} == {"coin_1_euro"}
    assert len(rows) == 16


def test_one_query_says_how_far_the_floor_moves_a_networks_answer(root: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "index.md").read_text(encoding="utf-8")
    query = next(block for block in text.split("```sql\n")[1:] if "FROM factor_twins" in block).partition("```")[0]
    rng = np.random.default_rng(0)
    with open_index(root) as index:
        images = [row[0] for row in index.execute("SELECT image_id FROM images").fetchall()]
    logits = {(image_id, part.part_id): float(np.float32(rng.normal())) for image_id in images for part in PARTS}
    with duckdb.connect(str(root / "index.duckdb")) as index:
        for (image_id, part_id), logit in logits.items():
            index.execute("INSERT INTO predictions VALUES ('r', 'best', ?, ?, ?)", [image_id, part_id, logit])
    with open_index(root) as index:
        found = {(row["factor"], row["part_id"]): row for row in named_rows(index, query.strip().rstrip(";"))}
    assert set(found) == {(factor, part.part_id) for factor in ("floor", "thing") for part in PARTS}
    for (factor, part_id), row in found.items():
        moves = [
            abs(logit - logits[image_id.partition(f"-{factor}-")[0], part_id])
            for (image_id, of), logit in logits.items()
            if f"-{factor}-" in image_id and of == part_id
        ]
        assert row["twins"] == len(moves) == 8
        assert row["moved"] == pytest.approx(np.mean(moves), abs=1e-6)


def test_coco_has_things_as_categories_of_their_own_where_asked_for(root: Path, tmp_path: Path) -> None:
    selection = select_pictures(DatasetFolder.open(root), twins=True)
    export_pictures(selection, "coco", tmp_path / "plain")
    export_pictures(selection, "coco", tmp_path / "all", options=Options(things=True))
    coins = 0
    for path in (tmp_path / "all" / "annotations").glob("instances_*.json"):
        coco, plain = COCO(str(path)), json.loads((tmp_path / "plain" / "annotations" / path.name).read_text())
        (category,) = coco.loadCats(coco.getCatIds(supNms=["thing"]))
        assert category == {"id": len(PARTS) + 1, "name": "coin_1_euro", "supercategory": "thing"}
        assert len(plain["categories"]) == len(PARTS)
        for annotation in coco.loadAnns(coco.getAnnIds(catIds=[category["id"]])):
            np.testing.assert_array_equal(coco.annToMask(annotation), COIN)
            coins += 1
        bricks = [a for a in coco.dataset["annotations"] if a["category_id"] <= len(PARTS)]
        assert [a["bbox"] for a in bricks] == [a["bbox"] for a in plain["annotations"]]
    assert coins == 16
    with pytest.raises(BrickbenchError, match=r"Things that are no bricks go to coco only, yolo holds bricks"):
        export_pictures(selection, "yolo", tmp_path / "yolo", options=Options(things=True))


def test_a_subset_keeps_the_things_of_its_pictures(root: Path, tmp_path: Path) -> None:
    make_subset(DatasetFolder.open(root), "SELECT image_id FROM images WHERE pile_index IN (1, 6)", tmp_path / "few")
    with open_index(tmp_path / "few") as index:
        assert index.execute("SELECT count(*) FROM things").fetchall() == [(4,)]
    assert check_dataset(DatasetFolder.open(tmp_path / "few")) == []
