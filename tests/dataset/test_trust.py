"""Kills, two writers at once and a full disk lose no row of the index and double none."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import PARTS, toy_pictures

from dataset.checks import check_dataset
from dataset.database import INDEX_NAME
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index, rebuild_index, update_index
from dataset.manifest import Manifest
from dataset.schema import TABLES
from dataset.shards import write_shard

SHARDS = 24
PROJECT = Path(__file__).resolve().parents[2]
# Batches of one shard each, so that a merge has many steps; it starts when a line comes in.
SCRIPT = """
import resource, sys
from pathlib import Path
import dataset.intake
from core.errors import BrickbenchError
from dataset.index import rebuild_index, update_index
dataset.intake.BATCH_BYTES = 1
print("ready", flush=True)
what, limit = sys.stdin.readline().split()
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    print("merged", {"update": update_index, "rebuild": rebuild_index}[what](Path(sys.argv[1])), flush=True)
except BrickbenchError as error:
    print(error, flush=True)
"""


class Writer:
    """A process that writes the index of a dataset once it is told to."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(root)], cwd=PROJECT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def start(self, what: str, file_limit: int = 0) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what} {file_limit}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        output, _ = self.process.communicate()
        return output.strip()


@pytest.fixture(scope="module")
def unmerged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of 24 shards, the first two of them in its index."""
    root = tmp_path_factory.mktemp("trust") / "dataset"
    Manifest(seed=0, parts=PARTS).save_folder(root)
    for shard in range(SHARDS):
        write_shard(root, shard, toy_pictures(0, range(shard * 4, shard * 4 + 4), 32))
        if shard == 1:
            update_index(root)
    return root


@pytest.fixture(scope="module")
def expected(unmerged: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    root = copy(unmerged, tmp_path_factory.mktemp("expected"))
    rebuild_index(root)
    return tables(root)


def copy(root: Path, folder: Path) -> Path:
    return Path(shutil.copytree(root, folder / "dataset"))


def tables(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    with open_index(root) as index:
        return {name: index.execute(f'SELECT * FROM "{name}" ORDER BY ALL').fetchall() for name in TABLES}


def only_the_index_is_there(root: Path) -> bool:
    return sorted(path.name for path in root.iterdir()) == ["dataset.yaml", INDEX_NAME, "shards"]


@pytest.mark.slow
@pytest.mark.parametrize(("what", "kills"), [("update", 10), ("rebuild", 6)])
def test_killed_at_any_moment_and_run_again_it_is_whole(
    unmerged: Path, expected: dict[str, list[tuple[Any, ...]]], tmp_path: Path, what: str, kills: int
) -> None:
    whole = Writer(copy(unmerged, tmp_path))
    began = time.monotonic()
    whole.start(what)
    assert whole.answer().startswith("merged")
    seconds = time.monotonic() - began
    rng = np.random.default_rng(0)
    for kill, moment in enumerate(np.sort(rng.uniform(0.0, 0.9, kills)) * seconds):
        root = copy(unmerged, tmp_path / str(kill))
        writer = Writer(root)
        writer.start(what)
        time.sleep(moment)
        writer.process.send_signal(signal.SIGKILL)
        writer.answer()
        shards = len(tables(root)["shards"])
        assert shards in (2, SHARDS)  # all or nothing
        assert update_index(root) == SHARDS - shards
        assert tables(root) == expected
    rebuild_index(root)
    assert tables(root) == expected
    assert only_the_index_is_there(root)


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), [("update", "update"), ("rebuild", "update"), ("rebuild", "rebuild")])
def test_two_writers_at_once_take_turns(
    unmerged: Path, expected: dict[str, list[tuple[Any, ...]]], tmp_path: Path, one: str, other: str
) -> None:
    root = copy(unmerged, tmp_path)
    writers = [Writer(root), Writer(root)]
    for writer, what in zip(writers, (one, other), strict=True):
        writer.start(what)
    answers = [writer.answer() for writer in writers]
    assert all(answer.startswith("merged ") for answer in answers)
    if one == other == "update":
        assert sorted(answers) == ["merged 0", f"merged {SHARDS - 2}"]
    assert tables(root) == expected
    assert check_dataset(DatasetFolder.open(root)) == []
    assert only_the_index_is_there(root)


@pytest.mark.parametrize("what", ["update", pytest.param("rebuild", marks=pytest.mark.slow)])
def test_a_full_disk_leaves_the_index_as_it_was(
    unmerged: Path, expected: dict[str, list[tuple[Any, ...]]], tmp_path: Path, what: str
) -> None:
    root = copy(unmerged, tmp_path)
    before = tables(root)
    data = (root / INDEX_NAME).read_bytes()
    writer = Writer(root)
    writer.start(what, file_limit=20_000)
    answer = writer.answer()
    assert answer == (
        f"The index {root / INDEX_NAME} could not be written: File too large. Nothing in it has changed. "
        f"Free some disk, then run `brickbench dataset index {root}`."
    )
    assert tables(root) == before
    assert len(data) == (root / INDEX_NAME).stat().st_size
    assert update_index(root) == SHARDS - 2
    assert tables(root) == expected
    assert only_the_index_is_there(root)
