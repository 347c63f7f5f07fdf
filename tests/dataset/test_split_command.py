"""``brickbench dataset split``: what it draws, keeps, shows and writes."""

import csv
import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.errors import BrickbenchError, SettingsError
from core.files import sha256_hex
from dataset.commands import split
from dataset.dataset_folder import DatasetFolder
from dataset.draw_splits import change_splits, draw_stratified
from dataset.index import open_index, rebuild_index, update_index
from dataset.manifest import Manifest, SplitRule
from dataset.records import PhotoRecord
from dataset.shards import write_photo_shard
from dataset.splits import SPLITS, read_splits

RULE = SplitRule(train=0.6, val=0.2, test=0.2, seed=3)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(split, [str(word) for word in words])


def photo(number: int, group: int, label: str, given: str | None) -> tuple[PhotoRecord, bytes]:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (number, 7 * number % 256, 100)).save(file, "PNG")
    data = file.getvalue()
    image_id = f"photo-{sha256_hex(data)[:16]}"
    record = PhotoRecord(
        image_id=image_id, group_id=f"photo-{group:016x}", file=f"images/{image_id}.png", width=8, height=6,
        content_hash=sha256_hex(data), original_file=f"{number}.png", split=given or "train",
        split_given=given is not None, labels=(label,), instances=(),
    )  # fmt: skip
    return record, data


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, make_toy: Callable[..., Path]) -> Path:
    """30 piles of 2 views, 40 photos in pairs, and two photos whose source gave their splits, which differ."""
    root = make_toy(tmp_path_factory.mktemp("split") / "dataset", piles=30, views=2)
    parts = ("3003", "3010")
    photos = [photo(number, number // 2, parts[number % 8 < 2], None) for number in range(40)]
    photos += [photo(40, 100, "4032", "train"), photo(41, 100, "4032", "val"), photo(42, 100, "4032", None)]
    write_photo_shard(root, 0, photos)
    update_index(root)
    return root


@pytest.fixture
def root(shared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shared, tmp_path / "dataset"))


def groups(root: Path) -> dict[str, tuple[str, str]]:
    """Return (source, split) of each group; none may be in two splits."""
    with open_index(root) as index:
        rows = index.execute("SELECT DISTINCT group_id, source, split FROM images ORDER BY ALL").fetchall()
    found = {group: (source, split) for group, source, split in rows}
    assert len(found) == len(rows)
    return found


def test_each_source_and_label_has_its_shares(root: Path) -> None:
    change_splits(DatasetFolder.open(root), RULE, stratified=True)
    with open_index(root) as index:
        rows = index.execute(
            "SELECT source, part_id, split, count(*) FROM images JOIN labels USING (image_id) "
            "WHERE group_id <> 'photo-0000000000000064' GROUP BY ALL"
        ).fetchall()
        sizes = index.execute("SELECT source, split, count(*) FROM images GROUP BY ALL").fetchall()
    totals = {(source, part): sum(row[3] for row in rows if row[:2] == (source, part)) for source, part, *_ in rows}
    for source, part, split_name, count in rows:
        assert abs(count - getattr(RULE, split_name) * totals[source, part]) <= 3, (source, part, split_name)
    for source, split_name, count in sizes:
        total = {"synthetic": 60, "real": 43}[source]
        assert abs(count - getattr(RULE, split_name) * total) <= 3, (source, split_name)


def test_the_file_the_index_and_a_rebuilt_index_agree(root: Path) -> None:
    assert change_splits(DatasetFolder.open(root), RULE, stratified=True)
    drawn = {group: split_name for group, (_, split_name) in groups(root).items()}
    assert read_splits(root) == drawn == draw_stratified(DatasetFolder.open(root), RULE)
    rebuild_index(root)
    assert {group: split_name for group, (_, split_name) in groups(root).items()} == drawn
    assert Manifest.load_folder(root).split_rule == RULE
    assert not change_splits(DatasetFolder.open(root), RULE, stratified=True)  # the same again
    before = (root / "splits.parquet").read_bytes()
    change_splits(DatasetFolder.open(root), RULE.model_copy(update={"seed": 4}), stratified=True)
    assert (root / "splits.parquet").read_bytes() != before


def test_given_splits_stay_unless_they_are_to_be_redrawn(root: Path) -> None:
    """One photo of the group was given to train, one to val: all of it goes to val."""
    change_splits(DatasetFolder.open(root), SplitRule(train=0.0, val=0.0, test=1.0), stratified=True)
    found = groups(root)
    assert found.pop("photo-0000000000000064") == ("real", "val")
    assert {split_name for _, split_name in found.values()} == {"test"}
    change_splits(DatasetFolder.open(root), SplitRule(train=0.0, val=0.0, test=1.0), stratified=True, redraw_given=True)
    assert {split_name for _, split_name in groups(root).values()} == {"test"}


def test_hashed_undoes_it(root: Path) -> None:
    rule = Manifest.load_folder(root).split_rule
    with open_index(root) as index:
        before = index.execute("SELECT image_id, split FROM images ORDER BY ALL").fetchall()
    assert change_splits(DatasetFolder.open(root), RULE, stratified=True)
    done = call(root, "--hashed", "--seed", str(rule.seed))
    assert done.exit_code == 0, done.exception
    assert not (root / "splits.parquet").exists()
    with open_index(root) as index:
        assert index.execute("SELECT image_id, split FROM images ORDER BY ALL").fetchall() == before


def test_keep_draws_only_what_is_new(root: Path) -> None:
    change_splits(DatasetFolder.open(root), RULE, stratified=True)
    before = read_splits(root)
    write_photo_shard(root, 1, [photo(number, number, "3003", None) for number in range(50, 100)])
    change_splits(DatasetFolder.open(root), RULE, stratified=True, keep=True)
    after = read_splits(root)
    assert {group: after[group] for group in before} == before
    new = [after[group] for group in after.keys() - before.keys()]
    assert len(new) == 50
    photos = [name for source, name in groups(root).values() if source == "real"]
    assert {name: new.count(name) for name in SPLITS} != {"train": 50, "val": 0, "test": 0}
    assert len(photos) == 71


def test_shares_do_nothing_while_the_file_decides(root: Path) -> None:
    change_splits(DatasetFolder.open(root), RULE, stratified=True)
    done = call(root, "--train", "1", "--val", "0", "--test", "0")
    assert isinstance(done.exception, SettingsError)
    assert str(done.exception) == (
        f"{root / 'splits.parquet'} decides over the splits, not the shares. "
        "Add --stratified to draw it anew with these, or --hashed to remove it."
    )
    assert Manifest.load_folder(root).split_rule == RULE
    done = call(root, "--train", "1", "--val", "0", "--test", "0", "--hashed")
    assert done.exit_code == 0
    with open_index(root) as index:
        assert index.execute("SELECT DISTINCT split FROM images WHERE source = 'synthetic'").fetchall() == [("train",)]


def test_the_table_tells_how_labels_are_spread(root: Path) -> None:
    """Worked by hand: 4032 in 3 photos of one group, which all lie in val; the renders' shares follow from counts."""
    rows: list[dict[str, Any]] = json.loads(call(root, "--stratified", "--json").stdout)
    assert [row["split"] for row in rows] == list(SPLITS)
    assert sum(row["images"] for row in rows) == 103
    assert sum(row["photos"] for row in rows) == 43
    assert sum(row["groups"] for row in rows) == 30 + 20 + 1
    with open_index(root) as index:
        counts = index.execute(
            "SELECT split, part_id, count(*) FROM labels JOIN images USING (image_id) GROUP BY ALL"
        ).fetchall()
    table = {(split_name, part): count for split_name, part, count in counts}
    for row in rows:
        shares = [
            table.get((row["split"], part), 0) / sum(table.get((other, part), 0) for other in SPLITS)
            for part in ("3003", "3010", "4032")
        ]
        assert row["smallest_share"] == pytest.approx(min(shares))
        assert row["largest_share"] == pytest.approx(max(shares))
        assert row["missing_labels"] == []
    call(root, "--hashed", "--train", "1", "--val", "0", "--test", "0")
    train, _, test = json.loads(call(root, "--json").stdout)
    assert (train["smallest_share"], test["largest_share"]) == (pytest.approx(1 - test["largest_share"], abs=1), 0.0)
    assert test["missing_labels"] == ["3003", "3010", "4032"]
    assert "3003, 3010, 4032" in call(root).stdout


def test_export_writes_every_picture_once_and_overwrites_nothing(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "splits.csv"
    done = call(root, "--stratified", "--export", file)
    assert done.exit_code == 0, done.exception
    assert done.stderr.splitlines()[-1] == f"{file}: 103 pictures."
    with file.open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["image_id", "file", "source", "group_id", "split"]
    with open_index(root) as index:
        expected = index.execute("SELECT image_id, file, source, group_id, split FROM images ORDER BY 1").fetchall()
    assert [tuple(row) for row in rows[1:]] == expected
    again = call(root, "--export", file)
    assert isinstance(again.exception, SettingsError)
    assert str(again.exception) == f"{file} is there already. Name another file, or delete that one."


def test_a_full_disk_is_said_and_changes_nothing(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_splits(DatasetFolder.open(root), RULE, stratified=True)
    before = (root / "splits.parquet").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for words, file in (
        (("--stratified", "--seed", "8"), root / "splits.parquet"),
        (("--export", str(tmp_path / "new.csv")), tmp_path / "new.csv"),
    ):
        done = call(root, *words)
        assert isinstance(done.exception, BrickbenchError)
        assert str(done.exception) == (
            f"Cannot write {file}: No space left on device. It is as it was; mend that and run this again."
        )
    assert (root / "splits.parquet").read_bytes() == before
    assert Manifest.load_folder(root).split_rule == RULE
    assert not (tmp_path / "new.csv").exists()


def test_runs_are_warned_of_only_if_something_moved(root: Path) -> None:
    warning = "Runs trained before learned from other piles: do not test them on this split."
    (root / "runs" / "one").mkdir(parents=True)
    (root / "runs" / "one" / "run.yaml").write_text("run_id: one")
    rebuild_index(root)
    assert warning in call(root, "--stratified", "--seed", "9").stderr
    assert warning not in call(root, "--stratified").stderr
    assert warning not in call(root).stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--hashed", "--stratified"), "--hashed and --stratified exclude each other."),
        (("--keep",), "--keep and --redraw-given belong to --stratified."),
        (("--redraw-given", "--hashed"), "--keep and --redraw-given belong to --stratified."),
    ],
)
def test_options_that_do_not_go_together(shared: Path, words: tuple[str, ...], message: str) -> None:
    done = call(shared, *words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_kill_between_file_and_index_is_told_and_mended(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataset import draw_splits
    from dataset.pile_dataset import PileDataset

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(draw_splits, "resplit", killed)
        with pytest.raises(KeyboardInterrupt):
            change_splits(DatasetFolder.open(root), RULE, stratified=True)
    with pytest.raises(BrickbenchError, match=r"splits.parquet of .* changed after its index was made"):
        PileDataset(root, "train")
    change_splits(DatasetFolder.open(root), RULE, stratified=True)
    assert {group: name for group, (_, name) in groups(root).items()} == read_splits(root)
    assert np.isin(list(read_splits(root).values()), SPLITS).all()
