"""Training, from top to bottom: one pass after another, scores and a checkpoint after each.

A run that is killed at any moment and started again ends with the weights of one that was never killed, on a CPU
bit for bit: order, augmentation and dropout are functions of (seed, epoch), and the rest is in ``resume.pt``.
Under ``torchrun`` the same function trains on several GPUs or machines: `training.team`.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from core.errors import BrickbenchError
from core.files import atomic_file
from core.progress import Progress
from dataset.loader import PileDataset
from dataset.loading.backgrounds import digest_of_backgrounds
from dataset.loading.loader import PictureLoader
from dataset.loading.randomness import DROPOUT, WEIGHTS, seeded_torch
from training.checkpoint import BEST_FILE, CHECKPOINTS, CheckpointInfo, checkpoint_name, save_checkpoint
from training.devices import choose_device
from training.losses import Loss, create_loss
from training.metrics import label_metrics
from training.models import check_input_size, create_model, normalisation
from training.optimization import averaged, create_optimizer, learning_rate
from training.predict import predict_logits
from training.pretrained import load_pretrained, load_weights
from training.runs import Row, RunInfo, begin_run, digest_of_pictures, write_epochs
from training.settings import TrainingSettings
from training.team import Team, gathered

RESUME_FILE = "resume.pt"
BEST_BY = "val_map_macro"


@dataclass
class _Learner:
    """The network and what teaches it; all that changes is in ``resume.pt``."""

    model: nn.Module
    network: nn.Module
    """`model` as it is called: compiled, or one of several copies that average their gradients."""
    loss_of: Loss
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: AveragedModel | None
    history: list[Row]

    @property
    def judged(self) -> nn.Module:
        """The network that is validated and kept: the average of the weights where there is one."""
        return self.model if self.average is None else self.average.module

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "history": json.dumps(self.history),
        }

    def load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.history[:] = json.loads(state["history"])


def train(
    settings: TrainingSettings,
    root: Path,
    run_folder: Path,
    *,
    device: str = "auto",
    after_epoch: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Train on the train split of `root`, or go on where it stopped, and return the lines of ``epochs.jsonl``.

    Args:
        settings: decide the weights, together with the pictures.
        root: the dataset's folder.
        run_folder: made if need be; a run in it with the same settings and pictures goes on.
        device: auto, cpu, cuda …; under ``torchrun`` each process takes the GPU of its local rank.
        after_epoch: called with each new line once the epoch is safe on disk.

    Raises:
        SettingsError: unknown network or device, or the folder holds another run.
        BrickbenchError: the dataset lacks pictures, weights to start from cannot be had, the folder cannot be written,
            the GPU's memory is full, or the loss is no longer a number.
    """
    with gathered(choose_device(device)) as (team, place):
        return _train(settings, root, run_folder, team, place, after_epoch)


def _train(
    settings: TrainingSettings,
    root: Path,
    run_folder: Path,
    team: Team,
    place: torch.device,
    after_epoch: Callable[[Row], None] | None,
) -> list[Row]:
    train_split = PileDataset(root, "train", sources=settings.sources)
    val_split = PileDataset(root, "val", classes=train_split.classes, sources=settings.sources)
    classes = train_split.classes
    with seeded_torch(settings.seed, WEIGHTS):
        model = create_model(settings.model, len(classes), **settings.model_kwargs)
    check_input_size(model, settings.model, settings.input_size_px, len(classes))
    mean, std = normalisation(model)
    info = RunInfo(
        run_id=run_folder.resolve().name,
        dataset=str(root.resolve()),
        dataset_digest=_digest(settings, root, train_split, val_split),
        model=settings.model,
        model_kwargs=settings.model_kwargs,
        classes=classes,
        input_size_px=settings.input_size_px,
        settings_digest=settings.digest(),
        seed=settings.seed,
        device=str(place),
    )
    resume_file = run_folder / CHECKPOINTS / RESUME_FILE
    if not resume_file.is_file():
        _start_from(settings, model, quiet=not team.is_first)
    info = team.told(begin_run(run_folder, info, settings) if team.is_first else None)

    # Measured on one CPU core, bricknet of half width at 128 px, 32 pictures a step: channels last takes the forward
    # pass from 97 to 71 ms, the fused optimizer its step from 92 to 11 ms; the backward pass takes 155 ms.
    model.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    learner = _Learner(
        model=model,
        network=team.wrap(torch.compile(model) if settings.compile else model, place),  # type: ignore[arg-type]
        loss_of=create_loss(settings, torch.from_numpy(train_split.targets), classes),
        optimizer=create_optimizer(model, settings),
        scaler=torch.amp.GradScaler(place.type, enabled=settings.precision == "float16"),
        average=None if settings.average_decay is None else averaged(model, settings.average_decay),
        history=[],
    )
    _load_resume(resume_file, learner)
    history = learner.history
    if team.is_first:
        _publish(run_folder, history, settings.keep)
    if is_over(settings, history):
        return history

    val_pictures = PictureLoader(
        val_split, settings, mean, std, varied=False, device=place, title="Packing val pictures"
    )
    stage_before, pictures = -1, None
    total, done = settings.total_epochs * len(train_split), len(history) * len(train_split)
    with Progress("Training", total, "pictures", done) as progress:
        while not is_over(settings, history):
            epoch = len(history) + 1
            started = time.perf_counter()
            stage, before = settings.stage_at(epoch)
            if pictures is None or before != stage_before:
                stage_before = before
                split = (
                    train_split
                    if stage.sources == settings.sources
                    else PileDataset(root, "train", classes=classes, sources=stage.sources)
                )
                pictures = PictureLoader(
                    split, stage, mean, std, rank=team.rank, ranks=team.ranks, device=place,
                    title="Packing train pictures",
                )  # fmt: skip
            train_loss = _train_epoch(learner, pictures, stage, epoch, epoch - 1 - before, team, progress)
            scores = _validate(learner, val_pictures, settings, epoch, place) if team.is_first else None
            row: Row = {
                "epoch": epoch,
                "learning_rate": learning_rate(stage, epoch - 1 - before),
                "train_loss": train_loss,
            }
            row |= {f"val_{name}": _number(value) for name, value in team.told(scores).items()}
            row["seconds"] = round(time.perf_counter() - started, 3)
            history.append(team.told(row))
            if not team.is_first:
                continue

            # Checkpoint, then the state to go on from, then what follows from that state: a kill between any two
            # leaves either this epoch undone or the last step to be done again.
            save_checkpoint(
                run_folder,
                learner.judged,
                CheckpointInfo(
                    model=settings.model,
                    model_kwargs=settings.model_kwargs,
                    classes=classes,
                    input_size_px=settings.input_size_px,
                    mean=mean,
                    std=std,
                    epoch=epoch,
                    run_id=info.run_id,
                    metrics={name: value for name, value in row.items() if name.startswith("val_")},
                ),
            )
            _save_resume(resume_file, learner)
            _publish(run_folder, history, settings.keep)
            if after_epoch is not None:
                after_epoch(row)
    return history


def best_epoch(history: list[Row]) -> Row:
    """Return the line with the highest mAP on val, the first of equals; an undefined mAP is the lowest."""
    return max(history, key=lambda row: -1.0 if row[BEST_BY] is None else row[BEST_BY])


def _digest(settings: TrainingSettings, root: Path, *parts: PileDataset) -> str:
    """Return the digest of all pictures that the weights follow from, backgrounds too."""
    digest = digest_of_pictures(root, *parts)
    return digest if settings.backgrounds is None else f"{digest}-{digest_of_backgrounds(settings.backgrounds)}"


def _start_from(settings: TrainingSettings, model: nn.Module, *, quiet: bool) -> None:
    """Give a new network the weights that the settings ask for, and say what matched."""
    if not settings.pretrained and settings.weights is None:
        return
    if settings.weights is not None:
        match = load_weights(model, settings.weights)
    else:
        match = load_pretrained(model, settings.model, settings.model_kwargs)
    if not quiet:
        click.echo(f"{settings.model}: {match}", err=True)


def is_over(settings: TrainingSettings, history: list[Row]) -> bool:
    """Return whether all epochs are done, or `patience` of them brought nothing better."""
    if len(history) >= settings.total_epochs:
        return True
    return (
        settings.patience is not None
        and bool(history)
        and (len(history) - best_epoch(history)["epoch"] >= settings.patience)
    )


def _train_epoch(
    learner: _Learner,
    pictures: PictureLoader,
    stage: TrainingSettings,
    epoch: int,
    done: int,
    team: Team,
    progress: Progress,
) -> float:
    """Do one pass over the training pictures, `done` epochs into their stage, and return their mean loss."""
    learner.network.train()
    place = next(learner.model.parameters()).device
    mixed = stage.precision != "float32"
    kind = torch.float16 if stage.precision == "float16" else torch.bfloat16
    loss_sum, seen, batches = 0.0, 0, pictures.batches
    with seeded_torch(stage.seed, DROPOUT, epoch, *([team.rank] if team.rank else [])):
        for number, batch in enumerate(pictures.epoch(epoch), 1):
            try:
                with torch.autocast(place.type, kind, enabled=mixed):
                    logits = learner.network(batch.images)
                loss = learner.loss_of(logits.float(), batch.targets)
                value = loss.item()
                _require_number(value, f"epoch {epoch}, batch {number}", epoch, stage)
                # A step takes the mean over its batches, of which the last step of an epoch may have fewer.
                of_step = min(stage.accumulate, batches - (number - 1) // stage.accumulate * stage.accumulate)
                learner.scaler.scale(loss * team.share(len(logits), place) / of_step).backward()  # type: ignore[no-untyped-call]
            except torch.OutOfMemoryError as error:
                raise _memory_is_full(stage) from error
            if number % stage.accumulate == 0 or number == batches:
                for group in learner.optimizer.param_groups:
                    group["lr"] = learning_rate(stage, done + (number - 1) / batches, 1 / batches)
                if stage.clip_norm is not None:
                    learner.scaler.unscale_(learner.optimizer)
                    nn.utils.clip_grad_norm_(learner.model.parameters(), stage.clip_norm)
                learner.scaler.step(learner.optimizer)
                learner.scaler.update()
                learner.optimizer.zero_grad()
                if learner.average is not None:
                    learner.average.update_parameters(learner.model)
            loss_sum, seen = loss_sum + value * len(logits), seen + len(logits)
            progress.advance(len(logits) * team.ranks, f"epoch {epoch}, loss {value:.3f}")
    return team.total(loss_sum, place) / team.total(seen, place)


def _validate(
    learner: _Learner, pictures: PictureLoader, settings: TrainingSettings, epoch: int, device: torch.device
) -> dict[str, float]:
    """Return loss and scores on the val pictures."""
    logits = predict_logits(learner.judged, (batch.images for batch in pictures.plain()), device)
    loss = learner.loss_of(torch.from_numpy(logits), pictures.targets).item()
    _require_number(loss, f"the validation after epoch {epoch}", epoch, settings)
    return {"loss": loss, **asdict(label_metrics(logits, pictures.targets.numpy()))}


def _memory_is_full(settings: TrainingSettings) -> BrickbenchError:
    smaller = max(settings.batch_size // 2, 1)
    return BrickbenchError(
        f"The GPU's memory is full with a batch_size of {settings.batch_size}: train in another folder with batch_size "
        f"{smaller} and accumulate {settings.accumulate * 2}, which takes steps of the same size."
    )


def _require_number(loss: float, where: str, epoch: int, settings: TrainingSettings) -> None:
    if not math.isfinite(loss):
        kept = f"checkpoint {checkpoint_name(epoch - 1)} is kept" if epoch > 1 else "no epoch had ended"
        raise BrickbenchError(
            f"The loss became {loss} in {where} ({kept}): train in another folder with a learning_rate "
            f"below {settings.learning_rate:g}."
        )


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no NaN


def _save_resume(path: Path, learner: _Learner) -> None:
    with atomic_file(path) as temporary:
        torch.save(learner.state(), temporary)


def _load_resume(path: Path, learner: _Learner) -> None:
    """Bring the learner to where the run stopped; without the file it stays as it is."""
    if not path.is_file():
        return
    try:
        learner.load(torch.load(path, map_location="cpu", weights_only=True))  # weights_only: a file can run no code
    except Exception as error:  # torch raises many kinds for a damaged file
        raise BrickbenchError(
            f"{path} is damaged, so the run cannot go on ({type(error).__name__}): its checkpoints still serve; "
            "delete that file to train again from the first epoch."
        ) from error


def _publish(run_folder: Path, history: list[Row], keep: str) -> None:
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
        wanted = {checkpoint_name(best["epoch"]), checkpoint_name(history[-1]["epoch"])}
        for path in folder.glob("epoch_*.*"):
            if path.stem not in wanted:
                path.unlink()
