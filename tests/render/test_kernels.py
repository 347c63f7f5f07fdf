"""What is done once on a machine: one process does it and the others wait; a failure leaves it to the next."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from render.blender import bpy
from render.devices import chosen_device, once_a_node
from render.worker import start_blender, take_first_picture


def leave_a_mark(folder: Path) -> None:
    """Take a while, and say who did it."""
    time.sleep(0.2)
    assert not list(folder.glob("ended-*"))
    (folder / f"done-{os.getpid()}").touch()


def come(folder: Path) -> None:
    once_a_node("kernels", lambda: leave_a_mark(folder), folder)
    assert list(folder.glob("done-*"))  # whoever did it: it is done when this process goes on
    (folder / f"ended-{os.getpid()}").touch()


@pytest.mark.slow
def test_of_several_processes_one_does_it_and_the_others_wait(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=come, args=(tmp_path,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert len(list(tmp_path.glob("ended-*"))) == 4
    assert len(list(tmp_path.glob("done-*"))) == 1


def test_what_failed_is_done_by_the_next(tmp_path: Path) -> None:
    done: list[int] = []

    def fail() -> None:
        raise OSError("no compiler")

    with pytest.raises(OSError, match="no compiler"):
        once_a_node("kernels", fail, tmp_path)
    once_a_node("kernels", lambda: done.append(1), tmp_path)
    once_a_node("kernels", lambda: done.append(2), tmp_path)
    once_a_node("others", lambda: done.append(3), tmp_path)
    assert done == [1, 3]


def test_no_link_is_followed(tmp_path: Path) -> None:
    once_a_node("kernels", lambda: None, tmp_path)
    (path,) = tmp_path.iterdir()
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        once_a_node("kernels", lambda: None, tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_the_first_picture_is_taken_on_a_gpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("render.worker.once_a_node", lambda name, work: asked.append(name))
    start_blender(1)
    assert asked == []
    monkeypatch.setattr("render.worker.chosen_device", lambda: "optix: Some Card")
    start_blender(1)
    assert asked == [f"kernels of Blender {bpy.app.version_string} for optix: Some Card"]


def test_the_first_picture_leaves_nothing_behind() -> None:
    start_blender(1)
    take_first_picture()
    assert (len(bpy.data.objects), len(bpy.data.lights), chosen_device()) == (0, 0, "cpu")
