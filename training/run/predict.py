"""Logits and features of a trained network for pictures; those of a split are stored in the run and the index."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from core.errors import BrickbenchError
from core.files import atomic_file
from core.progress import Progress
from dataset.dataset_folder import DatasetFolder
from dataset.index import merge_run
from dataset.loading.cache import picture_files
from dataset.loading.network_input import eval_transform
from dataset.pile_dataset import PileDataset
from training.network.devices import choose_device
from training.run.checkpoint import Checkpoint
from training.run.parts import how_parts_differ, listed, only_in
from training.run.run import Run

BATCH_SIZE = 32  # of prediction; decides no value, as the network is in evaluation mode


def predict_logits(model: nn.Module, batches: Iterable[Tensor], device: torch.device) -> npt.NDArray[np.float32]:
    """Return the logits, (N, C) float32, of batches of images (n, 3, S, S); the network is left in evaluation mode."""
    model.eval()
    with torch.inference_mode():
        return np.concatenate([model(images.to(device)).float().cpu().numpy() for images in batches])


def open_split(
    checkpoint: Checkpoint,
    dataset: DatasetFolder,
    split: str | None,
    sources: Sequence[str] | None = None,
    say: Callable[[str], None] | None = None,
    *,
    twins: bool = False,
) -> PileDataset:
    """Return the pictures of one split (None: all) as `checkpoint` takes them, with targets in its order of classes.

    With `twins` those that differ from another in one thing are among them.

    A dataset may have further parts, such as an import added: they are no classes then, and `say` is told so.

    Raises:
        BrickbenchError: the dataset lacks a part that the checkpoint knows; says in which parts they differ.
    """
    named, parts = f"{checkpoint.run_id}/{checkpoint.name}", tuple(part.part_id for part in dataset.parts)
    if only_in(checkpoint.classes, parts):
        difference = how_parts_differ({"dataset": parts, "checkpoint": checkpoint.classes})
        raise BrickbenchError(
            f"The classes of checkpoint {named} and of the dataset {dataset.root} differ: {difference}. Use a dataset "
            "that has all parts of the checkpoint, or train on this one (`--weights` starts from the checkpoint)."
        )
    unknown = only_in(parts, checkpoint.classes)
    if unknown and say is not None:
        say(
            f"The checkpoint {named} does not know {listed(unknown)} of {dataset.root}: only the parts that it knows "
            "count."
        )
    transform = eval_transform(checkpoint.input_size_px, checkpoint.mean, checkpoint.std)
    return dataset.pictures(split, checkpoint.classes, transform=transform, with_twins=twins, sources=sources)


def _batches(pictures: PileDataset) -> Iterator[Tensor]:
    """Yield the images of all `pictures`, (n, 3, S, S), with progress on stderr."""
    with Progress("Predicting", len(pictures), "pictures") as progress:
        for sample in DataLoader(pictures, batch_size=BATCH_SIZE):
            yield sample.image
            progress.advance(len(sample.image))


def split_logits(checkpoint: Checkpoint, pictures: PileDataset, device: torch.device) -> npt.NDArray[np.float32]:
    """Return the logits, (N, C) float32, of all `pictures` of `open_split`, with progress on stderr."""
    return predict_logits(checkpoint.model, _batches(pictures), device)


def label_with_features(
    checkpoint: Checkpoint, pictures: PileDataset, device: torch.device
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return logits (N, C) and last hidden units (N, D), float32 both, of all `pictures` of `open_split`.

    Raises:
        BrickbenchError: the network does not come apart into features and a last layer.
    """
    model: Any = checkpoint.model
    if not (hasattr(model, "forward_features") and hasattr(model, "forward_head")):
        raise BrickbenchError(
            f"{checkpoint.info.model} has no forward_features and forward_head: choose bricknet or another of timm's "
            "networks that have."
        )
    model.eval()
    logits, features = [], []
    with torch.inference_mode():
        for images in _batches(pictures):
            maps = model.forward_features(images.to(device))
            hidden = model.forward_head(maps, pre_logits=True)
            logits.append(model.forward_head(maps).float().cpu().numpy())
            features.append(hidden.flatten(1).float().cpu().numpy())
    return np.concatenate(logits), np.concatenate(features)


def label_split(
    run: Run,
    split: str | None,
    checkpoint: str,
    device: str,
    say: Callable[[str], None] | None = None,
    *,
    twins: bool = False,
) -> tuple[Checkpoint, PileDataset, npt.NDArray[np.float32]]:
    """Return a checkpoint of a run, the pictures of a split (None: of all), and their logits, (N, C) float32.

    Raises:
        BrickbenchError: no checkpoint, a part that the dataset lacks, or a damaged dataset.
    """
    chosen_device = choose_device(device)
    loaded = run.load(checkpoint, chosen_device)
    pictures = open_split(loaded, run.dataset, split, say=say, twins=twins)
    return loaded, pictures, split_logits(loaded, pictures, chosen_device)


def predict(
    run: Run,
    split: str = "test",
    checkpoint: str = "best",
    device: str = "auto",
    say: Callable[[str], None] | None = None,
    *,
    twins: bool = False,
) -> Path:
    """Write the logits of one split to ``RUN/predictions``, merge the run into the index, return the file.

    With `twins` also those of pictures that differ from another in one thing.

    The file has one row for each picture and class: run_id, checkpoint, image_id, part_id, logit (float32), and the
    picture's content_hash. That of a dataset other than the run's own has the dataset's name in its own.

    Raises:
        BrickbenchError: no checkpoint, a part that the dataset lacks, or a damaged dataset.
    """
    root = run.dataset.root
    loaded, pictures, logits = label_split(run, split, checkpoint, device, say, twins=twins)
    count, classes = logits.shape
    hashes = pa.array([file.content_hash for file in picture_files(root, pictures.image_ids)], pa.string())
    rows = pa.table(
        {
            "run_id": pa.array([loaded.run_id] * logits.size, pa.string()),
            "checkpoint": pa.array([loaded.name] * logits.size, pa.string()),
            "image_id": pa.array(np.repeat(np.array(pictures.image_ids, dtype=object), classes), pa.string()),
            "part_id": pa.array(list(loaded.classes) * count, pa.string()),
            "logit": pa.array(logits.ravel(), pa.float32()),
            "content_hash": hashes.take(pa.array(np.repeat(np.arange(count), classes))),
        }
    )
    path = _predictions_path(run, loaded.name, split)
    with atomic_file(path) as temporary:
        pq.write_table(rows, temporary)
    merge_run(root, run.folder)
    return path


def _predictions_path(run: Run, checkpoint: str, split: str) -> Path:
    """Return where the logits of a split go: those of another dataset than the run's own beside them, by its name."""
    root = run.dataset.root.resolve()
    try:
        is_own = run.own_dataset.resolve() == root
    except BrickbenchError:  # the run's own dataset is gone
        is_own = False
    other = "" if is_own else f"-of-{root.name}"
    return run.folder / "predictions" / f"{checkpoint}-{split}{other}.parquet"
