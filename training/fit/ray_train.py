"""Training by a team of processes on a Ray cluster: the same function as under ``torchrun``, started again if one dies.

The run folder, which all nodes see, holds what a run goes on from: a team that lost a process or a node goes on after
the last epoch that was safe on disk.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from core.engines.on_ray import RayEngine
from core.engines.ray_connection import connect
from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file
from training.fit.tracking import train_and_track
from training.run.history import Row, read_epochs
from training.run.settings import TrainingSettings

RAY_FOLDER = ".ray"  # a name with a dot: the run's folder may be begun with it there
MAX_FAILURES = 3
"""How often a team is gathered again; each time the run is further on, or the same command goes on later."""
_MISTAKE_FILE = "mistake.json"
"""Where a process says what the user must mend."""


def train_on_ray(
    engine: RayEngine,
    workers: int,
    settings: TrainingSettings,
    root: Path,
    run_folder: Path,
    *,
    device: str = "auto",
    names: Sequence[str] = ("tensorboard",),
    say: Callable[[str], None],
) -> list[Row]:
    """Train on a Ray cluster as `training.fit.tracking.train_and_track` does here.

    Each of `workers` processes takes its share of every batch. All nodes see the dataset's folder `root` and
    `run_folder`. `say` is told in one sentence where the team trains.

    Raises:
        SettingsError: as `training.fit.loop.train`.
        BrickbenchError: as `training.fit.loop.train`, there is no Ray, or the team failed again and again.
    """
    connect(engine.address)
    from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchTrainer

    work = partial(train_and_track, settings, root.resolve(), run_folder.resolve(), device=device, names=tuple(names))
    folder = run_folder.resolve() / RAY_FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # of a run whose driver was killed
    folder.mkdir(parents=True)
    before = len(read_epochs(run_folder))
    resources = {"CPU": engine.worker_cpus} | ({"GPU": engine.worker_gpus} if engine.worker_gpus else {})
    trainer = TorchTrainer(
        _in_worker,
        train_loop_config={"work": work, "mistake": folder / _MISTAKE_FILE},
        scaling_config=ScalingConfig(
            num_workers=workers, use_gpu=bool(engine.worker_gpus), resources_per_worker=resources
        ),
        run_config=RunConfig(
            name="team", storage_path=str(folder), failure_config=FailureConfig(max_failures=MAX_FAILURES)
        ),
    )
    team = "One process trains" if workers == 1 else f"{workers} processes train"
    say(f"{team} on {engine.title}; {run_folder / 'epochs.jsonl'} grows with each epoch.")
    try:
        trainer.fit()
    except TrainingFailedError as error:
        _raise_mistake(folder)
        raise BrickbenchError(
            f"Training on Ray stopped: {_last_line(error)}. {len(read_epochs(run_folder)) - before} epochs were made "
            "and are safe; run the same command again to go on."
        ) from error
    _raise_mistake(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return read_epochs(run_folder)


def _in_worker(config: dict[str, Any]) -> None:
    mistake: Path = config["mistake"]
    if mistake.is_file():
        return  # the team was gathered again, but only the user can mend it
    try:
        config["work"](say=lambda _: None)
    except BrickbenchError as error:
        with atomic_file(mistake) as temporary:
            temporary.write_text(json.dumps({"text": str(error), "exit_code": error.exit_code}), encoding="utf-8")
        raise


def _raise_mistake(folder: Path) -> None:
    if (folder / _MISTAKE_FILE).is_file():
        mistake = json.loads((folder / _MISTAKE_FILE).read_text(encoding="utf-8"))
        shutil.rmtree(folder, ignore_errors=True)
        kind = SettingsError if mistake["exit_code"] == SettingsError.exit_code else BrickbenchError
        raise kind(mistake["text"])


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1].rstrip(".")
