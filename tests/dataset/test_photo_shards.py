"""Photos beside piles: their shards, labels, splits, and datasets that an older version made."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from toy import make_toy_dataset

from core.errors import BrickbenchError
from core.files import sha256_hex
from dataset.checks import check_dataset
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index, rebuild_index, resplit, update_index
from dataset.manifest import SplitRule
from dataset.masks import encode_mask
from dataset.pile_dataset import PileDataset
from dataset.records import PhotoInstance, PhotoRecord
from dataset.schema import TABLES
from dataset.shards import list_shards, photo_shards, pile_shards, write_photo_shard
from dataset.splits import read_splits, write_splits

PHOTO_ONLY = {"group_id", "original_file", "imported_split", "split_given", "annotated_labels"}
MATRICES = {"camera_from_world", "world_from_part"}


def photo(number: int, split: str = "train", group: int | None = None) -> tuple[PhotoRecord, bytes]:
    """Return a grey 24 x 32 photo with one box and one mask."""
    data = cv2.imencode(".png", np.full((24, 32, 3), number, dtype=np.uint8))[1].tobytes()
    mask = np.zeros((24, 32), dtype=np.bool_)
    mask[2:6, 3:9] = True
    instances = (
        PhotoInstance("3003", (0, 0, 10, 10)),
        PhotoInstance("4032", (3, 2, 6, 4), int(mask.sum()), encode_mask(mask)),
    )
    image_id = f"photo-{number:016x}"
    record = PhotoRecord(
        image_id=image_id, group_id=f"photo-{number if group is None else group:016x}", file=f"images/{image_id}.png",
        width=32, height=24, content_hash=sha256_hex(data), original_file=f"kitchen/{number}.png",
        split=split, split_given=False, labels=("4032", "3003"), instances=instances,
    )  # fmt: skip
    return record, data


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    root = make_toy_dataset(tmp_path / "mixed", piles=12, size=32)
    write_photo_shard(root, 0, [photo(1), photo(2, "test", group=2), photo(3, "test", group=2)])
    assert update_index(root) == 1
    return root


def rows(root: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_index(root) as index:
        return index.execute(sql).fetchall()


def test_a_photo_is_indexed_as_it_was_annotated(mixed: Path) -> None:
    assert list_shards(mixed) == ["000000", "photo-000000"]
    assert (pile_shards(mixed), photo_shards(mixed)) == ([0], [0])
    sql = "SELECT image_id, shard, source, split, group_id, file, pile_index, background FROM images"
    photos = rows(mixed, f"{sql} WHERE source = 'real' ORDER BY ALL")
    name = "photo-0000000000000001"
    file = f"shards/photo-000000/images/{name}.png"
    assert photos[0] == (name, "photo-000000", "real", "train", name, file, None, None)
    assert [row[3] for row in photos] == ["train", "test", "test"]
    assert rows(mixed, f"SELECT part_id FROM labels WHERE image_id = '{name}' ORDER BY 1") == [("3003",), ("4032",)]
    sql = "SELECT instance_id, part_id, box_xywh_px, visible_px, amodal_px FROM instances"
    assert rows(mixed, f"{sql} WHERE image_id = '{name}' ORDER BY 1") == [
        (0, "3003", (0, 0, 10, 10), None, None),
        (1, "4032", (3, 2, 6, 4), 24, None),
    ]
    assert check_dataset(DatasetFolder.open(mixed)) == []


def test_made_anew_or_merged_it_is_the_same_index(mixed: Path) -> None:
    before = {name: rows(mixed, f'SELECT * FROM "{name}" ORDER BY ALL') for name in TABLES}
    assert rebuild_index(mixed) == 2
    assert {name: rows(mixed, f'SELECT * FROM "{name}" ORDER BY ALL') for name in TABLES} == before


def test_the_loader_tells_photos_from_renders_and_keeps_groups(mixed: Path) -> None:
    whole = PileDataset(mixed, None, with_masks=True)
    assert whole.source_is_real.sum() == 3
    photos = PileDataset(mixed, None, sources=["real"], with_masks=True)
    assert photos.image_ids == tuple(f"photo-{number:016x}" for number in (1, 2, 3))
    assert photos.groups[1] == photos.groups[2] != photos.groups[0]
    assert photos.groups.tolist() == whole.groups[whole.source_is_real].tolist()
    assert photos.image(1).tolist() == np.full((24, 32, 3), 2).tolist()
    assert photos.masks(0)["4032"].sum() == 24
    assert photos.all_bricks_mask(0).sum() == 24  # of the box nobody knows which pixels are the brick's
    with pytest.raises(BrickbenchError, match="has no photo in split 'val'"):
        PileDataset(mixed, "val", sources=["real"])
    with pytest.raises(BrickbenchError) as unknown:
        PileDataset(mixed, None, sources=["reel"])
    assert str(unknown.value) == "Unknown source 'reel' (did you mean 'real'?); known are synthetic, real."


def test_another_split_rule_moves_piles_but_no_photo(mixed: Path) -> None:
    resplit(mixed, SplitRule(train=0.0, val=1.0, test=0.0))
    assert rows(mixed, "SELECT source, split, count(*) FROM images GROUP BY ALL ORDER BY ALL") == [
        ("real", "test", 2),
        ("real", "train", 1),
        ("synthetic", "val", 12),
    ]


def test_frozen_splits_decide_for_the_groups_that_they_name(mixed: Path) -> None:
    write_splits(mixed, {"pile-00000003": "test", "photo-0000000000000002": "val"})
    with pytest.raises(BrickbenchError, match=r"dataset.yaml or splits.parquet of .* changed after its index was made"):
        PileDataset(mixed, None)
    before = dict(rows(mixed, "SELECT group_id, split FROM images"))
    assert update_index(mixed) == 0
    after = dict(rows(mixed, "SELECT group_id, split FROM images"))
    assert after == before | read_splits(mixed)
    assert check_dataset(DatasetFolder.open(mixed)) == []
    (mixed / "splits.parquet").unlink()
    update_index(mixed)
    assert dict(rows(mixed, "SELECT group_id, split FROM images")) == before
    (mixed / "splits.parquet").write_bytes(b"nothing")
    with pytest.raises(BrickbenchError, match=r"splits.parquet is damaged. Delete it and run"):
        update_index(mixed)


def test_a_label_that_the_manifest_lacks_is_named(mixed: Path) -> None:
    record, data = photo(9)
    write_photo_shard(mixed, 1, [(replace(record, labels=("9999",)), data)])
    with pytest.raises(BrickbenchError, match=r"photo-000001 cannot be used: it holds part '9999', which dataset"):
        update_index(mixed)
    assert rows(mixed, "SELECT count(*) FROM shards") == [(2,)]


def test_a_photo_that_stays_in_place_needs_an_absolute_path(tmp_path: Path) -> None:
    record, _ = photo(1)
    with pytest.raises(ValueError, match="file of a photo that stays in place should be absolute, got 'images/"):
        write_photo_shard(tmp_path, 0, [(record, None)])
    assert list_shards(tmp_path) == []
