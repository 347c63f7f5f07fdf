"""Shards mended with pictures made again: what was right stays byte for byte, what was wrong comes back."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy import PARTS, instance_record, toy_picture, toy_pictures

from core.files import sha256_hex
from dataset.manifest import Manifest
from dataset.records import ImageRecord
from dataset.repair import Mended, OtherLabelsError, Recorded, clear_repairs, mend_shard, piles_of
from dataset.schema import IMAGES_SCHEMA, INSTANCES_SCHEMA
from dataset.shards import list_shards, pack_arrays, read_shard, shard_folder, write_shard

SIZE = 32
NOTHING = Recorded(IMAGES_SCHEMA.empty_table(), INSTANCES_SCHEMA.empty_table())
Made = tuple[ImageRecord, bytes]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a dataset of one shard of six piles with two views each, and a file of the user's."""
    Manifest(seed=0, parts=PARTS).save_folder(tmp_path)
    write_shard(tmp_path, 0, toy_pictures(0, range(6), SIZE, views=2))
    (folder(tmp_path) / "notes.txt").write_text("mine", encoding="utf-8")
    return tmp_path


def folder(root: Path) -> Path:
    return shard_folder(root, "000000")


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def recorded(root: Path, piles: range) -> Recorded:
    shard = read_shard(root, "000000")
    wanted = [image_id for image_id in shard.images["image_id"].to_pylist() if int(image_id[1:7]) in piles]
    images = [image_id in wanted for image_id in shard.images["image_id"].to_pylist()]
    bricks = [image_id in wanted for image_id in shard.instances["image_id"].to_pylist()]
    return Recorded(shard.images.filter(images), shard.instances.filter(bricks))


def other_bytes(record: ImageRecord, data: bytes) -> Made:
    """Return the picture as another machine might make it."""
    return replace(record, content_hash=sha256_hex(data + b" ")), data + b" "


@pytest.mark.parametrize("damage", ["alter", "delete", "empty"])
def test_a_broken_picture_comes_back_and_all_else_is_untouched(root: Path, damage: str) -> None:
    before = contents(root)
    others = {path: path.stat() for path in folder(root).rglob("*") if path.is_file()}
    picture = folder(root) / "images" / "p000003_v01.png"
    if damage == "alter":
        picture.write_bytes(picture.read_bytes()[:-1] + b"x")
    elif damage == "delete":
        picture.unlink()
    else:
        picture.write_bytes(b"")
    record = recorded(root, range(3, 4))
    assert mend_shard(root, 0, toy_pictures(0, range(3, 4), SIZE, views=2), record) == Mended(2, 0, 0)
    assert contents(root) == before
    del others[picture]
    assert all(path.stat() == stat for path, stat in others.items())  # not even written again


def test_lost_depth_comes_back(tmp_path: Path) -> None:
    record, data = toy_picture(0, 0, size=SIZE)
    record = replace(record, geometry_file=f"geometry/{record.image_id}.npz")
    depth = pack_arrays({"depth_m": np.ones((SIZE, SIZE), dtype=np.float32)})
    write_shard(tmp_path, 0, [(record, data, depth)])
    before = contents(tmp_path)
    (folder(tmp_path) / record.geometry_file).unlink()
    (folder(tmp_path) / "geometry").rmdir()
    assert mend_shard(tmp_path, 0, [(record, data, depth)], recorded(tmp_path, range(1))).pictures == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize("damage", ["images.parquet", "instances.parquet", "all"])
def test_a_shard_without_its_rows_is_made_anew_as_it_was(root: Path, damage: str) -> None:
    before, record = contents(root), recorded(root, range(6))
    if damage == "all":
        for path in sorted(folder(root).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder(root).rmdir()
        del before["shards/000000/notes.txt"]
    else:
        (folder(root) / damage).write_bytes(b"no parquet")
    pictures = toy_pictures(0, range(6), SIZE, views=2)
    assert mend_shard(root, 0, pictures, record, keep_rows=False) == Mended(12, 0, 0)
    assert contents(root) == before


def test_wrong_rows_are_replaced_and_those_of_other_piles_stay(tmp_path: Path) -> None:
    right = tmp_path / "right"
    write_shard(right, 0, toy_pictures(0, range(4), SIZE))
    wrong = tmp_path / "wrong"
    mask = np.ones((SIZE, SIZE), dtype=np.bool_)
    pictures = list(toy_pictures(0, range(4), SIZE))
    pictures[2] = (replace(pictures[2][0], instances=(instance_record(0, "3003", mask, mask),)), pictures[2][1])
    write_shard(wrong, 0, pictures)
    assert mend_shard(wrong, 0, toy_pictures(0, range(2, 3), SIZE), NOTHING) == Mended(1, 0, 1)
    assert contents(wrong) == contents(right)


def test_other_bytes_with_the_same_labels_are_taken_and_counted(root: Path) -> None:
    before, old = contents(root), read_shard(root, "000000")
    pictures = [other_bytes(*made) for made in toy_pictures(0, range(2, 3), SIZE, views=2)]
    (folder(root) / "images" / "p000002_v00.png").unlink()
    assert mend_shard(root, 0, pictures, recorded(root, range(2, 3))) == Mended(2, 2, 0)
    new = read_shard(root, "000000")
    assert new.instances.equals(old.instances)
    assert new.images.drop_columns(["content_hash"]).equals(old.images.drop_columns(["content_hash"]))
    changed = {name for name, data in contents(root).items() if before[name] != data}
    assert changed == {f"shards/000000/{name}" for name in
                       ("images.parquet", "images/p000002_v00.png", "images/p000002_v01.png")}  # fmt: skip
    for row in new.images.to_pylist():
        assert sha256_hex((folder(root) / row["file"]).read_bytes()) == row["content_hash"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda made: (replace(made[0], instances=made[0].instances[:-1]), made[1]), "with other labels than recorded"),
        (lambda made: (replace(made[0], image_id="p9", file="images/p9.png"), made[1]), "without the picture 'p000000"),
    ],
)
def test_other_labels_are_refused_and_nothing_is_changed(
    root: Path, change: Callable[[Made], Made], expected: str
) -> None:
    (folder(root) / "images" / "p000000_v00.png").unlink()
    before = contents(root)
    first, *rest = toy_pictures(0, range(1), SIZE, views=2)
    pictures = [change(first), *rest]
    with pytest.raises(OtherLabelsError) as caught:
        mend_shard(root, 0, pictures, recorded(root, range(1)))
    assert str(caught.value).startswith(f"Shard 000000 of {root} came out {expected}")
    assert str(caught.value).endswith("Repair it with the version that did; nothing in the shard was changed.")
    assert contents(root) == before


def test_a_failure_on_the_way_leaves_the_shard_as_it_is(root: Path) -> None:
    before = contents(root)

    def broken() -> object:
        yield from toy_pictures(0, range(1), SIZE)
        raise RuntimeError("the renderer crashed")

    with pytest.raises(RuntimeError, match="the renderer crashed"):
        mend_shard(root, 0, broken(), NOTHING, keep_rows=False)  # type: ignore[arg-type]
    assert contents(root) == before


@pytest.mark.parametrize("came_back", [False, True])
def test_a_shard_that_was_being_replaced_is_not_lost(root: Path, came_back: bool) -> None:
    before = contents(root)
    aside = folder(root).with_name(".000000.replaced")
    if came_back:  # killed after the new one was in place
        aside.mkdir()
        (aside / "images.parquet").write_bytes(b"old")
    else:  # killed between the two renames
        folder(root).rename(aside)
        (root / f".repair-{2**22 + 1}").mkdir()  # no such process
        assert list_shards(root) == []
    clear_repairs(root)
    assert contents(root) == before
    assert sorted(path.name for path in root.iterdir()) == ["dataset.yaml", "shards"]
    assert [path.name for path in (root / "shards").iterdir()] == ["000000"]


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
sys.path.insert(0, "tests/dataset")
from test_repair import replace_all
print("ready", flush=True)
sys.stdin.readline()
replace_all(Path(sys.argv[1]))
"""


def replace_all(root: Path) -> None:
    pictures = (other_bytes(*made) for made in toy_pictures(0, range(6), SIZE, views=2))
    mend_shard(root, 0, pictures, NOTHING, keep_rows=False)


@pytest.mark.slow
def test_killed_at_any_moment_it_is_the_old_shard_or_the_new(root: Path) -> None:
    old = contents(root)
    began = time.monotonic()
    replace_all(root)
    seconds = time.monotonic() - began
    new = contents(root)
    assert new != old
    for moment in np.random.default_rng(0).uniform(0.0, 1.0, 6) * seconds:
        for name, data in old.items():
            (root / name).write_bytes(data)
        assert contents(root) == old
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(root)], cwd=Path(__file__).resolve().parents[2], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(moment)
        process.kill()
        process.communicate()
        clear_repairs(root)
        assert contents(root) in (old, new)
        replace_all(root)
        assert contents(root) == new


def test_piles_of_pictures(root: Path) -> None:
    images = read_shard(root, "000000").images
    assert piles_of(images, ["p000004_v01", "p000001_v00", "p000004_v00"]) == [1, 4]
    assert piles_of(images, []) == []
