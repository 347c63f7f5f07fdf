"""A run's folder, opened: what it says of itself, its settings, its dataset, its checkpoints."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from dataset.dataset_folder import DatasetFolder
from training.run.checkpoint import Checkpoint, load_checkpoint
from training.run.runs import RunInfo, dataset_of, load_settings
from training.run.settings import TrainingSettings


@dataclass(frozen=True)
class Run:
    """A run that `training` made. Later stages put maps and scores beside its checkpoints."""

    folder: Path
    info: RunInfo
    dataset: DatasetFolder
    """The one it was trained on, or the one whose pictures are asked about."""

    @classmethod
    def open(cls, folder: Path, dataset: Path | None = None) -> "Run":
        """Return the run in `folder`, with another dataset than its own if one is given.

        Raises:
            BrickbenchError: the folder is no run, or its dataset is gone.
        """
        info = RunInfo.load_run(folder)
        return cls(folder, info, DatasetFolder.open(dataset or dataset_of(folder)))

    @cached_property
    def settings(self) -> TrainingSettings:
        """The settings that it was begun with."""
        return load_settings(self.folder)

    def load(self, checkpoint: str = "best", device: torch.device | str = "cpu") -> Checkpoint:
        """Return one of its networks, ready to use; raises as `training.run.checkpoint.load_checkpoint`."""
        return load_checkpoint(self.folder, checkpoint, device)
