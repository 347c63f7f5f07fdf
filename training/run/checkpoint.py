"""Weights on disk: a safetensors file, and beside it a JSON file that says all that is needed to use it again."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file
from core.settings import Settings, near_matches
from dataset.loading.network_input import Image, network_input
from training.network.models import create_model
from training.run.history import BEST_BY, EPOCHS_FILE, Row, best_epoch, checkpoint_name, read_epochs, write_epochs

CHECKPOINTS = "checkpoints"
BEST_FILE = "best.json"


class Thresholds(Settings):
    """A logit for each class above which its part counts as present."""

    split: str
    """Pictures that they were chosen on."""
    pictures: int
    """How many those were."""
    logits: tuple[float, ...]
    """One a class of the checkpoint."""


class CheckpointInfo(Settings):
    """The JSON file beside the weights: enough, with the weights, to label a picture."""

    model: str
    """Name of the network."""
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of the network."""
    classes: tuple[str, ...]
    """part_ids, one a logit."""
    input_size_px: int
    """Side of the square that the network takes, in pixels."""
    mean: tuple[float, ...]
    """Per channel, of pictures scaled to 0..1."""
    std: tuple[float, ...]
    """Per channel, of pictures scaled to 0..1."""
    epoch: int
    """Epochs trained, from 1."""
    run_id: str
    """Name of the run."""
    metrics: dict[str, float | None] = Field(default_factory=dict)
    """Scores on the val split after that epoch."""
    part_names: tuple[str, ...] = ()
    """What people call the parts, one a class; none in checkpoints of older versions."""
    thresholds: Thresholds | None = None
    """Those that ``train validate --choose-thresholds`` chose; None decides at logit 0."""

    @model_validator(mode="after")
    def _one_a_class(self) -> Self:
        for name, held in (("thresholds", self.thresholds and self.thresholds.logits), ("part_names", self.part_names)):
            if held and len(held) != len(self.classes):
                raise ValueError(f"{name} should hold one for each of {len(self.classes)} classes, not {len(held)}")
        return self


@dataclass(frozen=True)
class Checkpoint:
    """A trained network, ready to use."""

    model: nn.Module
    """In evaluation mode, on the device asked for."""
    classes: tuple[str, ...]
    input_size_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    epoch: int
    name: str
    """Such as ``epoch_0007``."""
    run_id: str
    info: CheckpointInfo
    path: Path

    @property
    def thresholds(self) -> npt.NDArray[np.float64]:
        """The logit of each class above which its part counts as present, (C,): the chosen one, else 0."""
        chosen = self.info.thresholds
        return np.zeros(len(self.classes)) if chosen is None else np.array(chosen.logits)

    def network_input(self, image: Image) -> Tensor:
        """Return one picture, (H, W, 3) uint8 RGB, as the network takes it: (3, S, S) float32, on the CPU."""
        return network_input(image, self.input_size_px, self.mean, self.std)


def save_checkpoint(run_folder: Path, model: nn.Module, info: CheckpointInfo) -> Path:
    """Write the weights of `model` with `info` beside them, and return the path of the weights."""
    path = run_folder / CHECKPOINTS / f"{checkpoint_name(info.epoch)}.safetensors"
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_file(path) as temporary:
        save_file(tensors, temporary)
    save_info(path, info)
    return path


def publish(run_folder: Path, history: list[Row], keep: str) -> None:
    """Write what follows from `history`: ``epochs.jsonl``, ``best.json``, and which checkpoints stay."""
    folder = run_folder / CHECKPOINTS
    if not history:
        return
    best = best_epoch(history)
    write_epochs(run_folder, history)
    with atomic_file(folder / BEST_FILE) as temporary:
        named = {"checkpoint": checkpoint_name(best["epoch"]), "metric": BEST_BY, "value": best[BEST_BY]}
        temporary.write_text(json.dumps(named, indent=2) + "\n", encoding="utf-8")
    if keep == "best_and_last":
        kept = {checkpoint_name(best["epoch"]), checkpoint_name(history[-1]["epoch"])}
        for path in folder.glob("epoch_*.*"):
            if path.stem not in kept:
                path.unlink()


def save_info(path: Path, info: CheckpointInfo) -> None:
    """Write `info` beside the weights `path`, over what is there."""
    with atomic_file(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(info.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")


def load_info(weights: Path) -> CheckpointInfo:
    """Return what the JSON file beside `weights` says.

    Raises:
        BrickbenchError: it is missing or damaged.
    """
    path = weights.with_suffix(".json")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise TypeError(f"it holds a {type(values).__name__}")
        return CheckpointInfo.parse(values, where=str(path))
    except FileNotFoundError as error:
        raise BrickbenchError(f"The file {path} is missing: keep it beside the weights, which it describes.") from error
    except (OSError, ValueError, TypeError) as error:
        raise BrickbenchError(f"The file {path} cannot be read ({error}): use another checkpoint.") from error


def resolve_checkpoint(path_or_run: Path, checkpoint: str = "best") -> Path:
    """Return the path of the weights: `path_or_run` itself if it is a ``.safetensors`` file, else the run's.

    `checkpoint` is ``best``, ``last`` or a name such as ``epoch_0007``.

    Raises:
        SettingsError: the run has no such checkpoint.
        BrickbenchError: the file or folder is missing, or no epoch has ended.
    """
    if path_or_run.suffix == ".safetensors":
        if not path_or_run.is_file():
            raise BrickbenchError(f"There is no checkpoint {path_or_run}: check the path.")
        return path_or_run
    names = whole_checkpoints(path_or_run)
    if not names:
        raise BrickbenchError(
            f"{path_or_run} has no checkpoint yet: train it with `brickbench train run` or `brickbench train resume`."
        )
    return path_or_run / CHECKPOINTS / f"{choose_checkpoint(path_or_run, checkpoint, names)}.safetensors"


def whole_checkpoints(run_folder: Path) -> list[str]:
    """Return the names of the checkpoints of a run whose weights and description are both there, rising."""
    paths = (run_folder / CHECKPOINTS).glob("epoch_*.safetensors")
    return sorted(path.stem for path in paths if path.with_suffix(".json").is_file())


def choose_checkpoint(run_folder: Path, asked: str | None, available: Sequence[str], what: str = "checkpoint") -> str:
    """Return the one of the checkpoints `available` that is `asked` for: the one rule for weights, maps and scores.

    The best is the one that ``best.json`` names, or, where that is lost, the best by ``epochs.jsonl``.

    Args:
        run_folder: the run.
        asked: ``best`` (by mAP on val), ``last``, or a name such as ``epoch_0007``; None takes the best if it is
            available, else the last.
        available: names, rising; at least one.
        what: is available of each, for the message.

    Raises:
        SettingsError: that one is not available; the message lists what is.
    """
    best = _best_name(run_folder)
    if asked is None:
        return best if best is not None and best in available else available[-1]
    known = ", ".join(["best", "last", *available] if best in available else ["last", *available])
    if asked == "best" and best is None:
        raise SettingsError(
            f"{run_folder} does not say which checkpoint is the best: its {BEST_FILE} and {EPOCHS_FILE} are lost. "
            f"Give --checkpoint: it has {known}."
        )
    name = {"best": best, "last": available[-1]}.get(asked) or asked
    if name not in available:
        hint = ", the best by mAP on val" if asked == "best" else near_matches(asked, list(available))
        raise SettingsError(f"{run_folder} has no {what} {name!r}{hint}; it has {known}.")
    return name


def load_checkpoint(
    path_or_run: Path | str, checkpoint: str = "best", device: torch.device | str = "cpu"
) -> Checkpoint:
    """Return a trained network in evaluation mode, with all that is needed to feed it and read its logits.

    `path_or_run` and `checkpoint` are those of `resolve_checkpoint`; beside a file lies its ``.json``.

    Raises:
        SettingsError: the run has no such checkpoint, or the network's name is unknown.
        BrickbenchError: a file is missing or damaged, or the weights are of another network.
    """
    path = resolve_checkpoint(Path(path_or_run), checkpoint)
    info = load_info(path)
    try:
        tensors = load_file(path, device="cpu")
    except (SafetensorError, OSError) as error:
        raise BrickbenchError(
            f"The checkpoint {path} is damaged ({str(error).splitlines()[0]}): use another one, or delete it and "
            "train again."
        ) from error
    model = create_model(info.model, len(info.classes), **info.model_kwargs)
    own = model.state_dict()
    unknown = (f"tensor {name!r} has no place in the network" for name in tensors if name not in own)
    mismatch = first_mismatch(own, tensors) or next(unknown, "")
    if mismatch:
        raise BrickbenchError(
            f"The checkpoint {path} is of another network than {info.model} {info.model_kwargs}, which the "
            f".json beside it names: {mismatch}. Put its own .json beside it, or train again with "
            "`brickbench train run`."
        )
    model.load_state_dict(tensors)
    return Checkpoint(
        model=model.to(device).eval(),
        classes=info.classes,
        input_size_px=info.input_size_px,
        mean=info.mean,
        std=info.std,
        epoch=info.epoch,
        name=path.stem,
        run_id=info.run_id,
        info=info,
        path=path,
    )


def first_mismatch(own: Mapping[str, Tensor], given: Mapping[str, Tensor], left_out: Collection[str] = ()) -> str:
    """Return what the tensors of a file lack first of a network's own but those `left_out`; empty if nothing."""
    for name, tensor in own.items():
        if name in left_out:
            continue
        if name not in given:
            return f"tensor {name!r} is missing"
        if tensor.shape != given[name].shape:
            return f"tensor {name!r} has shape {tuple(given[name].shape)}, the network's has {tuple(tensor.shape)}"
    return ""


def _best_name(run_folder: Path) -> str | None:
    """Return the name of the best checkpoint, whether it is still there or not; None where nothing tells."""
    try:
        return str(json.loads((run_folder / CHECKPOINTS / BEST_FILE).read_text(encoding="utf-8"))["checkpoint"])
    except (OSError, ValueError, KeyError, TypeError):  # lost or damaged
        try:
            return checkpoint_name(best_epoch(read_epochs(run_folder))["epoch"])
        except (BrickbenchError, OSError, ValueError, KeyError, TypeError):
            return None
