"""A subset is a dataset like any other, with what it took unchanged."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from core.errors import BrickbenchError, SettingsError
from dataset.checks import check_dataset
from dataset.dataset_folder import DatasetFolder
from dataset.draw_splits import change_splits
from dataset.export.subset import make_subset
from dataset.index import open_index, rebuild_index
from dataset.manifest import Manifest, SplitRule
from dataset.pile_dataset import PileDataset

WOODEN = "SELECT image_id FROM images WHERE background = 'wood' OR source = 'real'"


def rows(root: Path, sql: str) -> list[Any]:
    with open_index(root) as index:
        return list(index.execute(sql).fetchall())


def problems(root: Path) -> set[tuple[str | None, str]]:
    """Return what is wrong with a dataset, which a subset of it may have too, but nothing else."""
    return {(problem.image_id, problem.what) for problem in check_dataset(DatasetFolder.open(root))}


@pytest.mark.parametrize("link", [True, False])
def test_a_subset_is_whole_and_the_same(mixed: Path, tmp_path: Path, link: bool) -> None:
    target = tmp_path / "wooden"
    summary = make_subset(DatasetFolder.open(mixed), WOODEN, target, link=link)
    assert problems(target) <= problems(mixed)
    wooden = f"WHERE image_id IN ({WOODEN})"
    for table, columns in (("images", "*"), ("instances", "*"), ("labels", "*")):
        sql = f"SELECT {columns} FROM {table} {wooden} ORDER BY ALL"
        assert rows(target, sql) == rows(mixed, sql)
        assert len(rows(target, f"FROM {table}")) == getattr(summary, table) == len(rows(mixed, sql))
    assert Manifest.load_folder(target) == Manifest.load_folder(mixed)
    assert summary.shards == 2  # the one with the twin has nothing chosen
    there, here = PileDataset(mixed, "train", with_masks=True), PileDataset(target, "train", with_masks=True)
    for index, image_id in enumerate(here.image_ids):
        other = there.image_ids.index(image_id)
        assert (here.image(index) == there.image(other)).all()
        assert here.masks(index).keys() == there.masks(other).keys()
        assert all((mask == there.masks(other)[part]).all() for part, mask in here.masks(index).items())
    stored = {path.stat().st_ino for path in (mixed / "shards").rglob("images/*")}
    assert all((path.stat().st_ino in stored) == link for path in (target / "shards").rglob("images/*"))


def test_splits_stay_whatever_the_rule_says(own_mixed: Path, tmp_path: Path) -> None:
    change_splits(DatasetFolder.open(own_mixed), SplitRule(train=0.6, val=0.2, test=0.2, seed=5), stratified=True)
    before = dict(rows(own_mixed, "SELECT image_id, split FROM images"))
    make_subset(DatasetFolder.open(own_mixed), WOODEN, tmp_path / "wooden")
    manifest = Manifest.load_folder(tmp_path / "wooden")
    manifest.model_copy(update={"split_rule": SplitRule(train=1.0, val=0.0, test=0.0)}).save_folder(tmp_path / "wooden")
    rebuild_index(tmp_path / "wooden")
    after = dict(rows(tmp_path / "wooden", "SELECT image_id, split FROM images"))
    assert after == {image_id: before[image_id] for image_id in after}


def test_twins_come_with_their_originals(mixed: Path, tmp_path: Path) -> None:
    twins = "SELECT image_id FROM images WHERE twin_of IS NOT NULL"
    with pytest.raises(BrickbenchError) as caught:
        make_subset(DatasetFolder.open(mixed), twins, tmp_path / "twins")
    assert str(caught.value) == (
        "1 of the chosen pictures are twins without their originals, such as 'p000000_v00_without_3003' of "
        "'p000000_v00'. Select their originals too, leave them out with AND twin_of IS NULL, or take them as they are "
        "with --orphans."
    )
    assert not (tmp_path / "twins").exists()
    make_subset(DatasetFolder.open(mixed), twins, tmp_path / "orphans", orphans=True)
    assert rows(tmp_path / "orphans", "SELECT image_id, twin_of FROM images") == [
        ("p000000_v00_without_3003", "p000000_v00")
    ]
    make_subset(
        DatasetFolder.open(mixed),
        f"{twins} UNION SELECT twin_of FROM images WHERE twin_of IS NOT NULL",
        tmp_path / "both",
    )
    assert check_dataset(DatasetFolder.open(tmp_path / "both")) == []
    assert len(PileDataset(tmp_path / "both", None, with_twins=True)) == 2


def test_unused_parts_can_be_left_out(mixed: Path, tmp_path: Path) -> None:
    sql = "SELECT image_id FROM images ANTI JOIN labels ON labels.image_id = images.image_id AND part_id = '4032' "
    sql += "WHERE source = 'real'"
    make_subset(DatasetFolder.open(mixed), sql, tmp_path / "all")
    assert [part.part_id for part in Manifest.load_folder(tmp_path / "all").parts] == ["3003", "3010", "4032"]
    summary = make_subset(DatasetFolder.open(mixed), sql, tmp_path / "used", drop_unused_parts=True)
    assert [part.part_id for part in Manifest.load_folder(tmp_path / "used").parts] == ["3003"]
    assert summary.parts == 1
    assert problems(tmp_path / "used") <= problems(mixed)
    assert np.array_equal(PileDataset(tmp_path / "used", "test").targets, [[1.0]])


def test_its_origin_stands_beside_it(own_mixed: Path, tmp_path: Path) -> None:
    (own_mixed / "settings.yaml").write_text("seed: 0\n")
    make_subset(DatasetFolder.open(own_mixed), WOODEN, tmp_path / "one")
    first = {"dataset": "dataset", "sql": WOODEN, "settings": {"seed": 0}}
    assert yaml.safe_load((tmp_path / "one" / "made_from.yaml").read_text()) == first
    assert not (tmp_path / "one" / "settings.yaml").exists()
    real = "SELECT image_id FROM images WHERE source = 'real'"
    make_subset(DatasetFolder.open(tmp_path / "one"), real, tmp_path / "two")
    assert yaml.safe_load((tmp_path / "two" / "made_from.yaml").read_text()) == {
        "dataset": "one", "sql": real, "made_from": first,
    }  # fmt: skip


def test_nothing_chosen_and_a_taken_folder_are_refused(mixed: Path, tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError) as caught:
        make_subset(DatasetFolder.open(mixed), "SELECT image_id FROM images WHERE false", tmp_path / "none")
    assert str(caught.value) == f"The query selects no picture of {mixed}, so there is nothing to make a dataset of."
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(SettingsError, match=r"taken should be new or empty, but there is something in it"):
        make_subset(DatasetFolder.open(mixed), WOODEN, tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_damaged_picture_is_not_taken_along(own_mixed: Path, tmp_path: Path) -> None:
    path = own_mixed / "shards" / "000000" / "images" / "p000001_v00.png"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BrickbenchError, match=r"p000001_v00.png is damaged or missing: its content is not what"):
        make_subset(DatasetFolder.open(own_mixed), WOODEN, tmp_path / "wooden")
    assert not (tmp_path / "wooden").exists()


def test_it_lives_on_without_the_dataset_it_came_from(own_mixed: Path, tmp_path: Path) -> None:
    """Links are to the files, not to the folder."""
    make_subset(
        DatasetFolder.open(own_mixed), "SELECT image_id FROM images WHERE background = 'grey'", tmp_path / "new"
    )
    shutil.rmtree(own_mixed)
    assert check_dataset(DatasetFolder.open(tmp_path / "new")) == []
