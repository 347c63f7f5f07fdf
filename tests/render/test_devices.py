"""What Cycles computes on: the processor always works, and a GPU that is not there is told in one sentence."""

from pathlib import Path
from typing import Any

import pytest

from core.engine import Crew
from core.errors import BrickbenchError
from render.blender import bpy
from render.commands import run
from render.devices import DEVICES, best_device, choose_device, count_gpus, require_device
from render.run import render_dataset
from render.settings import RenderSettings
from render.worker import start_blender


def test_without_a_gpu_the_processor_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("render.devices._gpus", lambda back_end: [])
    start_blender(2)
    assert bpy.context.scene.cycles.device == "CPU"
    choose_device("auto")
    assert bpy.context.scene.cycles.device == "CPU"
    assert (best_device(), count_gpus("auto"), count_gpus("cpu")) == ("cpu", 0, 0)


def test_the_best_of_the_back_ends_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"cuda": ["card", "card"], "hip": ["other"]}
    monkeypatch.setattr("render.devices._gpus", lambda back_end: there.get(back_end, []))
    assert best_device() == "cuda"
    assert (count_gpus("auto"), count_gpus("cuda"), count_gpus("hip"), count_gpus("optix")) == (2, 2, 1, 0)
    there["optix"] = ["card"]
    assert (best_device(), count_gpus("auto")) == ("optix", 1)


@pytest.mark.parametrize(("asked", "expected"), [(None, 4), (1, 1)])
def test_two_workers_share_a_gpu_unless_the_user_said_how_many(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: int | None, expected: int
) -> None:
    crews = []

    class StopError(Exception):
        pass

    class Engine:
        is_here = True
        title = "none"

        def crew(self, workers: int | None, _items: int) -> Crew:
            crews.append(workers)
            raise StopError

    monkeypatch.setattr("render.devices._gpus", lambda back_end: ["card"] * 2 if back_end == "optix" else [])
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(64)))
    engine: Any = Engine()
    with pytest.raises(StopError):
        render_dataset(RenderSettings(), tmp_path / "piles", count=1, seed=0, workers=asked, engine=engine)
    assert crews == [expected]


def test_a_variable_that_hides_gpus_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("render.devices._gpus", lambda back_end: [])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(BrickbenchError) as caught:
        require_device("optix")
    assert str(caught.value) == (
        "Cycles finds no GPU for --device optix on this machine. It has none of the others either; "
        "CUDA_VISIBLE_DEVICES is empty, which hides GPUs: give --worker-gpus on Ray, or unset it."
    )


def test_the_command_knows_all_devices() -> None:
    (option,) = [parameter for parameter in run.params if parameter.name == "device"]
    assert tuple(option.type.choices) == DEVICES  # type: ignore[attr-defined]


def test_a_device_that_is_not_there_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    start_blender(2)
    found = bpy.context.preferences.addons["cycles"].preferences.get_devices_for_type("METAL")
    assert not found  # nothing runs Metal where these tests run
    with pytest.raises(BrickbenchError) as caught:
        require_device("metal")
    assert str(caught.value).startswith("Cycles finds no GPU for --device metal on this machine. It has ")
    assert str(caught.value).endswith("; use --device auto or cpu, or mend the driver.")
    with pytest.raises(BrickbenchError, match="for --device metal"):
        choose_device("metal")
    with pytest.raises(BrickbenchError, match="for --device metal"):
        render_dataset(RenderSettings(), tmp_path / "piles", count=1, seed=0, device="metal")
    assert not (tmp_path / "piles").exists()


def test_of_several_gpus_a_worker_takes_the_one_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    class Card:
        def __init__(self, kind: str) -> None:
            self.type, self.use = kind, True

    start_blender(2)
    cards = [Card("METAL"), Card("METAL"), Card("METAL")]
    monkeypatch.setattr("render.devices._gpus", lambda back_end: cards if back_end == "cuda" else [])
    try:
        for number in (7, 1, 0, 2):
            monkeypatch.setattr("render.devices.worker_number", lambda number=number: number)
            choose_device("cuda")
            assert [card.use for card in cards] == [number % 3 == k for k in range(3)]
        assert bpy.context.scene.cycles.device == "GPU"
        assert bpy.context.scene.cycles.denoising_use_gpu
        with pytest.raises(
            BrickbenchError, match=r"for --device hip on this machine. It has cuda; use --device auto or cpu"
        ):
            require_device("hip")
    finally:
        start_blender(2)
    assert bpy.context.scene.cycles.device == "CPU"
