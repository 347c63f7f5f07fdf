"""The runs of a dataset side by side: one row a run."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import BrickbenchError
from dataset.run_folders import known_run_folders
from training.run.history import BEST_BY, best_epoch, is_over
from training.run.run import Run
from training.run.settings import TrainingSettings


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
        initial_weights=_initial_weights(settings),
        settings=run.info.settings_digest,
        data=run.info.dataset_digest,
        folder=str(folder),
    )


def _initial_weights(settings: TrainingSettings) -> str:
    """Return in a word where the weights of a run began."""
    if settings.weights is not None:
        return str(settings.weights)
    return "imagenet" if settings.pretrained else "untrained"
