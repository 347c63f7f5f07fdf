"""A run's folder: what it says of itself, where its dataset is, which checkpoint is its best."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import BrickbenchError
from core.versions import installed_versions
from training.run.begin import LIBRARIES, code_commit
from training.run.run import Run


def test_what_an_opened_run_has(trained: Path) -> None:
    run = Run.open(trained / "runs/toy")
    assert (run.info.run_id, run.settings.epochs, [row["epoch"] for row in run.epochs]) == ("toy", 1, [1])
    assert (run.checkpoints, run.best, run.load().name) == (["epoch_0001"], "epoch_0001", "epoch_0001")
    assert run.dataset.root == trained.resolve()
    assert run.facts()["dataset_digest"] == run.info.dataset_digest
    assert run.facts()["learning_rate"] == run.settings.learning_rate


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError, match=rf"^{re.escape(str(tmp_path))} is no run: .*`brickbench train run`"):
        Run.open(tmp_path)


def test_a_dataset_moved_with_its_runs_is_found_and_one_that_is_gone_is_asked_for(
    own_trained: Path, tmp_path: Path, trained: Path
) -> None:
    assert Run.open(own_trained / "runs/toy").own_dataset == own_trained.resolve()  # not the one that it names
    alone = (own_trained / "runs/toy").rename(tmp_path / "alone")
    assert Run.open(alone).own_dataset == trained.resolve()  # the one that it names
    (alone / "run.yaml").write_text((alone / "run.yaml").read_text().replace(str(trained.resolve()), "/gone"))
    with pytest.raises(BrickbenchError, match=r"/gone of the run .*alone is gone: say where it is with -d"):
        Run.open(alone).dataset  # noqa: B018
    other = Run.open(alone, own_trained)
    assert (other.dataset.root, other.epochs[0]["epoch"]) == (own_trained, 1)


def test_a_run_says_what_it_was_made_with(own_trained: Path) -> None:
    folder = own_trained / "runs/toy"
    info = Run.open(folder).info
    assert info.versions == {"python": platform.python_version(), **installed_versions(LIBRARIES)}
    assert info.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"torch", "timm", "brickbench", "numpy"} <= set(info.versions)


def test_the_commit_is_that_of_the_checkout_which_tracks_the_code(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*words: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout.strip()

    code = tmp_path / "code.py"
    code.write_text("1\n")
    assert code_commit(code) is None
    git("init", "-q")
    (tmp_path / "other").write_text("")
    git("add", "other")
    git("commit", "-qm", "x")
    assert code_commit(code) is None  # an environment in the checkout of something else
    git("add", "code.py")
    git("commit", "-qm", "y")
    git("tag", "v1")
    assert code_commit(code) == git("rev-parse", "HEAD")
    code.write_text("2\n")
    assert code_commit(code) == git("rev-parse", "HEAD") + "-dirty"
    assert code_commit(tmp_path / "gone" / "code.py") is None
