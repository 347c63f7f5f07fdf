"""Training on Ray: the run that one process makes, by a team too, and again after a process died."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from core.engines.on_ray import RayEngine
from core.errors import SettingsError
from training.fit.loop import train
from training.fit.ray_train import train_on_ray
from training.run.history import read_epochs
from training.run.settings import TrainingSettings

pytestmark = pytest.mark.slow
SETTINGS = TrainingSettings(model_kwargs={"width": 0.05, "stem_stride": 2}, input_size_px=64, epochs=3, batch_size=8)


@pytest.fixture(scope="module")
def engine() -> Iterator[RayEngine]:
    import ray

    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level=40)
    yield RayEngine()
    ray.shutdown()


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(max((run / "checkpoints").glob("epoch_*.safetensors")))


def test_one_process_on_ray_makes_the_run_that_it_makes_here(
    engine: RayEngine, toy_dataset: Path, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    settings = SETTINGS.model_copy(update={"epochs": 1})
    train(settings, toy_dataset, here, device="cpu")
    told: list[str] = []
    history = train_on_ray(engine, 1, settings, toy_dataset, there, device="cpu", names=("none",), say=told.append)
    assert [row["epoch"] for row in history] == [1]
    assert told[0].startswith("One process trains on Ray; ")
    for name, tensor in weights(here).items():
        torch.testing.assert_close(weights(there)[name], tensor, rtol=1e-4, atol=1e-5)
    assert not (there / ".ray").exists()


def test_a_team_whose_process_was_killed_is_gathered_again_and_goes_on(
    engine: RayEngine, toy_dataset: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    def kill_one() -> None:
        while not read_epochs(run):
            time.sleep(0.1)
        for status in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = status.read_bytes()
            except OSError:
                continue
            if b"RayTrainWorker" in line:
                os.kill(int(status.parent.name), signal.SIGKILL)
                return

    killer = threading.Thread(target=kill_one)
    killer.start()
    history = train_on_ray(engine, 2, SETTINGS, toy_dataset, run, device="cpu", names=("none",), say=lambda _: None)
    killer.join()
    assert [row["epoch"] for row in history] == [1, 2, 3]


def test_a_mistake_of_the_user_comes_back_as_it_is(engine: RayEngine, toy_dataset: Path, tmp_path: Path) -> None:
    wrong: Any = SETTINGS.model_copy(update={"model": "bricknett", "model_kwargs": {}})
    with pytest.raises(SettingsError, match="bricknett"):
        train_on_ray(engine, 1, wrong, toy_dataset, tmp_path / "run", device="cpu", names=("none",), say=lambda _: None)
