"""A training run as the command line does it: tracked while it lasts, with a sheet of predictions at its end."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import BrickbenchError
from training.fit.loop import train
from training.fit.prediction_grid import GRID_FILE, write_prediction_grid
from training.fit.team import is_first_process
from training.fit.tracking import Tracking
from training.run.history import Row, read_epochs
from training.run.run import Run
from training.run.settings import TrainingSettings


def train_and_track(
    settings: TrainingSettings,
    root: Path,
    run_folder: Path,
    *,
    device: str = "auto",
    names: Sequence[str] = ("tensorboard",),
    say: Callable[[str], None],
) -> list[Row]:
    """Train, or go on with a run, as `training.fit.loop.train` does, and return the lines of ``epochs.jsonl``.

    The tools of `training.fit.tracking.TOOLS` that `names` names watch it. `say` is told also of a tool or a sheet of
    predictions that failed; training goes on then.

    Raises:
        SettingsError: as `training.fit.loop.train`, or the names of tools contradict each other.
        BrickbenchError: as `training.fit.loop.train`, or a tool is not installed.
    """
    with Tracking(run_folder, names, say) as tracking:
        before = len(read_epochs(run_folder))
        history = train(settings, root, run_folder, device=device, after_epoch=tracking.after_epoch, say=say)
        if is_first_process():
            sheet = run_folder / GRID_FILE
            if len(history) > before or not sheet.is_file():
                try:
                    write_prediction_grid(Run.open(run_folder, root), device)
                except BrickbenchError as error:
                    say(f"The run is whole, but its sheet of predictions could not be drawn. {error}")
            pictures = {}
            if sheet.is_file():
                with Image.open(sheet) as opened:
                    pictures["predictions"] = np.asarray(opened.convert("RGB"))
            tracking.finish(pictures)
    return history
