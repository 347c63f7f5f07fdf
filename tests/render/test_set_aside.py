"""Piles that cannot be made cost themselves alone, and a stop costs only the pile that is in the making."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.engine import Outcome
from core.errors import BrickbenchError
from dataset.checks import check_dataset
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index, rebuild_index
from dataset.shards import read_shard
from render import worker
from render.commands import render
from render.journal import ShardJournal
from render.pile import SettledPile
from render.run import render_dataset
from render.scene import RefusedPictureError
from render.settings import RenderSettings
from workflows.repair import repair_dataset
from workflows.status import read_status

TINY = RenderSettings(image_size_px=48, samples=1, bricks_max=2, piles_per_shard=3)


@pytest.fixture(scope="module", autouse=True)
def _blender_is_up() -> None:
    worker.start_blender(2)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_by_one(function: Any, jobs: dict[str, Any], **_: object) -> Iterator[Outcome[Any]]:
        for key, job in jobs.items():
            try:
                yield Outcome(key, function(job), None, 1)
            except (BrickbenchError, KeyboardInterrupt):
                raise
            except Exception as error:  # noqa: BLE001  as an engine does
                yield Outcome(key, None, f"{type(error).__name__}: {error}", 2)

    monkeypatch.setattr("render.run.run_items", one_by_one)


def spoil(monkeypatch: pytest.MonkeyPatch, pile: int, error: BaseException) -> list[int]:
    """Have one pile raise; return the list in which all piles that are begun are noted."""
    begun: list[int] = []
    settled_pile = worker.settled_pile

    def spoilt(settings: RenderSettings, seed: int, pile_index: int) -> SettledPile:
        begun.append(pile_index)
        if pile_index == pile:
            raise error
        return settled_pile(settings, seed, pile_index)

    monkeypatch.setattr(worker, "settled_pile", spoilt)
    return begun


def piles(root: Path) -> list[int]:
    with open_index(root) as index:
        return [row[0] for row in index.execute("SELECT DISTINCT pile_index FROM images ORDER BY 1").fetchall()]


def aside(root: Path) -> list[tuple[Any, ...]]:
    with open_index(root) as index:
        return index.execute("SELECT shard, pile_index, reason FROM set_aside ORDER BY 2").fetchall()


@pytest.mark.usefixtures("in_this_process")
def test_a_pile_that_fails_always_is_set_aside_alone_and_named_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "d"
    spoil(monkeypatch, 4, ZeroDivisionError("float division by zero"))
    said = CliRunner().invoke(render, ["run", "-o", str(root), "--count", "6", str(_saved(tmp_path))])
    assert said.exit_code == 0
    assert "1 pile could not be made; their shards are whole without them" in said.stderr
    assert "pile 4: ZeroDivisionError: float division by zero" in said.stderr
    assert piles(root) == [0, 1, 2, 3, 5]
    assert aside(root) == [("000001", 4, "ZeroDivisionError: float division by zero")]
    told = read_status(root)
    assert (told.state, told.piles_done, [one.pile for one in told.set_aside]) == ("done", 6, [4])
    assert check_dataset(DatasetFolder.open(root)) == []
    assert not list((root / "shards").glob(".*"))

    again = render_dataset(TINY, root, count=9, seed=0)
    assert again.missing == (2,)
    assert dict(again.set_aside) == {4: "ZeroDivisionError: float division by zero"}
    rebuild_index(root)
    assert [row[1] for row in aside(root)] == [4]
    with open_index(root, read_only=False) as index:
        index.execute("DELETE FROM set_aside")
    assert ["set aside" in problem.what for problem in check_dataset(DatasetFolder.open(root))] == [True]


def _saved(folder: Path) -> Path:
    TINY.save(folder / "settings.yaml")
    return folder / "settings.yaml"


@pytest.mark.usefixtures("in_this_process")
def test_where_no_pile_of_a_shard_can_be_made_the_shard_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "d"
    with monkeypatch.context() as broken:
        broken.setattr(worker, "settled_pile", lambda *_: (_ for _ in ()).throw(ValueError("no camera")))
        with pytest.raises(BrickbenchError, match="none of its 3 piles could be made; of one ValueError: no camera"):
            render_dataset(TINY, root, count=3, seed=0)
    assert not (root / "shards" / "000000").exists()
    plan = render_dataset(TINY, root, count=3, seed=0)
    assert dict(plan.set_aside) == {}
    assert piles(root) == [0, 1, 2]


@pytest.mark.usefixtures("in_this_process")
def test_a_pile_of_a_shard_that_is_gone_is_tried_again_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "d"
    with monkeypatch.context() as spoilt:
        spoil(spoilt, 4, ValueError("no camera"))
        render_dataset(TINY, root, count=6, seed=0)
    assert [one.pile for one in read_status(root).set_aside] == [4]
    shutil.rmtree(root / "shards" / "000001")
    (root / "shards" / ".000000.piles").mkdir()  # as a worker leaves it that dies when its shard is whole
    plan = render_dataset(TINY, root, count=6, seed=0)
    assert plan.missing == (1,)
    assert dict(plan.set_aside) == {}
    assert read_status(root).set_aside == []
    assert not list((root / "shards").glob(".*"))


@pytest.mark.usefixtures("in_this_process")
def test_a_pile_set_aside_at_the_end_of_a_shard_counts_where_the_dataset_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, 5, ValueError("no camera"))
    render_dataset(TINY, tmp_path / "d", count=6, seed=0)
    render_dataset(TINY, tmp_path / "d", count=9, seed=0)  # the second shard is no short one
    assert piles(tmp_path / "d") == [0, 1, 2, 3, 4, 6, 7, 8]


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_a_repair_leaves_out_what_was_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "d"
    spoil(monkeypatch, 4, ValueError("no camera"))
    render_dataset(TINY, root, count=6, seed=0)
    next((root / "shards" / "000001" / "images").glob("00000003-*")).write_bytes(b"damaged")
    _, left = repair_dataset(DatasetFolder.open(root), 1)  # in processes that know nothing of the spoilt pile
    assert left == []
    assert dict(read_shard(root, "000001").set_aside) == {4: "ValueError: no camera"}
    assert piles(root) == [0, 1, 2, 3, 5]
    (root / "shards" / "000001" / "images.parquet").unlink()  # the shard is made anew as a whole
    _, left = repair_dataset(DatasetFolder.open(root), 1)
    assert left == []
    assert dict(read_shard(root, "000001").set_aside) == {4: "ValueError: no camera"}
    assert piles(root) == [0, 1, 2, 3, 5]


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("error", [OSError("full"), MemoryError(), RefusedPictureError("blank"), RuntimeError("bpy")])
def test_what_a_machine_lacks_sets_no_pile_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    spoil(monkeypatch, 1, error)
    with pytest.raises(BrickbenchError, match=f"shard 000000 failed: {type(error).__name__}"):
        render_dataset(TINY, tmp_path / "d", count=3, seed=0)
    monkeypatch.undo()
    assert read_status(tmp_path / "d").set_aside == []


@pytest.mark.usefixtures("in_this_process")
def test_a_stop_loses_the_pile_in_the_making_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "d"
    with monkeypatch.context() as stopped:
        begun = spoil(stopped, 2, KeyboardInterrupt())
        stopped.setattr("render.run.run_items", lambda function, jobs, **_: map(function, jobs.values()))
        with pytest.raises(KeyboardInterrupt):
            render_dataset(TINY, root, count=3, seed=0)
    assert begun == [0, 1, 2]
    begun = spoil(monkeypatch, -1, ValueError())
    render_dataset(TINY, root, count=3, seed=0)
    assert begun == [2]
    render_dataset(TINY, tmp_path / "whole", count=3, seed=0)
    for name in ("images.parquet", "instances.parquet"):
        assert (root / "shards" / "000000" / name).read_bytes() == (
            tmp_path / "whole" / "shards" / "000000" / name
        ).read_bytes()
    assert not list((root / "shards").glob(".*"))


def test_a_pile_at_which_two_workers_died_is_left_out_of_a_third_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(function: Any, jobs: dict[str, Any], **_: object) -> Iterator[Outcome[Any]]:
        for key, job in jobs.items():
            if 1 in job.set_aside or job.shard_index:
                yield Outcome(key, function(job), None, 1)
                continue
            for _ in range(2):  # the attempts of an engine: each ends without a word
                journal = ShardJournal(job.root, job.share, job.shard_index, "cpu", job.render).__enter__()
                journal.begin_pile(0)
                journal.begin_pile(1)
            yield Outcome(key, None, "BrokenProcessPool: gone", 2)

    monkeypatch.setattr("render.run.run_items", dying)
    root = tmp_path / "d"
    plan = render_dataset(TINY, root, count=6, seed=0)
    assert dict(plan.set_aside) == {1: "its worker died at it twice (BrokenProcessPool: gone)"}
    assert piles(root) == [0, 2, 3, 4, 5]


def test_progress_counts_piles_of_shards_that_are_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(_function: Any, jobs: dict[str, Any], **_: object) -> Iterator[Outcome[Any]]:
        (key, job), *_rest = jobs.items()
        with ShardJournal(job.root, job.share, job.shard_index, "cpu", job.render) as journal:
            for pile in job.pile_indices:
                journal.begin_pile(pile)
            said, end = "", time.monotonic() + 120
            while "2/3 piles" not in said:
                assert time.monotonic() < end, said
                time.sleep(0.01)
                said += capsys.readouterr().err
            yield Outcome(key, worker.render_shard(job), None, 1)

    monkeypatch.setattr("render.run.run_items", slow)
    monkeypatch.setattr("render.watch.INTERVAL_S", 0.01)
    monkeypatch.setattr("core.progress.PLAIN_INTERVAL_S", 0.0)
    render_dataset(TINY, tmp_path / "d", count=3, seed=0)


def test_blenders_temporary_folder_goes_with_its_process_or_with_the_next_one(tmp_path: Path) -> None:
    root = Path(worker.__file__).parents[1]
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(root)}
    code = "from render import blender; blender.reset(1); print(blender.bpy.app.tempdir, flush=True); "
    killed = subprocess.run(
        [sys.executable, "-c", code + "import os; os._exit(9)"], env=environment, text=True, capture_output=True
    )
    assert killed.stdout.strip().startswith(str(tmp_path))
    assert list(tmp_path.iterdir())
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    assert not list(tmp_path.iterdir())
