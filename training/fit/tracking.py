"""A run's scores in the tools that people watch runs with: TensorBoard by default, Weights & Biases, MLflow.

``epochs.jsonl`` stays the truth. A tool is opened when the first epoch of this process is safe on disk and then gets
what it lacks, so a run may be killed anywhere and go on. A tool that fails is told of once and left alone: it never
stops training.
"""

import importlib.util
import json
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file
from training.fit.loop import train
from training.fit.prediction_grid import GRID_FILE, write_prediction_grid
from training.fit.team import is_first_process
from training.fit.trackers import MlflowTracker, Picture, TensorBoardTracker, ToolState, Tracker, WandbTracker
from training.run.history import Row, read_epochs
from training.run.run import Run
from training.run.settings import TrainingSettings

STATE_FILE = "tracking.json"
_LONGEST_REASON = 200


@dataclass(frozen=True)
class Tool:
    """A tool by name: the package it needs, how that is installed, and the class that speaks to it."""

    package: str
    extra: str
    title: str
    tracker: type[Tracker]


TOOLS = {
    "tensorboard": Tool("tensorboard", "", "TensorBoard", TensorBoardTracker),
    "wandb": Tool("wandb", "wandb", "Weights & Biases", WandbTracker),
    "mlflow": Tool("mlflow", "mlflow", "MLflow", MlflowTracker),
}
NONE = "none"


class Tracking:
    """The tools of one run; use it with ``with``, and `after_epoch` as that of `training.fit.loop.train`."""

    def __init__(self, run_folder: Path, names: Sequence[str], warn: Callable[[str], None]) -> None:
        """Look for the packages of the tools `names`, of `TOOLS`, or ``none`` alone; the run need not be there yet.

        `warn` is told in one sentence of a tool that failed.

        Raises:
            SettingsError: ``none`` stands beside others.
            BrickbenchError: a package is missing.
        """
        if NONE in names and len(names) > 1:
            raise SettingsError("--track none stands alone: leave it out, or the others.")
        self._folder, self._warn = run_folder, warn
        chosen = [name for name in dict.fromkeys(names) if name != NONE] if is_first_process() else []
        self._closed = {name: _tracker(name) for name in chosen}
        self._open: dict[str, Tracker] = {}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the tools that were opened."""
        for name, tracker in list(self._open.items()):
            self._guarded(name, tracker.end)
        self._open.clear()

    def after_epoch(self, row: Row) -> None:
        """Give every tool the epochs that it lacks; that of `row` is in ``epochs.jsonl`` already."""
        del row
        self._catch_up(read_epochs(self._folder))

    def finish(self, pictures: dict[str, Picture]) -> None:
        """Give every tool what it still lacks of a run that is over, and `pictures` by name after the last epoch.

        A tool that has all of it, from an earlier process, is not opened again.
        """
        history = read_epochs(self._folder)
        states = _read_states(self._folder)
        for name in list(self._closed):
            if states.get(name, ToolState()).complete:
                del self._closed[name]
        self._catch_up(history)
        for name in list(self._open):
            self._guarded(name, self._complete, name, pictures, len(history))

    def _catch_up(self, history: list[Row]) -> None:
        if not history:
            return
        for name in list(self._closed):
            self._guarded(name, self._start, name)
        for name in list(self._open):
            self._guarded(name, self._send, name, history)

    def _start(self, name: str) -> None:
        tracker = self._closed.pop(name)
        state = tracker.start(Run.open(self._folder), _read_states(self._folder).get(name, ToolState()))
        self._open[name] = tracker
        _write_state(self._folder, name, state)

    def _send(self, name: str, history: list[Row]) -> None:
        state = _read_states(self._folder)[name]
        for row in history[state.epochs :]:
            self._open[name].epoch(row)
        _write_state(self._folder, name, ToolState(state.name, len(history)))

    def _complete(self, name: str, pictures: dict[str, Picture], epoch: int) -> None:
        for title, picture in pictures.items():
            self._open[name].picture(title, picture, epoch)
        _write_state(self._folder, name, replace(_read_states(self._folder)[name], complete=True))

    def _guarded(self, name: str, step: Callable[..., None], *given: object) -> None:
        try:
            step(*given)
        except Exception as error:  # noqa: BLE001  what watches a run must not end it, whatever it raises
            self._open.pop(name, None)
            reason = textwrap.shorten(str(error), _LONGEST_REASON, placeholder=" …") or type(error).__name__
            self._warn(f"{TOOLS[name].title} failed and is left alone from here on: {reason.rstrip('.')}.")


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


def _tracker(name: str) -> Tracker:
    tool = TOOLS[name]
    if importlib.util.find_spec(tool.package) is None:
        how = f"install the extra {tool.extra!r} of Brickbench" if tool.extra else "run `make setup`"
        raise BrickbenchError(
            f"{tool.title} needs the package {tool.package}, which is not installed: {how}, or leave out "
            f"--track {name}."
        )
    return tool.tracker()


def _read_states(folder: Path) -> dict[str, ToolState]:
    """Return what each tool has; a damaged file counts as none, and tools get the run anew."""
    try:
        values = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        return {name: ToolState(**state) for name, state in values.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_state(folder: Path, name: str, state: ToolState) -> None:
    states = _read_states(folder) | {name: state}
    with atomic_file(folder / STATE_FILE) as temporary:
        plain = {tool: asdict(has) for tool, has in states.items()}
        temporary.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
