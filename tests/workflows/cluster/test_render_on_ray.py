"""A render on two Ray nodes, with everything that goes wrong there: in the end it is the dataset of a local run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import brickbench
from core.engines.on_ray import RayEngine
from core.engines.ray_fleet import STRIKES
from dataset.index import open_index
from dataset.shards import list_shards, pile_shards, write_shard
from render.run import render_dataset
from render.settings import RenderSettings
from render.worker import Made, ShardJob, render_shard
from workflows.status import read_status

pytestmark = pytest.mark.slow

ROOT = Path(brickbench.__file__).parent
TINY = RenderSettings(image_size_px=48, samples=1, bricks_max=3, piles_per_shard=2)
PILES = 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("local") / "d"
    render_dataset(TINY, root, count=PILES, seed=1, workers=1)
    return root


def content(root: Path) -> dict[str, bytes]:
    files = sorted(path for path in (root / "shards").glob("0*/**/*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def rows(root: Path) -> list[Any]:
    with open_index(root) as index:
        return index.execute("FROM instances ORDER BY image_id, instance_id").fetchall()


def crash_in_bad_pile(job: ShardJob) -> Made:
    """Render, but end the process at pile 5 as a fault in Blender would; make a shard twice; lose an answer."""
    if job.shard_index == 2 and 5 not in job.set_aside:
        from render.journal import ShardJournal

        journal = ShardJournal(job.root, job.share, job.shard_index, "cpu", job.render).__enter__()
        journal.begin_pile(4)
        journal.begin_pile(5)
        os._exit(11)
    made = render_shard(job)
    if job.shard_index == 3:
        write_shard(job.root, 3, iter(()))  # a second worker that is late: the first one's stays
    lost = job.root.parent / "lost"
    if job.shard_index == 4 and not lost.exists():
        lost.touch()
        os._exit(11)  # after the shard is written and before anybody is told
    return made


def test_a_bad_pile_is_set_aside_and_named_and_all_others_are_those_of_a_local_run(
    cluster: Any, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, engine = tmp_path / "d", RayEngine(cluster.address)
    monkeypatch.setattr("render.worker.render_shard", crash_in_bad_pile)
    plan = render_dataset(TINY, root, count=PILES, seed=1, engine=engine)
    assert list(plan.set_aside) == [5]
    assert plan.set_aside[5].startswith("its worker died at it twice (Actor")
    told = read_status(root)
    assert (told.state, told.shards_done, [one.pile for one in told.set_aside]) == ("done", 6, [5])
    made, expected = content(root), content(whole)
    assert {name for name in expected if made.get(name) != expected[name]} == {
        "shards/000002/images.parquet", "shards/000002/instances.parquet", "shards/000002/images/00000005-00.jpg"
    }  # fmt: skip
    assert rows(root) == [row for row in rows(whole) if not row[0].startswith("00000005")]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def render_when_all_have_begun(job: ShardJob) -> Made:
    """Render, but not before the node with the full disk has begun something."""
    begun = job.root.parent / "begun"
    if "TMPDIR" in os.environ:
        begun.touch()
    end = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < end:
        time.sleep(0.05)
    return render_shard(job)


def test_a_node_with_a_full_disk_fails_a_few_times_and_then_gets_no_more(
    cluster: Any, whole: Path, tmp_path: Path, full_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "d"
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr("render.worker.render_shard", render_when_all_have_begun)
    node = cluster.add_node(num_cpus=1, env_vars={"TMPDIR": str(full_disk)})
    try:
        render_dataset(TINY, root, count=PILES, seed=1, workers=3, engine=RayEngine(cluster.address))
    finally:
        cluster.remove_node(node)
    assert content(root) == content(whole)
    assert rows(root) == rows(whole)
    logs = "".join(path.read_text() for path in (root / "logs" / "shards").iterdir())
    said = f"Blender's picture in {full_disk} is not whole, and 0.0 MB are free there: make room, or let TMPDIR name"
    assert 1 <= logs.count(said) <= STRIKES


def begin(root: Path, settings: Path, address: str) -> subprocess.Popen[str]:
    words = ["render", "run", str(settings), "-o", str(root), "--count", str(PILES), "--seed", "1"]
    words += ["--engine", "ray", "--address", address]
    return subprocess.Popen([sys.executable, "-m", "brickbench", *words], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_a_driver_that_was_killed_or_told_to_stop_is_started_again_and_goes_on(
    cluster: Any, whole: Path, tmp_path: Path
) -> None:
    root, settings = tmp_path / "d", tmp_path / "render.yaml"
    TINY.save(settings)
    for which in (signal.SIGKILL, signal.SIGTERM):
        before = len(pile_shards(root))
        driver = begin(root, settings, cluster.address)
        end = time.monotonic() + 200
        while len(pile_shards(root)) == before and time.monotonic() < end:
            time.sleep(0.05)
        driver.send_signal(which)
        _, said = driver.communicate(timeout=100)
        assert driver.returncode == (-9 if which == signal.SIGKILL else 130), said
        assert "Traceback" not in said
    driver = begin(root, settings, cluster.address)
    _, said = driver.communicate(timeout=400)
    assert driver.returncode == 0, said
    assert content(root) == content(whole)
    assert rows(root) == rows(whole)
    assert sorted(path.name for path in (root / "shards").iterdir()) == list_shards(root)
