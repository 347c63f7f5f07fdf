"""Training by a team of processes on a Ray cluster: the same function as under ``torchrun``, started again if one dies.

The run folder, which all nodes see, holds what a run goes on from: a team that lost a process or a node goes on after
the last epoch that was safe on disk.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.engines.on_ray import RayEngine
from core.engines.ray_connection import connect
from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file
from training.fit.tracked_run import train_and_track
from training.run.history import Row, read_epochs
from training.run.settings import TrainingSettings

RAY_FOLDER = ".ray"  # a name with a dot: the run's folder may be begun with it there
MAX_FAILURES = 3
"""How often a team is gathered again; each time the run is further on, or the same command goes on later."""
_MISTAKE_FILE = "mistake.json"


@dataclass(frozen=True)
class _Work:
    """What each process of the team does."""

    settings: TrainingSettings
    root: Path
    run_folder: Path
    device: str
    names: tuple[str, ...]

    @property
    def mistake(self) -> Path:
        """Where a process says what the user must mend."""
        return self.run_folder / RAY_FOLDER / _MISTAKE_FILE


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
    """Train on a Ray cluster, or go on with a run, and return the lines of ``epochs.jsonl``.

    Args:
        engine: the cluster, and what each process gets of it.
        workers: processes; each takes its share of every batch.
        settings: as for `training.fit.loop.train`.
        root: the dataset's folder, which all nodes see.
        run_folder: the run's folder, which all nodes see.
        device: auto, cpu or cuda.
        names: of the tools that watch, of `training.fit.tracking.TOOLS`.
        say: is told in one sentence where the team trains, and when it was gathered again.

    Raises:
        SettingsError: as `training.fit.loop.train`.
        BrickbenchError: as `training.fit.loop.train`, there is no Ray, or the team failed again and again.
    """
    connect(engine.address)
    from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchTrainer

    work = _Work(settings, root.resolve(), run_folder.resolve(), device, tuple(names))
    shutil.rmtree(work.mistake.parent, ignore_errors=True)  # of a run whose driver was killed
    work.mistake.parent.mkdir(parents=True)
    before = len(read_epochs(run_folder))
    resources = {"CPU": engine.worker_cpus} | ({"GPU": engine.worker_gpus} if engine.worker_gpus else {})
    trainer = TorchTrainer(
        _in_worker,
        train_loop_config={"work": work},
        scaling_config=ScalingConfig(
            num_workers=workers, use_gpu=bool(engine.worker_gpus), resources_per_worker=resources
        ),
        run_config=RunConfig(
            name="team",
            storage_path=str(work.mistake.parent),
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
        ),
    )
    team = "One process trains" if workers == 1 else f"{workers} processes train"
    say(f"{team} on {engine.title}; {run_folder / 'epochs.jsonl'} grows with each epoch.")
    try:
        trainer.fit()
    except TrainingFailedError as error:
        _raise_mistake(work)
        raise BrickbenchError(
            f"Training on Ray stopped: {_last_line(error)}. {len(read_epochs(run_folder)) - before} epochs were made "
            "and are safe; run the same command again to go on."
        ) from error
    _raise_mistake(work)
    shutil.rmtree(work.mistake.parent, ignore_errors=True)
    return read_epochs(run_folder)


def _in_worker(config: dict[str, Any]) -> None:
    work: _Work = config["work"]
    if work.mistake.is_file():
        return  # the team was gathered again, but only the user can mend it
    try:
        train_and_track(
            work.settings, work.root, work.run_folder, device=work.device, names=work.names, say=lambda _: None
        )
    except BrickbenchError as error:
        with atomic_file(work.mistake) as temporary:
            temporary.write_text(json.dumps(asdict(_Mistake(str(error), error.exit_code))), encoding="utf-8")
        raise


@dataclass(frozen=True)
class _Mistake:
    text: str
    exit_code: int


def _raise_mistake(work: _Work) -> None:
    if work.mistake.is_file():
        mistake = _Mistake(**json.loads(work.mistake.read_text(encoding="utf-8")))
        shutil.rmtree(work.mistake.parent, ignore_errors=True)
        kind = SettingsError if mistake.exit_code == SettingsError.exit_code else BrickbenchError
        raise kind(mistake.text)


def _last_line(error: Exception) -> str:
    return ([line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__])[-1].rstrip(
        "."
    )
