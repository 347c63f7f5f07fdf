"""Shards as version 0.7 wrote them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy import toy_pictures

from core.errors import BrickbenchError
from dataset.shards import read_shard, shard_folder, write_shard

NEW = ("camera_fx_px", "camera_fy_px", "camera_cx_px", "camera_cy_px", "camera_distortion", "camera_turn_deg_per_s")


def make_older(root: Path, *, drop: tuple[str, ...] = ()) -> None:
    """Write shard 0 with one focal length in place of a whole lens."""
    write_shard(root, 0, toy_pictures(0, range(4), 32))
    file = shard_folder(root, "000000") / "images.parquet"
    table = pq.read_table(file)
    focal = table["camera_fx_px"]
    place = table.schema.get_field_index("camera_fx_px")
    older = table.add_column(place, pa.field("camera_focal_px", pa.float64()), focal).drop_columns([*NEW, *drop])
    pq.write_table(older, file, use_dictionary=False, write_page_checksum=True)


def test_an_older_camera_has_its_axis_in_the_middle_and_no_distortion(tmp_path: Path) -> None:
    write_shard(tmp_path / "new", 0, toy_pictures(0, range(4), 32))
    make_older(tmp_path / "old")
    older, now = (read_shard(tmp_path / name, "000000").images for name in ("old", "new"))
    assert older.schema == now.schema
    for row, expected in zip(older.to_pylist(), now.to_pylist(), strict=True):
        assert row == expected | {"camera_turn_deg_per_s": None}  # nobody recorded it


def test_a_shard_that_lacks_what_every_picture_has_is_refused(tmp_path: Path) -> None:
    make_older(tmp_path, drop=("content_hash",))
    with pytest.raises(BrickbenchError, match=r"images\.parquet has other columns than this Brickbench writes"):
        read_shard(tmp_path, "000000")
