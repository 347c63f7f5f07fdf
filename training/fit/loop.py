"""Training, from top to bottom: one pass after another, scores and a checkpoint after each.

A run that is killed at any moment and started again ends with the weights of one that was never killed, on a CPU
bit for bit: order, augmentation and dropout are functions of (seed, epoch), and the rest is in ``resume.pt``.
Under ``torchrun`` the same function trains on several GPUs or machines: `training.fit.team`.
"""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from core.errors import BrickbenchError
from core.locks import lock
from core.progress import Progress
from dataset.loading.backgrounds import digest_of_backgrounds
from dataset.loading.batches import BatchPlan
from dataset.loading.loader import PictureLoader
from dataset.loading.randomness import DROPOUT, WEIGHTS, seeded_torch
from dataset.pile_dataset import PileDataset
from training.fit.learner import (
    RESUME_FILE,
    Learner,
    autocast,
    create_learner,
    learning_rate,
    load_resume,
    memory_is_full,
    resume_path,
    save_resume,
)
from training.fit.losses import LATE, LossWatch, require_number
from training.fit.mask_penalty import mass_outside
from training.fit.pretrained import load_pretrained, load_weights
from training.fit.team import Team, joined_team
from training.network.devices import choose_device
from training.network.models import check_input_size, create_model, normalisation
from training.run.begin import begin_run, digest_of_pictures
from training.run.checkpoint import CheckpointInfo, publish, save_checkpoint
from training.run.history import Row, is_over, read_epochs
from training.run.parts import listed
from training.run.predict import predict_logits
from training.run.run import RunInfo
from training.run.settings import TrainingSettings
from training.validation.metrics import label_metrics

LOCK_WAIT_S = 10.0  # loader workers of a killed run hold its lock until they see that it is gone: some five seconds


def train(
    settings: TrainingSettings,
    root: Path,
    run_folder: Path,
    *,
    device: str = "auto",
    after_epoch: Callable[[Row], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Row]:
    """Train on the train split of `root`, or go on where it stopped, and return the lines of ``epochs.jsonl``.

    Args:
        settings: decide the weights, together with the pictures.
        root: the dataset's folder.
        run_folder: made if need be; a run in it with the same settings and pictures goes on.
        device: auto, cpu, cuda …; under ``torchrun`` each process takes the GPU of its local rank.
        after_epoch: called with each new line once the epoch is safe on disk.
        say: is told in one sentence each what a user should know: which weights matched, which parts are on no picture.

    Raises:
        SettingsError: unknown network or device, or the folder holds another run.
        BrickbenchError: the dataset lacks pictures, weights to start from cannot be had, the folder cannot be written,
            another process trains in it, the GPU's memory is full, or the loss is no longer a number.
    """
    with joined_team(choose_device(device)) as (team, own_device), ExitStack() as held:
        tell = say if say is not None and team.is_first else lambda _: None
        return _train(settings, root, run_folder, team, own_device, after_epoch, tell, held)


def _train(
    settings: TrainingSettings,
    root: Path,
    run_folder: Path,
    team: Team,
    device: torch.device,
    after_epoch: Callable[[Row], None] | None,
    say: Callable[[str], None],
    held: ExitStack,
) -> list[Row]:
    train_split = PileDataset(root, "train", sources=settings.sources)
    val_split = PileDataset(root, "val", classes=train_split.classes, sources=settings.sources)
    classes = train_split.classes
    with seeded_torch(settings.seed, WEIGHTS):
        model = create_model(settings.model, len(classes), **settings.model_kwargs)
    check_input_size(model, settings.model, settings.input_size_px, len(classes))
    mean, std = normalisation(model)
    splits = _splits_of_stages(settings, train_split, team)
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
        device=str(device),
    )
    if not resume_path(run_folder).is_file() and not is_over(settings, read_epochs(run_folder)):
        _start_from(settings, model, classes, say)
        _tell_of_parts_without_pictures(train_split, val_split, say)
    info = team.broadcast(begin_run(run_folder, info, settings) if team.is_first else None)
    if team.is_first:
        busy = f"Another process is training in {run_folder}. Wait until it is done, or train in another folder."
        held.enter_context(lock(run_folder, wait_s=LOCK_WAIT_S, busy=BrickbenchError(busy)))
    learner = create_learner(model, settings, torch.from_numpy(train_split.targets), classes, device, team)
    _take_up(run_folder, settings, learner, say)
    history = learner.history
    if team.is_first:
        publish(run_folder, history, settings.keep)
    if is_over(settings, history):
        return history

    part_names = tuple(part.name for part in train_split.manifest.parts)
    val_pictures = PictureLoader(
        val_split, settings, mean, std, varied=False, device=device, title="Packing val pictures"
    )
    stage_before, pictures = -1, None
    lengths = [len(splits[settings.stage_at(epoch)[0].sources]) for epoch in range(1, settings.total_epochs + 1)]
    with Progress("Training", sum(lengths), "pictures", sum(lengths[: len(history)])) as progress:
        while not is_over(settings, history):
            epoch = len(history) + 1
            started = time.perf_counter()
            stage, before = settings.stage_at(epoch)
            if pictures is None or before != stage_before:
                stage_before = before
                pictures = PictureLoader(
                    splits[stage.sources], stage, mean, std, with_masks=stage.mask_penalty > 0, rank=team.rank,
                    ranks=team.ranks, device=device, title="Packing train pictures",
                )  # fmt: skip
            memory_was_full = False
            try:
                train_loss = train_epoch(learner, pictures, stage, epoch, epoch - 1 - before, team, progress)
                scores = validate_epoch(learner, val_pictures, settings, epoch, device) if team.is_first else None
            except torch.OutOfMemoryError:
                memory_was_full = True
            if memory_was_full:
                raise memory_is_full(learner, stage, len(classes), team.ranks)
            row: Row = {
                "epoch": epoch,
                "learning_rate": learning_rate(stage, epoch - 1 - before),
                "train_loss": train_loss,
            }
            row |= {f"val_{name}": _number(value) for name, value in team.broadcast(scores).items()}
            row["seconds"] = round(time.perf_counter() - started, 3)
            history.append(team.broadcast(row))
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
                    part_names=part_names,
                ),
            )
            save_resume(run_folder, learner)
            publish(run_folder, history, settings.keep)
            if after_epoch is not None:
                after_epoch(row)
    return history


def train_epoch(
    learner: Learner,
    pictures: PictureLoader,
    stage: TrainingSettings,
    epoch: int,
    done: int,
    team: Team,
    progress: Progress,
) -> float:
    """Do one pass over the training pictures, `done` epochs into their stage, and return their mean loss."""
    learner.network.train()
    device = next(learner.model.parameters()).device
    batches = pictures.batches

    def check(loss: float, number: int) -> None:
        require_number(loss, f"epoch {epoch}, batch {number}", epoch, stage)

    watch = LossWatch(check, LATE if device.type == "cuda" else 0)
    with seeded_torch(stage.seed, DROPOUT, epoch, *([team.rank] if team.rank else [])):
        for number, batch in enumerate(pictures.epoch(epoch), 1):
            with autocast(stage, device):
                seen = learner.network(batch.images)
            logits, features = seen if stage.mask_penalty else (seen, None)
            loss = learner.loss_of(logits.float(), batch.targets)
            if batch.masks is not None and features is not None:
                outside = mass_outside(logits, features, batch.targets, batch.masks.to(device))
                loss = loss + stage.mask_penalty * outside
            watch.add(loss, number, len(logits))
            # A step takes the mean over its batches, of which the last step of an epoch may have fewer.
            of_step = min(stage.accumulate, batches - (number - 1) // stage.accumulate * stage.accumulate)
            learner.scaler.scale(loss * team.share(len(logits), device) / of_step).backward()  # type: ignore[no-untyped-call]
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
            progress.advance(len(logits) * team.ranks, f"epoch {epoch}{watch.note}")
        watch.finish()
    return team.all_reduce(watch.sum, device) / team.all_reduce(watch.pictures, device)


def validate_epoch(
    learner: Learner, pictures: PictureLoader, settings: TrainingSettings, epoch: int, device: torch.device
) -> dict[str, float]:
    """Return loss and scores on the val pictures."""
    logits = predict_logits(learner.judged, (batch.images for batch in pictures.plain()), device)
    loss = learner.loss_of(torch.from_numpy(logits), pictures.targets).item()
    require_number(loss, f"the validation after epoch {epoch}", epoch, settings)
    return {"loss": loss, **asdict(label_metrics(logits, pictures.targets.numpy()))}


def _splits_of_stages(
    settings: TrainingSettings, train_split: PileDataset, team: Team
) -> dict[tuple[str, ...], PileDataset]:
    """Return the training pictures of every stage by their sources; a stage without any is refused now, not later."""
    splits: dict[tuple[str, ...], PileDataset] = {settings.sources: train_split}
    before = 0
    for length in [stage.epochs for stage in settings.stages] or [settings.epochs]:
        stage, _ = settings.stage_at(before + 1)
        before += length
        if stage.sources not in splits:
            splits[stage.sources] = PileDataset(
                train_split.root, "train", classes=train_split.classes, sources=stage.sources
            )
        is_real = splits[stage.sources].source_is_real
        BatchPlan(is_real, stage.batch_size, stage.seed, stage.photo_share, team.rank, team.ranks)
    return splits


def _digest(settings: TrainingSettings, root: Path, *parts: PileDataset) -> str:
    """Return the digest of all pictures that the weights follow from, backgrounds too."""
    digest = digest_of_pictures(root, *parts)
    return digest if settings.backgrounds is None else f"{digest}-{digest_of_backgrounds(settings.backgrounds)}"


def _start_from(
    settings: TrainingSettings, model: nn.Module, classes: tuple[str, ...], say: Callable[[str], None]
) -> None:
    """Give a new network the weights that the settings ask for, and say what matched."""
    if settings.weights is not None:
        say(f"{settings.model}: {load_weights(model, settings.weights, classes)}")
    elif settings.pretrained:
        say(f"{settings.model}: {load_pretrained(model, settings.model, settings.model_kwargs)}")


def _take_up(run_folder: Path, settings: TrainingSettings, learner: Learner, say: Callable[[str], None]) -> None:
    """Bring the learner to where the run stopped, if it did."""
    history = read_epochs(run_folder)
    if is_over(settings, history):
        learner.history += history  # the state is not needed, and may have been deleted
    elif resume_path(run_folder).is_file():
        load_resume(run_folder, learner)
    elif history:
        say(f"{run_folder} has no {RESUME_FILE} to go on from, so it is trained again from the first epoch.")


def _tell_of_parts_without_pictures(
    train_split: PileDataset, val_split: PileDataset, say: Callable[[str], None]
) -> None:
    """Say which parts no picture shows: they are not learned, or not scored."""
    for pictures, what in ((train_split, "so the network cannot learn it"), (val_split, "so mAP on val leaves it out")):
        shown = pictures.targets.any(axis=0)
        lacking = [name for name, is_shown in zip(pictures.classes, shown, strict=True) if not is_shown]
        if lacking:
            say(f"No {pictures.split} picture shows {listed(lacking)}, {what}.")


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no NaN
