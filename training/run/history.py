"""``epochs.jsonl``: one line an epoch; which is the best one, and whether the run is over."""

import json
from pathlib import Path
from typing import Any

from core.errors import BrickbenchError
from core.files import atomic_file
from training.run.settings import TrainingSettings

EPOCHS_FILE = "epochs.jsonl"
BEST_BY = "val_map_macro"

Row = dict[str, Any]
"""One line of epochs.jsonl: epoch, learning_rate, train_loss, val_loss, val_map_macro …, seconds; None for NaN."""


def checkpoint_name(epoch: int) -> str:
    """Return the name of the checkpoint after `epoch`, such as ``epoch_0007``."""
    return f"epoch_{epoch:04d}"


def write_epochs(run_folder: Path, history: list[Row]) -> None:
    """Write ``epochs.jsonl``, one line an epoch."""
    with atomic_file(run_folder / EPOCHS_FILE) as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in history), encoding="utf-8")


def read_epochs(run_folder: Path) -> list[Row]:
    """Return the lines of ``epochs.jsonl``; none if no epoch has ended yet.

    Raises:
        BrickbenchError: the file is damaged.
    """
    path = run_folder / EPOCHS_FILE
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:  # no UTF-8, or no JSON
        raise BrickbenchError(
            f"{path} is damaged. Delete it; `brickbench train resume {run_folder}` writes it again from the state that "
            "training goes on from."
        ) from error


def best_epoch(history: list[Row]) -> Row:
    """Return the line with the highest mAP on val, the first of equals; an undefined mAP is the lowest."""
    return max(history, key=lambda row: -1.0 if row[BEST_BY] is None else row[BEST_BY])


def is_over(settings: TrainingSettings, history: list[Row]) -> bool:
    """Return whether all epochs are done, or `patience` of them brought nothing better."""
    return len(history) >= settings.total_epochs or ran_out_of_patience(settings, history)


def ran_out_of_patience(settings: TrainingSettings, history: list[Row]) -> bool:
    """Return whether `patience` epochs brought nothing better."""
    if settings.patience is None or not history:
        return False
    return bool(len(history) - best_epoch(history)["epoch"] >= settings.patience)
