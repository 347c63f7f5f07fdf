"""Finished piles of a shard that is not whole: they come back as they were, or not at all."""

from dataclasses import replace
from pathlib import Path

from core.files import sha256_hex
from dataset.kept_piles import KeptPiles
from dataset.records import ImageRecord, InstanceRecord
from dataset.shards import list_shards

MATRIX = tuple(0.1 * k for k in range(12))
BRICK = InstanceRecord(0, "3001", 4, (1, 2, 3, 4), 10, 12, 1.0, 10 / 12, "abc", "abd", MATRIX)
RECORD = ImageRecord(
    image_id="00000007-00", group_id="pile-7", file="images/00000007-00.jpg", width=8, height=8,
    content_hash=sha256_hex(b"picture"), geometry_file=None, pile_index=7, view_index=0, twin_of=None, twin_mode=None,
    removed_part_id=None, seed=0, attempts=1, arrangement="heap", distractors=0, background="wood", lighting="sun",
    exposure=0.1 + 0.2, sensor_gain=1.0, jpeg_quality=None, camera_aperture_mm=2.0, camera_fx_px=9.0, camera_fy_px=9.0,
    camera_cx_px=3.5, camera_cy_px=3.5, camera_distortion=(0.0,) * 5, camera_turn_deg_per_s=(0.0,) * 3,
    camera_from_world=MATRIX, camera_azimuth_deg=1 / 3, camera_elevation_deg=2.0, camera_distance_mm=3.0,
    instances=(BRICK, replace(BRICK, instance_id=1)),
)  # fmt: skip


def test_pictures_come_back_as_they_were(tmp_path: Path) -> None:
    kept = KeptPiles(tmp_path, 3)
    pictures = [(RECORD, b"picture"), (replace(RECORD, view_index=1, geometry_file="geometry/x.npz"), b"x", b"depth")]
    assert kept.read(7) is None
    kept.keep(7, pictures)
    assert kept.read(7) == pictures
    assert KeptPiles(tmp_path, 4).read(7) is None
    assert list_shards(tmp_path) == []
    kept.clear()
    assert kept.read(7) is None


def test_a_damaged_file_counts_as_not_there(tmp_path: Path) -> None:
    kept = KeptPiles(tmp_path, 3)
    kept.keep(7, [(RECORD, b"picture" * 100)])
    (file,) = tmp_path.rglob("*.parquet")
    whole = file.read_bytes()
    for at in range(0, len(whole), 97):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert kept.read(7) in (None, [(RECORD, b"picture" * 100)])
        file.write_bytes(whole[:at])
        assert kept.read(7) is None
