"""Shards are whole or not there, and come back as they were written."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from toy import toy_picture, toy_pictures

from core.errors import BrickbenchError
from dataset.records import ImageRecord
from dataset.schema import IMAGES_SCHEMA, INSTANCES_SCHEMA
from dataset.shards import list_shards, read_shard, shard_folder, write_shard


def test_rows_and_files_come_back(tmp_path: Path) -> None:
    pictures = list(toy_pictures(0, range(5), 32))
    write_shard(tmp_path, 3, iter(pictures))
    assert shard_folder(tmp_path, "000003") == tmp_path / "shards" / "000003"
    shard = read_shard(tmp_path, "000003")
    for row, (record, data) in zip(shard.images.to_pylist(), pictures, strict=True):
        lists = ("camera_from_world", "camera_distortion", "camera_turn_deg_per_s")
        assert row | {name: tuple(row[name]) for name in lists} == {
            name: getattr(record, name, "synthetic" if name == "source" else None) for name in IMAGES_SCHEMA.names
        }
        assert (shard_folder(tmp_path, "000003") / row["file"]).read_bytes() == data
    bricks = [(record.image_id, brick) for record, _ in pictures for brick in record.instances]
    for row, (image_id, brick) in zip(shard.instances.to_pylist(), bricks, strict=True):
        assert row["image_id"] == image_id
        for name in INSTANCES_SCHEMA.names[1:]:
            value = tuple(row[name]) if isinstance(row[name], list) else row[name]
            assert value == getattr(brick, name)


def test_equal_pictures_make_equal_shards(tmp_path: Path) -> None:
    for root in (tmp_path / "a", tmp_path / "b"):
        write_shard(root, 0, toy_pictures(0, range(3), 32))
    assert read_shard(tmp_path / "a", "000000").digest == read_shard(tmp_path / "b", "000000").digest


def test_a_shard_without_pictures_is_a_shard(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, [])
    assert list_shards(tmp_path) == ["000000"]
    assert read_shard(tmp_path, "000000").images.num_rows == 0


def test_leftovers_of_killed_workers_do_not_count(tmp_path: Path) -> None:
    assert list_shards(tmp_path) == []
    for index in (12, 2, 1_000_000):
        write_shard(tmp_path, index, [])
    (tmp_path / "shards" / ".000007.tmp" / "host-4711" / "images").mkdir(parents=True)
    (tmp_path / "shards" / "notes").mkdir()
    (tmp_path / "shards" / "000009").write_text("a file")
    assert list_shards(tmp_path) == ["000002", "000012", "1000000"]


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def breaks() -> Iterator[tuple[ImageRecord, bytes]]:
        yield toy_picture(0, 0, size=32)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match=r"killed"):
        write_shard(tmp_path, 0, breaks())
    assert list((tmp_path / "shards").iterdir()) == []


def test_a_shard_that_is_there_stays(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, toy_pictures(0, range(2), 32))
    before = read_shard(tmp_path, "000000").digest
    write_shard(tmp_path, 0, toy_pictures(1, range(4), 32))
    assert read_shard(tmp_path, "000000").digest == before
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["000000"]


def test_records_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    record, data = toy_picture(0, 0, size=32)
    with pytest.raises(ValueError, match=r"content_hash of image 'p000000_v00' is not that of its bytes"):
        write_shard(tmp_path, 0, [(record, data + b"!")])
    with pytest.raises(ValueError, match=r"file should be images/NAME.EXT, got '../x.png'"):
        write_shard(tmp_path, 0, [(replace(record, file="../x.png"), data)])
    with pytest.raises(ValueError, match=r"image 'p000000_v00' .* comes twice"):
        write_shard(tmp_path, 0, [(record, data), (replace(record, file="images/other.png"), data)])
    with pytest.raises(ValueError, match=r"the number of a shard should be 0 or more, got -1"):
        write_shard(tmp_path, -1, [])
    assert list_shards(tmp_path) == []


def drop_seal(folder: Path) -> None:
    """Make images.parquet one that an earlier Brickbench wrote, without the digest of the other file."""
    rows = pq.read_table(folder / "images.parquet").replace_schema_metadata(None)
    pq.write_table(rows, folder / "images.parquet", use_dictionary=False, write_page_checksum=True)


@pytest.mark.parametrize("name", ["images.parquet", "instances.parquet"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_damaged_file_names_the_shard_and_the_way_out(
    tmp_path: Path, name: str, damage: str, is_sealed: bool
) -> None:
    write_shard(tmp_path, 0, toy_pictures(0, range(6), 32))
    if not is_sealed:
        drop_seal(shard_folder(tmp_path, "000000"))
    path = shard_folder(tmp_path, "000000") / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:  # byte 100 is inside a page of data: its checksum tells
        path.write_bytes(
            data[: len(data) // 2] if damage == "cut" else data[:100] + bytes([data[100] ^ 1]) + data[101:]
        )
    with pytest.raises(BrickbenchError) as caught:
        read_shard(tmp_path, "000000")
    folder = tmp_path / "shards" / "000000"
    is_read = not is_sealed or name == "images.parquet" or damage == "gone"
    what = "cannot be read" if is_read else "was altered: its SHA-256 is not the one in images.parquet"
    assert str(caught.value) == (
        f"Shard {folder} is damaged: {name} {what}. Run `brickbench dataset check --repair {tmp_path}`, which "
        "renders again what is broken."
    )
