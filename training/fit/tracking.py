"""A run's scores in the tools that people watch runs with: TensorBoard by default, Weights & Biases, MLflow.

``epochs.jsonl`` stays the truth. A tool is opened when the first epoch of this process is safe on disk and then gets
what it lacks, so a run may be killed anywhere and go on. A tool that fails is told of once and left alone: it never
stops training.
"""

import importlib.util
import json
import math
import os
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file
from training.run.runs import Row, RunInfo, load_settings, read_epochs
from training.run.settings import TrainingSettings

STATE_FILE = "tracking.json"
_LONGEST_REASON = 200
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class TrackedRun:
    """What a tool is told of a run when it is opened."""

    folder: Path
    info: RunInfo
    settings: TrainingSettings

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


@dataclass(frozen=True)
class Held:
    """What a tool has of a run: its own name for it, how many epochs, and whether it has all that there is."""

    name: str = ""
    epochs: int = 0
    complete: bool = False


class Tracker(Protocol):
    """One tool."""

    def start(self, run: TrackedRun, held: Held) -> Held:
        """Open the run, or go on with the one that is `held`, and return what it has of it."""

    def epoch(self, row: Row) -> None:
        """Take one line of ``epochs.jsonl``; it is safe when this returns."""

    def picture(self, name: str, picture: Picture, epoch: int) -> None:
        """Take a picture (H, W, 3) uint8 RGB."""

    def end(self) -> None:
        """Close the run."""


@dataclass(frozen=True)
class Tool:
    """A tool by name: the package it needs, how that is installed, and the class that speaks to it."""

    package: str
    extra: str
    title: str
    tracker: str


TOOLS = {
    "tensorboard": Tool("tensorboard", "", "TensorBoard", "TensorBoardTracker"),
    "wandb": Tool("wandb", "wandb", "Weights & Biases", "WandbTracker"),
    "mlflow": Tool("mlflow", "mlflow", "MLflow", "MlflowTracker"),
}
NONE = "none"


class Tracking:
    """The tools of one run; use it with ``with``, and `after_epoch` as that of `training.fit.loop.train`."""

    def __init__(self, run_folder: Path, names: Sequence[str], warn: Callable[[str], None]) -> None:
        """Look for the packages of the tools.

        Args:
            run_folder: the run; it need not be there yet.
            names: of `TOOLS`, or ``none`` alone.
            warn: is told in one sentence of a tool that failed.

        Raises:
            SettingsError: ``none`` stands beside others.
            BrickbenchError: a package is missing.
        """
        if NONE in names and len(names) > 1:
            raise SettingsError("--track none stands alone: leave it out, or the others.")
        self._folder, self._warn = run_folder, warn
        wanted = [name for name in dict.fromkeys(names) if name != NONE] if is_first_process() else []
        self._closed = {name: _tracker(name) for name in wanted}
        self._open: dict[str, Tracker] = {}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        state = _read_state(self._folder)
        for name in list(self._closed):
            if state.get(name, Held()).complete:
                del self._closed[name]
        self._catch_up(history)
        for name in list(self._open):
            self._guarded(name, lambda name=name: self._complete(name, pictures, len(history)))  # type: ignore[misc]

    def _catch_up(self, history: list[Row]) -> None:
        if not history:
            return
        for name in list(self._closed):
            self._guarded(name, lambda name=name: self._start(name))  # type: ignore[misc]
        for name in list(self._open):
            self._guarded(name, lambda name=name: self._send(name, history))  # type: ignore[misc]

    def _start(self, name: str) -> None:
        tracker = self._closed.pop(name)
        run = TrackedRun(self._folder, RunInfo.load_run(self._folder), load_settings(self._folder))
        held = tracker.start(run, _read_state(self._folder).get(name, Held()))
        self._open[name] = tracker
        _write_state(self._folder, name, held)

    def _send(self, name: str, history: list[Row]) -> None:
        held = _read_state(self._folder)[name]
        for row in history[held.epochs :]:
            self._open[name].epoch(row)
        _write_state(self._folder, name, Held(held.name, len(history)))

    def _complete(self, name: str, pictures: dict[str, Picture], epoch: int) -> None:
        for title, picture in pictures.items():
            self._open[name].picture(title, picture, epoch)
        _write_state(self._folder, name, replace(_read_state(self._folder)[name], complete=True))

    def _guarded(self, name: str, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001  what watches a run must not end it, whatever it raises
            self._open.pop(name, None)
            reason = textwrap.shorten(str(error), _LONGEST_REASON, placeholder=" …") or type(error).__name__
            self._warn(f"{TOOLS[name].title} failed and is left alone from here on: {reason.rstrip('.')}.")


def is_first_process() -> bool:
    """Return whether this process writes the run's files: of several that ``torchrun`` started, one does."""
    return os.environ.get("RANK", "0") == "0"


def scalars(row: Row) -> dict[str, float]:
    """Return the numbers of a line of ``epochs.jsonl`` under names by which tools group them, as ``val/map_macro``."""
    found = {}
    for name, value in row.items():
        if name != "epoch" and isinstance(value, int | float) and math.isfinite(value):
            group, _, rest = name.partition("_")
            found[f"{group}/{rest}" if group in {"train", "val"} else name] = float(value)
    return found


def _tracker(name: str) -> Tracker:
    tool = TOOLS[name]
    if importlib.util.find_spec(tool.package) is None:
        how = f"install the extra {tool.extra!r} of Brickbench" if tool.extra else "run `make setup`"
        raise BrickbenchError(
            f"{tool.title} needs the package {tool.package}, which is not installed: {how}, or leave out "
            f"--track {name}."
        )
    import training.fit.trackers as trackers

    made: Tracker = getattr(trackers, tool.tracker)()
    return made


def _read_state(folder: Path) -> dict[str, Held]:
    """Return what each tool has; a damaged file counts as none, and tools get the run anew."""
    try:
        values = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        return {name: Held(**held) for name, held in values.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_state(folder: Path, name: str, held: Held) -> None:
    state = _read_state(folder) | {name: held}
    with atomic_file(folder / STATE_FILE) as temporary:
        plain = {tool: asdict(has) for tool, has in state.items()}
        temporary.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
