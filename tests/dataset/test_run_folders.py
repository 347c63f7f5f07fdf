"""Runs in the index: what their folders hold, replaced whole, kept when the index is made anew."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from core.errors import BrickbenchError
from dataset.index import merge_run, open_index, rebuild_index

RUN_TABLES = ("runs", "predictions", "attributions", "scores")


@pytest.fixture
def root(tmp_path: Path, make_toy: Callable[..., Path]) -> Path:
    return make_toy(tmp_path / "dataset", piles=3, size=32)


def make_run(folder: Path, run_id: str, images: int = 3) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    run = {"run_id": run_id, "model": "bricknet", "settings_digest": "abc", "seed": 5, "classes": ["3003"]}
    (folder / "run.yaml").write_text(yaml.safe_dump(run))
    keys = [
        {"run_id": run_id, "checkpoint": "epoch_0001", "image_id": f"p{i:06d}_v00", "part_id": "3003"}
        for i in range(images)
    ]
    write(
        folder / "predictions/val.parquet",
        [key | {"logit": 0.5 * i, "extra": "kept out"} for i, key in enumerate(keys)],
    )
    method = {"method": "gradcam", "method_settings_hash": "d1", "file": "attributions/gradcam-d1/000000.npy"}
    maps = [key | method | {"attribution_id": f"{run_id}/{i}", "row": i, "seconds": 0.25} for i, key in enumerate(keys)]
    write(folder / "attributions/gradcam-d1/000000.parquet", maps)
    write(folder / "attributions/.gradcam-d2.99.tmp/000000.parquet", maps)  # of a killed worker
    scores = [
        {
            "attribution_id": row["attribution_id"],
            "metric": "energy",
            "value": None,
            "status": "zero_mass",
            "chance": 0.1,
        }
        for row in maps
    ]
    write(folder / "scores/a.parquet", scores)
    return folder


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def run_rows(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    with open_index(root) as index:
        return {name: index.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in RUN_TABLES}


def test_rows_of_a_run_are_those_of_its_files(root: Path) -> None:
    merge_run(root, make_run(root / "runs" / "one", "one"))
    rows = run_rows(root)
    assert rows["runs"] == [("one", "runs/one", "bricknet", "abc", 5)]
    assert rows["predictions"][2] == ("one", "epoch_0001", "p000002_v00", "3003", 1.0)
    assert rows["attributions"][1] == (
        "one/1", "one", "epoch_0001", "p000001_v00", "3003", "gradcam", "d1", "attributions/gradcam-d1/000000.npy",
        1, 0.25,
    )  # fmt: skip
    assert rows["scores"][0] == ("one", "one/0", "energy", None, "zero_mass", 0.1)
    assert [len(rows[name]) for name in RUN_TABLES] == [1, 3, 3, 3]


def test_answers_for_pictures_of_another_dataset_stay_out(root: Path) -> None:
    run = make_run(root / "runs" / "one", "one")
    with open_index(root) as index:
        (there,) = index.execute("SELECT content_hash FROM images WHERE image_id = 'p000001_v00'").fetchall()[0]
    keys = {"run_id": "one", "checkpoint": "epoch_0001", "part_id": "3003"}
    rows = [
        keys | {"image_id": f"p{i:06d}_v00", "logit": 9.0 + i, "content_hash": there if i == 1 else "of another"}
        for i in range(3)
    ]
    write(run / "predictions/test-of-other.parquet", rows)
    merge_run(root, run)
    assert [row[4] for row in run_rows(root)["predictions"]] == [0.0, 0.5, 10.0, 1.0]


def test_a_run_is_replaced_whole_and_alone(root: Path) -> None:
    merge_run(root, make_run(root / "runs" / "one", "one"))
    merge_run(root, make_run(root / "runs" / "two", "two"))
    merge_run(root, make_run(root / "runs" / "one", "one", images=1))
    assert [len(run_rows(root)[name]) for name in RUN_TABLES] == [2, 4, 4, 4]


def test_runs_are_kept_when_the_index_is_made_anew(root: Path, tmp_path: Path) -> None:
    merge_run(root, make_run(root / "runs" / "one", "one"))
    merge_run(root, make_run(tmp_path / "elsewhere", "two"))
    before = run_rows(root)
    assert before["runs"][1][1] == str(tmp_path / "elsewhere")
    rebuild_index(root)
    assert run_rows(root) == before
    shutil.rmtree(tmp_path / "elsewhere")
    rebuild_index(root)
    assert [row[0] for row in run_rows(root)["runs"]] == ["one"]


def test_a_run_that_was_moved_replaces_itself_and_a_copy_is_refused(root: Path, tmp_path: Path) -> None:
    first = make_run(tmp_path / "first", "one")
    merge_run(root, first)
    shutil.copytree(first, tmp_path / "copy")
    with pytest.raises(BrickbenchError) as caught:
        merge_run(root, tmp_path / "copy")
    assert str(caught.value) == (
        f"The index of {root} already has a run 'one', in {first}. "
        f"Names of runs must differ: rename {tmp_path / 'copy'} and its run_id in run.yaml."
    )
    shutil.rmtree(first)
    merge_run(root, tmp_path / "copy")
    assert run_rows(root)["runs"][0][1] == str(tmp_path / "copy")


def test_damaged_files_are_named_and_nothing_is_half_replaced(root: Path) -> None:
    run = make_run(root / "runs" / "one", "one")
    merge_run(root, run)
    before = run_rows(root)
    path = run / "scores" / "b.parquet"
    path.write_bytes(b"PAR1 cut")
    with pytest.raises(BrickbenchError) as caught:
        merge_run(root, run)
    assert str(caught.value) == f"{path} is damaged. Delete that file and run the command that made it again."
    write(path, [{"attribution_id": "one/0"}])
    with pytest.raises(BrickbenchError, match=r"b.parquet lacks the column 'metric'. Delete that file and run"):
        merge_run(root, run)
    path.unlink()
    write(
        run / "predictions" / "other.parquet",
        [dict.fromkeys(("checkpoint", "image_id", "part_id"), "x") | {"run_id": "two", "logit": 1.0}],
    )
    with pytest.raises(BrickbenchError, match=r"other.parquet holds rows of run 'two', but lies in run 'one'. Move it"):
        merge_run(root, run)
    assert run_rows(root) == before


def test_a_folder_that_is_no_run_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError) as caught:
        merge_run(root, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is no run: it has no run.yaml. Give a folder that `brickbench train run` made."
    )
    (tmp_path / "run.yaml").write_text("- a list")
    with pytest.raises(BrickbenchError, match=r"run.yaml should hold `name: value` lines. Mend or delete that run."):
        merge_run(root, tmp_path)
