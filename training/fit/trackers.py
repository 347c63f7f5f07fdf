"""The tools that runs are tracked with, each spoken to through its own package."""

import importlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import yaml

from training.run.history import Row
from training.run.run import Run

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"
PROJECT = "brickbench"
_LONGEST_PARAMETER = 500  # characters that every MLflow server takes
_LOGIN_WAIT_S = 60  # then Weights & Biases gives up: nobody may sit before the terminal

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ToolState:
    """What a tool has of a run: its own name for it, how many epochs, and whether it has all that there is."""

    name: str = ""
    epochs: int = 0
    complete: bool = False


class Tracker(Protocol):
    """One tool."""

    def start(self, run: Run, state: ToolState) -> ToolState:
        """Open the run, or go on with the one of which it has `state`, and return what it has of it."""

    def epoch(self, row: Row) -> None:
        """Take one line of ``epochs.jsonl``; it is safe when this returns."""

    def picture(self, name: str, picture: Picture, epoch: int) -> None:
        """Take a picture (H, W, 3) uint8 RGB."""

    def end(self) -> None:
        """Close the run."""


class TensorBoardTracker:
    """Event files in ``RUN/tensorboard``.

    Each process writes a file of its own that begins with the whole history, and tells TensorBoard to forget all steps
    of older files: so no epoch is shown twice, and none that a killed process did not get to write is missing.
    """

    _writer: "SummaryWriter"

    def start(self, run: Run, state: ToolState) -> ToolState:
        """Open a new event file."""
        del state
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(run.folder / FOLDER), purge_step=0)
        text = yaml.safe_dump(run.facts(), sort_keys=False, allow_unicode=True)
        indented = "".join(f"    {line}\n" for line in text.splitlines())  # a block of code in Markdown
        self._writer.add_text("run", indented, 0)
        return ToolState(FOLDER)

    def epoch(self, row: Row) -> None:
        """Write one point a score."""
        for name, value in scalars(row).items():
            self._writer.add_scalar(name, value, row["epoch"])
        self._writer.flush()

    def picture(self, name: str, picture: Picture, epoch: int) -> None:
        """Write a picture."""
        self._writer.add_image(name, picture, epoch, dataformats="HWC")

    def end(self) -> None:
        """Close the file."""
        self._writer.close()


class WandbTracker:
    """A run in Weights & Biases; ``WANDB_MODE=offline`` keeps it in ``RUN/wandb`` for ``wandb sync``."""

    _wandb: Any
    _run: Any

    def start(self, run: Run, state: ToolState) -> ToolState:
        """Begin a run, or go on with the one of that name."""
        self._wandb = importlib.import_module("wandb")
        self._run = self._wandb.init(
            project=PROJECT,
            name=run.info.run_id,
            id=state.name or None,
            resume="allow",
            dir=str(run.folder),
            config=run.facts(),
            settings=self._wandb.Settings(login_timeout=_LOGIN_WAIT_S),
        )
        return ToolState(str(self._run.id), state.epochs)

    def epoch(self, row: Row) -> None:
        """Log all scores at the epoch's number."""
        self._run.log({"epoch": row["epoch"], **scalars(row)}, step=row["epoch"], commit=True)

    def picture(self, name: str, picture: Picture, epoch: int) -> None:
        """Log a picture."""
        self._run.log({name: self._wandb.Image(picture)}, step=epoch + 1, commit=True)  # a closed step takes no more

    def end(self) -> None:
        """Wait until all is handed over."""
        self._run.finish()


class MlflowTracker:
    """A run of the experiment ``brickbench``, where ``MLFLOW_TRACKING_URI`` says, or in MLflow's default store."""

    _mlflow: Any
    _client: Any
    _run_id: str

    def start(self, run: Run, state: ToolState) -> ToolState:
        """Begin a run, or go on with the one of that name."""
        self._mlflow = importlib.import_module("mlflow")
        self._client = self._mlflow.MlflowClient()
        if state.name:
            self._run_id = state.name
            self._client.update_run(self._run_id, status="RUNNING")
            had = self._client.get_metric_history(self._run_id, "train/loss")
            return ToolState(state.name, max((point.step for point in had), default=0))
        experiment = self._client.get_experiment_by_name(PROJECT)
        experiment_id = experiment.experiment_id if experiment else self._client.create_experiment(PROJECT)
        self._run_id = self._client.create_run(experiment_id, run_name=run.info.run_id).info.run_id
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in run.facts().items()}
        self._mlflow.log_params({name: text[:_LONGEST_PARAMETER] for name, text in texts.items()}, run_id=self._run_id)
        return ToolState(self._run_id)

    def epoch(self, row: Row) -> None:
        """Log all scores at the epoch's number."""
        self._mlflow.log_metrics(scalars(row), step=row["epoch"], run_id=self._run_id)

    def picture(self, name: str, picture: Picture, epoch: int) -> None:
        """Keep a picture as an artifact."""
        self._client.log_image(self._run_id, picture, artifact_file=f"{name}-{epoch:04d}.png")

    def end(self) -> None:
        """Say that the run has ended."""
        self._client.set_terminated(self._run_id)


def scalars(row: Row) -> dict[str, float]:
    """Return the numbers of a line of ``epochs.jsonl`` under names by which tools group them, as ``val/map_macro``."""
    numbers = {}
    for name, value in row.items():
        if name != "epoch" and isinstance(value, int | float) and math.isfinite(value):
            group, _, rest = name.partition("_")
            numbers[f"{group}/{rest}" if group in {"train", "val"} else name] = float(value)
    return numbers
