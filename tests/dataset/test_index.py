"""The index: merged in any order it is the same, nothing is half merged, and each failure is one sentence."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy import PARTS, make_toy_dataset, toy_picture, toy_pictures

from core.errors import BrickbenchError
from dataset.index import open_index, rebuild_index, resplit, update_index
from dataset.manifest import LabelRule, Manifest, SplitRule
from dataset.schema import TABLES
from dataset.shards import list_shards, read_shard, shard_folder, write_shard
from dataset.splits import split_of

RULE = LabelRule(min_visible_fraction=0.25, min_visible_px=20)


def tables(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    with open_index(root) as index:
        return {name: index.execute(f'SELECT * FROM "{name}" ORDER BY ALL').fetchall() for name in TABLES}


def new_dataset(root: Path, rule: LabelRule = RULE) -> Path:
    Manifest(seed=0, parts=PARTS, label_rule=rule).save_folder(root)
    return root


def add_shard(root: Path, index: int, piles: int = 4) -> None:
    write_shard(root, index, toy_pictures(0, range(index * piles, (index + 1) * piles), 48, views=2))


def brute_force_labels(root: Path, rule: LabelRule) -> list[tuple[str, str]]:
    labels = set()
    for shard in list_shards(root):
        for brick in read_shard(root, shard).instances.to_pylist():
            enough = brick["visible_px"] >= rule.min_visible_px
            if enough and brick["visible_fraction"] >= rule.min_visible_fraction:
                labels.add((brick["image_id"], brick["part_id"]))
    return sorted(labels)


def test_merged_in_any_order_or_made_anew_it_is_the_same(tmp_path: Path) -> None:
    made = {}
    for name, order in {"up": (0, 1, 2), "down": (2, 1, 0)}.items():
        root = new_dataset(tmp_path / name)
        for shard in order:
            add_shard(root, shard)
            assert update_index(root) == 1
        assert update_index(root) == 0
        made[name] = tables(root)
        assert rebuild_index(root) == 3
        made[f"{name} anew"] = tables(root)
    first, *others = made.values()
    assert len(first["images"]) == 24
    assert all(other == first for other in others)
    assert sorted(path.name for path in (tmp_path / "up").iterdir()) == ["dataset.yaml", "index.duckdb", "shards"]


def test_columns_are_those_of_the_design(toy_dataset: Path) -> None:
    expected = {
        "parts": "part_id name category class_index",
        "images": "image_id source split file width height content_hash pile_index view_index seed background "
        "lighting exposure",
        "instances": "image_id instance_id part_id color_id box_xywh_px visible_px amodal_px visible_fraction "
        "visible_rle amodal_rle",
        "labels": "image_id part_id",
        "predictions": "run_id checkpoint image_id part_id logit",
        "attributions": "attribution_id run_id checkpoint image_id part_id method method_settings_hash file row "
        "seconds",
        "scores": "attribution_id metric value status chance",
    }
    with open_index(toy_dataset) as index:
        for table, columns in expected.items():
            held = {row[0] for row in index.execute(f"DESCRIBE {table}").fetchall()}
            assert set(columns.split()) <= held


def test_rows_are_those_of_the_records(toy_dataset: Path) -> None:
    record, _ = toy_picture(0, 17)
    with open_index(toy_dataset) as index:
        image = index.execute("SELECT * FROM images WHERE image_id = ?", [record.image_id])
        row = dict(zip([c[0] for c in image.description or ()], image.fetchall()[0], strict=True))
        bricks = index.execute("SELECT * FROM instances WHERE image_id = ? ORDER BY instance_id", [record.image_id])
        names = [c[0] for c in bricks.description or ()]
        rows = [dict(zip(names, values, strict=True)) for values in bricks.fetchall()]
    expected = {name: value for name, value in vars(record).items() if name not in {"instances", "things"}}
    expected |= {"file": f"shards/000000/{record.file}", "shard": "000000", "source": "synthetic"}
    assert row | expected == row
    assert rows == [{"image_id": record.image_id} | vars(brick) for brick in record.instances]
    assert (toy_dataset / row["file"]).is_file()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fraction=st.sampled_from([0.0, 0.25, 0.5, 0.8, 1.0]), pixels=st.integers(0, 400))
def test_labels_follow_the_rule(toy_dataset: Path, tmp_path: Path, fraction: float, pixels: int) -> None:
    root = tmp_path / "copy"
    if not root.exists():
        shutil.copytree(toy_dataset, root)
    rule = LabelRule(min_visible_fraction=fraction, min_visible_px=pixels)
    Manifest.load_folder(root).model_copy(update={"label_rule": rule}).save_folder(root)
    assert update_index(root) == 0  # no new shard: the labels alone are brought up to date
    assert tables(root)["labels"] == brute_force_labels(root, rule)


def test_bounds_of_the_rule_are_inclusive(tmp_path: Path) -> None:
    picture, data = toy_picture(0, 0, size=48)
    brick = picture.instances[0]
    root = new_dataset(
        tmp_path, LabelRule(min_visible_fraction=brick.visible_fraction, min_visible_px=brick.visible_px)
    )
    write_shard(root, 0, [(picture, data)])
    update_index(root)
    assert (picture.image_id, brick.part_id) in tables(root)["labels"]


def test_views_of_a_pile_stay_together_and_splits_follow_the_rule(tmp_path: Path) -> None:
    root = make_toy_dataset(tmp_path, piles=30, size=32, views=3)
    for rule in (Manifest.load_folder(root).split_rule, SplitRule(train=0.3, val=0.3, test=0.4, seed=9)):
        resplit(root, rule)
        with open_index(root) as index:
            rows = index.execute("SELECT group_id, split FROM images").fetchall()
        assert len(rows) == 90
        assert all(split == split_of(rule, group) for group, split in rows)
        assert Manifest.load_folder(root).split_rule == rule


def test_nothing_is_half_merged_when_a_shard_is_damaged(tmp_path: Path) -> None:
    root = new_dataset(tmp_path)
    add_shard(root, 0)
    update_index(root)
    before = tables(root)
    add_shard(root, 1)
    add_shard(root, 2)
    path = shard_folder(root, "000002") / "instances.parquet"
    path.write_bytes(path.read_bytes()[:100])
    for command in (update_index, rebuild_index):
        with pytest.raises(BrickbenchError, match=r"shards/000002 is damaged: instances.parquet was altered"):
            command(root)
        assert tables(root) == before
    shutil.rmtree(shard_folder(root, "000002"))
    add_shard(root, 2)
    assert update_index(root) == 2


def test_a_part_that_the_manifest_lacks_is_named(tmp_path: Path) -> None:
    Manifest(seed=0, parts=PARTS[:2]).save_folder(tmp_path)
    add_shard(tmp_path, 0)
    with pytest.raises(BrickbenchError, match=r"it holds part '4032', which dataset.yaml does not list. Put that"):
        update_index(tmp_path)
    assert not (tmp_path / "index.duckdb").exists()
    new_dataset(tmp_path)
    update_index(tmp_path)
    Manifest(seed=0, parts=PARTS[:2]).save_folder(tmp_path)
    with pytest.raises(BrickbenchError, match=r"lists no part '4032', but bricks in the pictures are of it. Put that"):
        update_index(tmp_path)


def test_an_image_in_two_shards_is_refused(tmp_path: Path) -> None:
    root = new_dataset(tmp_path)
    for shard in (4, 7):
        write_shard(root, shard, toy_pictures(0, range(2), 32))
    with pytest.raises(
        BrickbenchError, match=r"Image 'p000000_v00' is in two shards of .*, 000004 and 000007\. Delete"
    ):
        update_index(root)


def test_parts_follow_the_order_of_the_manifest(tmp_path: Path) -> None:
    root = new_dataset(tmp_path)
    add_shard(root, 0)
    update_index(root)
    Manifest.load_folder(root).model_copy(update={"parts": PARTS[::-1]}).save_folder(root)
    update_index(root)
    assert [(row[0], row[3]) for row in tables(root)["parts"]] == [("3003", 2), ("3010", 1), ("4032", 0)]


def test_opening_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError) as no_dataset:
        open_index(tmp_path)
    assert str(no_dataset.value) == (
        f"{tmp_path} is no Brickbench dataset: it has no dataset.yaml. "
        "Give the folder that `brickbench render run` or `brickbench dataset import` made."
    )
    new_dataset(tmp_path)
    with pytest.raises(BrickbenchError) as no_index:
        open_index(tmp_path)
    assert str(no_index.value) == (
        f"The dataset {tmp_path} has no index yet. Run `brickbench dataset index {tmp_path}`."
    )


def test_an_index_of_another_version_or_damaged_can_be_made_anew(tmp_path: Path) -> None:
    root = new_dataset(tmp_path)
    add_shard(root, 0)
    update_index(root)
    good = tables(root)
    file = root / "index.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("UPDATE meta SET value = '0' WHERE name = 'schema_version'")
    with pytest.raises(BrickbenchError) as other:
        open_index(root)
    assert str(other.value) == (
        f"The index {file} has schema version 0, this Brickbench reads 3. "
        f"Run `brickbench dataset index {root}`, which makes it anew."
    )
    assert update_index(root) == 1
    assert tables(root) == good
    with duckdb.connect(str(file)) as connection:
        connection.execute("DROP TABLE meta")
    with pytest.raises(BrickbenchError, match=r"has no schema version, this Brickbench reads 3"):
        open_index(file)
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(
        BrickbenchError, match=r"is damaged. Run `brickbench dataset index --rebuild .*`; that makes it"
    ):
        open_index(root)
    rebuild_index(root)
    assert tables(root) == good


def test_an_index_of_other_tables_is_made_anew(tmp_path: Path) -> None:
    root = new_dataset(tmp_path)
    add_shard(root, 0)
    update_index(root)
    good = tables(root)
    with duckdb.connect(str(root / "index.duckdb")) as connection:
        connection.execute("DROP TABLE contents")
        connection.execute("UPDATE meta SET value = 'others' WHERE name = 'tables'")
    assert update_index(root) == 1
    assert tables(root) == good


def test_an_index_in_use_is_left_alone(tmp_path: Path) -> None:
    root = new_dataset(tmp_path)
    add_shard(root, 0)
    update_index(root)
    code = f"import duckdb, sys; c = duckdb.connect({str(root / 'index.duckdb')!r}); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for command in (open_index, update_index, rebuild_index):
            with pytest.raises(BrickbenchError) as caught:
                command(root)
            assert str(caught.value) == (
                f"The index {root / 'index.duckdb'} is in use by another process (process {holder.pid}). "
                "Wait until it is done, then run this again."
            )
        holder.communicate("\n")
    with open_index(root), pytest.raises(BrickbenchError, match=r"is open elsewhere in this process. Close that"):
        update_index(root)


def test_a_read_only_index_reaches_nothing_else(toy_dataset: Path, tmp_path: Path) -> None:
    with open_index(toy_dataset) as index:
        for sql in (
            f"COPY parts TO '{tmp_path / 'parts.csv'}'",
            f"ATTACH '{tmp_path / 'other.duckdb'}'",
            "SELECT * FROM read_text('/etc/hostname')",
            "SET enable_external_access = true",
            "DELETE FROM parts",
        ):
            with pytest.raises(duckdb.Error):
                index.execute(sql)
    assert list(tmp_path.iterdir()) == []


def test_log_of_a_killed_writer_is_not_replayed_into_a_new_index(tmp_path: Path) -> None:
    root = new_dataset(tmp_path)
    add_shard(root, 0)
    update_index(root)
    good = tables(root)
    code = (
        f"import duckdb, os; c = duckdb.connect({str(root / 'index.duckdb')!r}); "
        "c.execute(\"INSERT INTO labels VALUES ('ghost', '3003')\"); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert (root / "index.duckdb.wal").exists()
    rebuild_index(root)
    assert tables(root) == good
