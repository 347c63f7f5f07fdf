"""Damage done on purpose, one kind at a time, is found and named."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from toy import PARTS, instance_record, toy_picture, toy_pictures

from core.errors import BrickbenchError
from core.files import sha256_hex
from dataset.checks import Kind, Problem, check_dataset
from dataset.dataset_folder import DatasetFolder
from dataset.index import rebuild_index, update_index
from dataset.manifest import LabelRule, Manifest
from dataset.masks import encode_mask
from dataset.records import ImageRecord, InstanceRecord
from dataset.shards import how_to_mend, read_shard, shard_folder, write_rows, write_shard


@pytest.fixture
def root(tmp_path: Path, toy_dataset: Path) -> Path:
    shutil.copytree(toy_dataset, tmp_path / "dataset")
    return tmp_path / "dataset"


def check(root: Path) -> list[Problem]:
    return check_dataset(DatasetFolder.open(root))


def words(problems: list[Problem]) -> list[tuple[str | None, str | None, str]]:
    return [(problem.shard, problem.image_id, problem.what) for problem in problems]


def test_a_whole_dataset_has_no_problem(toy_dataset: Path) -> None:
    assert check(toy_dataset) == []


def test_an_altered_byte_is_found(root: Path) -> None:
    path = shard_folder(root, "000000") / "images" / "p000011_v00.png"
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    what = "images/p000011_v00.png was altered: its SHA-256 is not the recorded one"
    assert check(root) == [Problem(Kind.PICTURE, "000000", "p000011_v00", what, how_to_mend(root, "000000"))]


def test_a_missing_image_is_found(root: Path) -> None:
    (shard_folder(root, "000000") / "images" / "p000011_v00.png").unlink()
    what = "images/p000011_v00.png cannot be read: No such file or directory"
    assert words(check(root)) == [("000000", "p000011_v00", what)]


def test_a_damaged_shard_is_found_and_the_others_still_checked(root: Path) -> None:
    write_shard(root, 1, toy_pictures(0, range(64, 66), 64))
    update_index(root)
    (shard_folder(root, "000000") / "images.parquet").write_bytes(b"")
    (shard_folder(root, "000001") / "images" / "p000064_v00.png").unlink()
    assert [(shard, image) for shard, image, _ in words(check(root))] == [
        ("000000", None),
        ("000001", "p000064_v00"),
    ]


def test_shards_missing_from_the_index_extra_in_it_and_stale(root: Path) -> None:
    shutil.rmtree(shard_folder(root, "000000"))
    write_shard(root, 1, toy_pictures(0, range(64, 66), 64))
    assert words(check(root)) == [
        ("000001", None, "the index lacks this shard"),
        ("000000", None, "the index has this shard, but its folder is gone"),
    ]
    write_shard(root, 0, toy_pictures(0, range(2), 64))
    update_index(root)
    assert words(check(root)) == [("000000", None, "the index has another version of this shard (stale)")]
    rebuild_index(root)
    assert check(root) == []


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "DELETE FROM labels WHERE image_id = 'p000003_v00'",
            "its labels in the index are not those of the label rule",
        ),
        ("INSERT INTO labels FROM labels WHERE image_id = 'p000003_v00'", "its labels in the index are not those of"),
        (
            "UPDATE contents SET bricks = 9 WHERE image_id = 'p000003_v00'",
            "its parts in the index are not those of its",
        ),
        ("UPDATE images SET split = split || 'x' WHERE pile_index = 3", "its split in the index is not that of the"),
        ("UPDATE images SET seed = 1 WHERE pile_index = 3", "its rows in the index are not those of the shard"),
        ("DELETE FROM instances WHERE image_id = 'p000003_v00' AND instance_id = 0", "its rows in the index are not"),
        ("UPDATE instances SET color_id = 5 WHERE image_id = 'p000003_v00'", "its rows in the index are not those of"),
    ],
)
def test_rows_changed_in_the_index_are_found(root: Path, sql: str, expected: str) -> None:
    with duckdb.connect(str(root / "index.duckdb")) as connection:
        connection.execute(sql)
    problems = check(root)
    assert {problem.image_id for problem in problems} == {"p000003_v00"}
    assert problems[0].what.startswith(expected)
    assert problems[0].way_out == (
        f"Run `brickbench dataset index --rebuild {root}` (index.duckdb is made anew from the shards)."
    )
    rebuild_index(root)
    assert check(root) == []


def test_a_manifest_changed_after_the_index_is_found(root: Path) -> None:
    rule = LabelRule(min_visible_px=500)
    Manifest.load_folder(root).model_copy(update={"label_rule": rule}).save_folder(root)
    assert words(check(root)) == [(None, None, "dataset.yaml or splits.parquet changed after the index was made")]
    update_index(root)
    assert check(root) == []


def test_a_part_that_the_manifest_lacks_is_no_fault_of_the_shard(root: Path) -> None:
    manifest = Manifest.load_folder(root)
    manifest.model_copy(update={"parts": manifest.parts[:2]}).save_folder(root)
    first, *_ = check(root)
    assert first == Problem(
        Kind.MANIFEST, "000000", None, "it holds part '4032', which dataset.yaml does not list",
        f"Put that part back into the list in {root / 'dataset.yaml'}, at the place where it was.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("file", "../../secret.png"),
        ("file", "images/../../secret.png"),
        ("file", "images/.."),
        ("file", "/etc/passwd"),  # only photos may lie elsewhere
        ("file", "images\\..\\secret.png"),
        ("geometry_file", "../secret.npz"),
        ("image_id", "../secret"),
        ("image_id", ".."),
    ],
)
def test_files_that_lead_out_of_the_shard_are_never_read(
    root: Path, monkeypatch: pytest.MonkeyPatch, column: str, value: str
) -> None:
    folder = shard_folder(root, "000000")
    shard = read_shard(root, "000000")
    values = [value, *shard.images[column].to_pylist()[1:]]
    number = shard.images.schema.get_field_index(column)
    changed = shard.images.set_column(number, shard.images.schema.field(column), pa.array(values, pa.string()))
    bricks = shard.instances.filter(pc.not_equal(shard.instances["image_id"], shard.images["image_id"][0]))
    write_rows(folder, changed, bricks)
    monkeypatch.setattr("dataset.checks.file_problems", lambda *_: pytest.fail("a file was read"))
    what = f"the {column} {value!r} leads out of its folder"
    assert (Kind.SHARD, "000000", what) in [(found.kind, found.shard, found.what) for found in check(root)]
    with pytest.raises(BrickbenchError, match=r"leads out of its folder. Run `brickbench dataset check --repair"):
        rebuild_index(root)


def test_an_index_in_use_is_no_problem_of_the_dataset(root: Path) -> None:
    code = f"import duckdb; c = duckdb.connect({str(root / 'index.duckdb')!r}); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BrickbenchError, match=r"is in use by another process \(process \d+\). Wait until"):
            check(root)
        holder.communicate("\n")


def test_a_missing_index_and_a_missing_run_are_problems(root: Path) -> None:
    with duckdb.connect(str(root / "index.duckdb")) as connection:
        connection.execute("INSERT INTO runs VALUES ('one', 'runs/one', NULL, NULL, NULL)")
    assert words(check(root)) == [(None, None, "the index has the run 'one', but its folder runs/one is gone")]
    (root / "index.duckdb").unlink()
    assert check(root) == [
        Problem(
            Kind.BEHIND, None, None, f"The dataset {root} has no index yet", f"Run `brickbench dataset index {root}`."
        )
    ]


def test_a_folder_that_is_no_dataset_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError, match=r"is no Brickbench dataset"):
        check(tmp_path)


def picture_with(change: Callable[[InstanceRecord], InstanceRecord]) -> tuple[ImageRecord, bytes]:
    record, data = toy_picture(0, 0, size=32)
    visible = np.zeros((32, 32), dtype=np.bool_)
    visible[4:10, 6:16] = True
    amodal = visible.copy()
    amodal[10:14, 6:16] = True
    brick = instance_record(0, "3003", visible, amodal)
    return replace(record, instances=(change(brick),)), data


LONE_PIXEL = np.zeros((32, 32), dtype=np.bool_)
LONE_PIXEL[0, 0] = True


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        (
            {"visible_px": 61, "visible_fraction": 0.61},
            ["the visible mask of brick 0 (3003) has 60 pixels, recorded are 61"],
        ),
        (
            {"amodal_px": 120, "visible_fraction": 0.5},
            ["the amodal mask of brick 0 (3003) has 100 pixels, recorded are 120"],
        ),
        ({"visible_fraction": 0.7}, ["visible_fraction of brick 0 (3003) is 0.7, its pixels give 0.6"]),
        ({"box_xywh_px": (6, 4, 9, 6)}, ["the visible mask of brick 0 (3003) leaves its box"]),
        ({"visible_rle": "0"}, ["a mask of brick 0 (3003) does not fill 32 x 32 pixels"]),
        (
            {
                "visible_rle": encode_mask(LONE_PIXEL),
                "visible_px": 1,
                "visible_fraction": 0.01,
                "box_xywh_px": (0, 0, 1, 1),
            },
            ["the visible mask of brick 0 (3003) leaves its amodal mask"],
        ),
    ],
)
def test_wrong_masks_are_found(tmp_path: Path, change: dict[str, object], expected: list[str]) -> None:
    Manifest(seed=0, parts=PARTS).save_folder(tmp_path)
    write_shard(tmp_path, 0, [picture_with(lambda brick: InstanceRecord(**(vars(brick) | change)))])
    update_index(tmp_path)
    assert [problem.what for problem in check(tmp_path)] == expected


def test_bricks_that_share_a_pixel_are_found(tmp_path: Path) -> None:
    Manifest(seed=0, parts=PARTS).save_folder(tmp_path)
    record, data = picture_with(lambda brick: brick)
    twin = replace(record.instances[0], instance_id=1)
    write_shard(tmp_path, 0, [(replace(record, instances=(record.instances[0], twin)), data)])
    update_index(tmp_path)
    what = "the visible mask of brick 1 (3003) covers another brick's"
    assert words(check(tmp_path)) == [("000000", "p000000_v00", what)]


def test_files_that_are_no_image_or_of_another_size_are_found(tmp_path: Path) -> None:
    Manifest(seed=0, parts=PARTS).save_folder(tmp_path)
    record, _ = toy_picture(0, 0, size=32)
    small = cv2.imencode(".png", np.zeros((16, 32, 3), dtype=np.uint8))[1].tobytes()
    pictures = []
    for number, data in enumerate((b"text", b"", small)):
        name = f"image{number}"
        changes = {"image_id": name, "file": f"images/{name}.png", "content_hash": sha256_hex(data)}
        pictures.append((ImageRecord(**(vars(record) | changes)), data))
    write_shard(tmp_path, 0, pictures)
    update_index(tmp_path)
    assert words(check(tmp_path)) == [
        ("000000", "image0", "images/image0.png is no image"),
        ("000000", "image1", "images/image1.png is no image"),
        ("000000", "image2", "images/image2.png is 32 x 16 pixels, recorded are 32 x 32"),
    ]
