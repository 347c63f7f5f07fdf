"""``brickbench dataset check --repair`` from the outside, with real Blender where piles are rendered again."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest
import yaml
from click.testing import CliRunner, Result
from toy import make_toy_dataset

from core.errors import BrickbenchError
from core.files import sha256_hex
from dataset.checks import check_dataset
from dataset.database import INDEX_NAME
from dataset.dataset_folder import DatasetFolder
from dataset.index import update_index
from dataset.records import PhotoInstance, PhotoRecord
from dataset.shards import shard_folder, write_photo_shard
from render.run import render_dataset
from render.settings import RenderSettings
from workflows.check import check

SETTINGS = RenderSettings(
    parts=("3001", "3020", "3039"), bricks_min=2, bricks_max=3, image_size_px=48, samples=1, distractors_max=0,
    twins="removed", twins_max=1, depth=True, piles_per_shard=2, backgrounds=("paper",), lightings=("window",),
)  # fmt: skip


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rendered") / "dataset"
    render_dataset(SETTINGS, root, count=5, seed=3, workers=1)
    return root


@pytest.fixture
def root(rendered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(rendered, tmp_path / "dataset"))


@pytest.fixture
def toy(toy_dataset: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_dataset, tmp_path / "dataset"))


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(check, [str(word) for word in words])


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name != INDEX_NAME)
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.mark.slow
def test_all_that_is_broken_in_renders_comes_back_byte_for_byte(root: Path) -> None:
    before = contents(root)
    picture = shard_folder(root, "000000") / "images" / "00000001-00.jpg"
    picture.write_bytes(picture.read_bytes()[:-1] + b"x")
    next((shard_folder(root, "000000") / "geometry").glob("00000000-00-removed-*")).unlink()
    (shard_folder(root, "000001") / "images.parquet").write_bytes(b"no parquet")
    shutil.rmtree(shard_folder(root, "000002"))
    (root / "notes.txt").write_text("mine", encoding="utf-8")
    done = call("--repair", root, "--workers", "1", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["problems"] == []
    assert [(row["shard"], row["piles"]) for row in told["repairs"]] == [
        ("000000", "0, 1"), ("000001", "all"), ("000002", "all")
    ]  # fmt: skip
    assert [row["done"] for row in told["repairs"]] == [
        f"{pictures} pictures rendered again, with the bytes that were recorded" for pictures in (4, 4, 2)
    ]
    assert contents(root) == before | {"notes.txt": b"mine"}
    assert check_dataset(DatasetFolder.open(root)) == []


@pytest.mark.slow
def test_a_shard_without_rows_and_without_index_is_made_anew(root: Path) -> None:
    before = contents(root)
    (root / INDEX_NAME).unlink()
    for shard in ("000001", "000002"):  # of the last one, which has one pile, its pictures tell
        (shard_folder(root, shard) / "instances.parquet").unlink()
    done = call("--repair", root, "--workers", "1")
    assert done.exit_code == 0, done.output
    assert "of 4 nothing was recorded to hold them against" in done.stdout
    assert "index.duckdb brought up to date" in done.stdout
    assert contents(root) == before
    assert done.stderr.splitlines()[-1] == f"{root}: nothing is wrong any more."


@pytest.mark.slow
def test_settings_that_give_other_piles_mend_nothing(root: Path) -> None:
    settings = yaml.safe_load((root / "settings.yaml").read_text(encoding="utf-8"))
    settings["seed"] = 4
    (root / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (shard_folder(root, "000000") / "images" / "00000001-00.jpg").unlink()
    before = contents(root)
    done = call("--repair", root, "--workers", "1")
    assert isinstance(done.exception, BrickbenchError)
    assert "not done: Shard 000000 of" in done.stdout
    assert "00000001-00.jpg cannot be read: No such file or directory" in done.stdout
    assert contents(root) == before


def test_settings_that_cannot_be_read_render_nothing_again(root: Path) -> None:
    (root / "settings.yaml").write_text("seed: [", encoding="utf-8")
    (shard_folder(root, "000000") / "images" / "00000001-00.jpg").unlink()
    before = contents(root)
    done = call("--repair", root, "--workers", "1")
    assert isinstance(done.exception, BrickbenchError)
    assert "not rendered again: " in done.stdout
    assert "settings.yaml" in done.stdout
    assert contents(root) == before


@pytest.mark.slow
def test_a_shard_is_made_anew_where_the_index_is_damaged_too(root: Path) -> None:
    before = contents(root)
    whole = (root / INDEX_NAME).read_bytes()
    start = 12288  # after the headers
    (root / INDEX_NAME).write_bytes(whole[:start] + bytes(255 - byte for byte in whole[start:]))
    shutil.rmtree(shard_folder(root, "000001"))
    (shard_folder(root, "000000") / "images.parquet").write_bytes(b"no parquet")
    done = call("--repair", root, "--workers", "1")
    assert "of 4 nothing was recorded to hold them against" in done.stdout
    for name in ("000000", "000002"):
        assert {path: data for path, data in contents(root).items() if f"shards/{name}/" in path} == {
            path: data for path, data in before.items() if f"shards/{name}/" in path
        }
    assert check_dataset(DatasetFolder.open(root)) == []


@pytest.mark.parametrize(
    ("sql", "was"),
    [
        ("DELETE FROM labels", "its labels in the index are not those of the label rule"),
        ("UPDATE images SET split = 'test'", "its split in the index is not that of the split rule"),
        ("UPDATE shards SET digest = 'x'", "the index has another version of this shard (stale)"),
        (
            "INSERT INTO instances SELECT * REPLACE ('ghost' AS image_id, 0 AS visible_px) FROM instances",
            "its parts in the index are not those of its bricks and labels",
        ),
    ],
)
def test_a_wrong_index_is_made_anew(toy: Path, sql: str, was: str) -> None:
    before = contents(toy)
    with duckdb.connect(str(toy / INDEX_NAME)) as connection:
        connection.execute(sql)
    done = call("--repair", toy, "--json")
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["repairs"]
    assert row["was"].startswith(was)
    assert row["done"] == "index.duckdb made anew from the shards"
    assert check_dataset(DatasetFolder.open(toy)) == []
    assert contents(toy) == before
    assert call("--repair", toy).stderr.splitlines()[-1] == f"{toy}: nothing is wrong."


def test_an_index_that_lacks_a_shard_is_brought_up_to_date(tmp_path: Path) -> None:
    root = make_toy_dataset(tmp_path / "dataset", piles=70, size=32)
    shutil.move(shard_folder(root, "000001"), tmp_path / "000001")
    (root / INDEX_NAME).unlink()
    update_index(root)
    shutil.move(tmp_path / "000001", shard_folder(root, "000001"))
    done = call("--repair", root)
    assert done.exit_code == 0
    assert "the index lacks this shard  index.duckdb brought up to date" in done.stdout


def test_piles_that_nobody_can_render_again_are_left_and_told(toy: Path) -> None:
    (shard_folder(toy, "000000") / "images" / "p000003_v00.png").unlink()
    before = contents(toy)
    done = call("--repair", toy)
    assert isinstance(done.exception, BrickbenchError)
    assert f"not rendered again: {toy} has no settings.yaml, so nobody knows how these piles were made" in done.stdout
    assert str(done.exception) == f"{toy} is not whole: 1 problem, each printed above with its way out."
    assert contents(toy) == before


def test_photos_are_not_made_again_but_named(toy: Path, tmp_path: Path) -> None:
    there = tmp_path / "kitchen.jpg"
    there.write_bytes(b"a photo")
    record = PhotoRecord(
        image_id="photo-0000000000000001", group_id="photo-1", file=str(there), width=8, height=8,
        content_hash=sha256_hex(b"a photo"), original_file="kitchen.jpg", split="train", split_given=False,
        labels=("3003",), instances=(PhotoInstance("3010", (4, 4, 8, 8)),),
    )  # fmt: skip
    write_photo_shard(toy, 0, [(record, None)])
    update_index(toy)
    there.unlink()
    done = call("--repair", toy, "--json")
    assert isinstance(done.exception, BrickbenchError)
    told = json.loads(done.stdout)
    assert told["repairs"] == []
    assert [(row["kind"], row["what"]) for row in told["problems"]] == [
        ("picture", f"{there} cannot be read: No such file or directory"),
        ("rows", "brick 0 (3010) is marked in the photo, but its part is none of the photo's labels"),
        ("rows", "the box of brick 0 (3010) leaves the picture"),
    ]
    again = (
        f"elete the folder {shard_folder(toy, 'photo-000000')}, run `brickbench dataset index --rebuild {toy}`, "
        "then `brickbench dataset import` with the same photos again."
    )
    ways = [row["way_out"] for row in told["problems"]]
    assert ways == [
        f"Put {there} back as it was when it was imported. If it is lost: d{again}", f"D{again}", f"D{again}"
    ]  # fmt: skip
