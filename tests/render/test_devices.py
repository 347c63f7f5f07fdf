"""What Cycles computes on: the processor always works, and a GPU that is not there is told in one sentence."""

from pathlib import Path

import pytest

from core.errors import BrickbenchError
from render.blender import bpy
from render.commands import run
from render.devices import DEVICES, choose_device, require_device
from render.run import render_dataset
from render.settings import RenderSettings
from render.worker import start_blender


def test_the_processor_is_the_default() -> None:
    start_blender(2)
    assert bpy.context.scene.cycles.device == "CPU"


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
    assert str(caught.value).endswith("; use --device cpu, or mend the driver.")
    with pytest.raises(BrickbenchError, match="for --device metal"):
        choose_device("metal")
    with pytest.raises(BrickbenchError, match="for --device metal"):
        render_dataset(RenderSettings(), tmp_path / "piles", count=1, seed=0, device="metal")
    assert not (tmp_path / "piles").exists()


def test_of_several_gpus_a_process_takes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Card:
        def __init__(self, kind: str) -> None:
            self.type, self.use = kind, True

    start_blender(2)
    cards = [Card("METAL"), Card("METAL"), Card("METAL")]
    monkeypatch.setattr("render.devices._gpus", lambda back_end: cards if back_end == "cuda" else [])
    monkeypatch.setattr("render.devices.os.getpid", lambda: 7)
    try:
        choose_device("cuda")
        assert [card.use for card in cards] == [False, True, False]
        assert bpy.context.scene.cycles.device == "GPU"
        assert bpy.context.scene.cycles.denoising_use_gpu
        with pytest.raises(BrickbenchError, match=r"for --device hip on this machine. It has cuda; use --device cpu"):
            require_device("hip")
    finally:
        start_blender(2)
    assert bpy.context.scene.cycles.device == "CPU"
