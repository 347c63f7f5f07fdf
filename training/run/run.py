"""A run's folder, opened: what it says of itself, its settings, epochs, checkpoints, dataset; and a dataset's runs."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from core.errors import BrickbenchError
from core.settings import Settings
from dataset.dataset_folder import DatasetFolder
from dataset.run_folders import known_run_folders
from training.run.checkpoint import Checkpoint, load_checkpoint, resolve_checkpoint, whole_checkpoints
from training.run.history import BEST_BY, Row, best_epoch, is_over, read_epochs
from training.run.settings import TrainingSettings

RUN_FILE = "run.yaml"
SETTINGS_FILE = "settings.yaml"


class RunInfo(Settings):
    """What a run folder says about itself, in ``run.yaml``; other stages and the index read it."""

    run_id: str
    """Name of the folder when the run began; unique within a dataset's index."""
    dataset: str
    """Absolute path of the dataset it trained on."""
    dataset_digest: str
    """12 digits that differ whenever a picture or label of its train or val split differs."""
    model: str
    """Name of the network."""
    model_kwargs: dict[str, Any]
    """Further arguments of the network."""
    classes: tuple[str, ...]
    """part_ids, one a logit."""
    input_size_px: int
    """Side of the square that the network takes, in pixels."""
    settings_digest: str
    """Digest of the resolved settings."""
    seed: int
    """Seed of the run."""
    device: str | None = None
    """Where it began to train; None in runs of older versions."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Versions of Python and of the libraries that it began with."""
    git_commit: str | None = None
    """Commit of the code that it began with, ``-dirty`` behind it if files differed; None outside a checkout."""


@dataclass(frozen=True)
class Run:
    """A run that `training` made. Later stages put maps and scores beside its checkpoints."""

    folder: Path
    info: RunInfo
    other_dataset: Path | None = None
    """The dataset whose pictures are asked about, where it is not the run's own."""

    @classmethod
    def open(cls, folder: Path, dataset: Path | None = None) -> "Run":
        """Return the run in `folder`, with another dataset than its own if one is given.

        Raises:
            BrickbenchError: the folder is no run.
        """
        if not (folder / RUN_FILE).is_file():
            raise BrickbenchError(
                f"{folder} is no run: it has no {RUN_FILE}. Give a folder that `brickbench train run` made."
            )
        return cls(folder, RunInfo.load(folder / RUN_FILE), dataset)

    @cached_property
    def dataset(self) -> DatasetFolder:
        """The dataset that was given, else the run's own: opened when it is first asked for, as a run may outlive it.

        Raises:
            BrickbenchError: it is gone.
        """
        return DatasetFolder.open(self.other_dataset or self.own_dataset)

    @property
    def own_dataset(self) -> Path:
        """The dataset it was trained on: the one that holds the run's folder, also after a copy; else the one it names.

        Raises:
            BrickbenchError: it is in neither place.
        """
        recorded = Path(self.info.dataset)
        for root in (self.folder.resolve().parent.parent, recorded):
            if (root / "dataset.yaml").is_file():
                return root
        raise BrickbenchError(f"The dataset {recorded} of the run {self.folder} is gone: say where it is with -d.")

    @cached_property
    def settings(self) -> TrainingSettings:
        """The settings that it was begun with."""
        return TrainingSettings.load(self.folder / SETTINGS_FILE)

    @property
    def epochs(self) -> list[Row]:
        """The lines of ``epochs.jsonl`` as they are now; none if no epoch has ended yet."""
        return read_epochs(self.folder)

    @property
    def checkpoints(self) -> list[str]:
        """Names of the checkpoints that are there now, rising."""
        return whole_checkpoints(self.folder)

    @property
    def best(self) -> str:
        """Name of the best checkpoint; raises as `training.run.checkpoint.choose_checkpoint`."""
        return resolve_checkpoint(self.folder).stem

    def load(self, checkpoint: str = "best", device: torch.device | str = "cpu") -> Checkpoint:
        """Return one of its networks, ready to use; raises as `training.run.checkpoint.load_checkpoint`."""
        return load_checkpoint(self.folder, checkpoint, device)

    def facts(self) -> dict[str, object]:
        """Return settings and origin of the run as plain values."""
        return self.settings.model_dump(mode="json") | {
            "run_id": self.info.run_id,
            "dataset": self.info.dataset,
            "dataset_digest": self.info.dataset_digest,
            "settings_digest": self.info.settings_digest,
            "classes": len(self.info.classes),
            "device": self.info.device,
            "git_commit": self.info.git_commit,
            "versions": dict(self.info.versions),
        }


def dataset_of(run_folder: Path) -> Path:
    """Return the dataset of the run in a folder; raises as `Run.open` and `Run.own_dataset`."""
    return Run.open(run_folder).own_dataset


@dataclass(frozen=True)
class RunSummary:
    """What a run has come to."""

    run_id: str
    model: str | None = None
    epochs: int = 0
    """Done."""
    of: int | None = None
    """Asked for."""
    finished: bool = False
    """All are done, or `patience` ended the run."""
    best_epoch: int | None = None
    best_val_map: float | None = None
    initial_weights: str | None = None
    """``untrained``, ``imagenet``, or a file."""
    settings: str | None = None
    """Digest of the settings."""
    data: str | None = None
    """Digest of the pictures and labels."""
    folder: str = ""
    problem: str | None = None
    """Why the run cannot be read."""


def list_runs(root: Path) -> list[RunSummary]:
    """Return the runs of a dataset by name: those in its ``runs/``, and those elsewhere that its index knows.

    A run that cannot be read is listed with the reason.
    """
    return [summarize(folder) for folder in known_run_folders(root)]


def summarize(folder: Path) -> RunSummary:
    """Return what the run in `folder` has come to."""
    try:
        run = Run.open(folder)
        settings, history = run.settings, run.epochs
    except (BrickbenchError, ValueError, OSError) as error:
        return RunSummary(folder.name, folder=str(folder), problem=str(error))
    best = best_epoch(history) if history else {}
    return RunSummary(
        run_id=run.info.run_id,
        model=run.info.model,
        epochs=len(history),
        of=settings.total_epochs,
        finished=is_over(settings, history),
        best_epoch=best.get("epoch"),
        best_val_map=best.get(BEST_BY),
        initial_weights=str(settings.weights or ("imagenet" if settings.pretrained else "untrained")),
        settings=run.info.settings_digest,
        data=run.info.dataset_digest,
        folder=str(folder),
    )
