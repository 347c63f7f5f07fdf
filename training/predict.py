"""Logits of a trained network for the pictures of a dataset, stored in the run and merged into the index."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

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
from dataset.index import merge_run
from dataset.loader import SOURCES, PileDataset
from dataset.loading.network_input import eval_transform
from dataset.manifest import Manifest
from training.checkpoint import Checkpoint, load_checkpoint
from training.devices import choose_device
from training.runs import RunInfo

BATCH_SIZE = 32  # of prediction; decides no value, as the network is in evaluation mode


def predict_logits(model: nn.Module, batches: Iterable[Tensor], device: torch.device) -> npt.NDArray[np.float32]:
    """Return the logits, (N, C) float32, of batches of images (n, 3, S, S); the network is left in evaluation mode."""
    model.eval()
    with torch.inference_mode():
        return np.concatenate([model(images.to(device)).float().cpu().numpy() for images in batches])


def open_split(checkpoint: Checkpoint, root: Path, split: str | None, sources: Sequence[str] = SOURCES) -> PileDataset:
    """Return the pictures of one split (None: all) as `checkpoint` takes them, with targets in its order of classes.

    Raises:
        BrickbenchError: dataset and checkpoint do not have the same parts; says which differ.
    """
    known = {part.part_id for part in Manifest.load_folder(root).parts}
    mine = set(checkpoint.classes)
    if known != mine:
        only_there, only_here = sorted(known - mine), sorted(mine - known)
        parts = [f"the dataset alone has {', '.join(only_there)}"] if only_there else []
        parts += [f"the checkpoint alone has {', '.join(only_here)}"] if only_here else []
        raise BrickbenchError(
            f"The classes of checkpoint {checkpoint.run_id}/{checkpoint.name} and of the dataset {root} differ: "
            f"{'; '.join(parts)}. Use a dataset with the same parts, or train on this one."
        )
    transform = eval_transform(checkpoint.input_size_px, checkpoint.mean, checkpoint.std)
    return PileDataset(root, split, classes=checkpoint.classes, transform=transform, sources=sources)


def split_logits(checkpoint: Checkpoint, pictures: PileDataset, device: torch.device) -> npt.NDArray[np.float32]:
    """Return the logits, (N, C) float32, of all `pictures` of `open_split`, with progress on stderr."""

    def batches() -> Iterator[Tensor]:
        with Progress("Predicting", len(pictures), "pictures") as progress:
            for sample in DataLoader(pictures, batch_size=BATCH_SIZE):
                yield sample.image
                progress.advance(len(sample.image))

    return predict_logits(checkpoint.model, batches(), device)


def label_split(
    run_folder: Path, root: Path, split: str | None, checkpoint: str, device: str
) -> tuple[Checkpoint, PileDataset, npt.NDArray[np.float32]]:
    """Return a checkpoint of a run, the pictures of a split (None: of all), and their logits, (N, C) float32.

    Raises:
        BrickbenchError: no run, no checkpoint, other classes, or a damaged dataset.
    """
    RunInfo.load_run(run_folder)
    place = choose_device(device)
    loaded = load_checkpoint(run_folder, checkpoint, place)
    pictures = open_split(loaded, root, split)
    return loaded, pictures, split_logits(loaded, pictures, place)


def predict(run_folder: Path, root: Path, split: str = "test", checkpoint: str = "best", device: str = "auto") -> Path:
    """Write the logits of one split to ``RUN/predictions``, merge the run into the index, return the file.

    The file has one row for each picture and class: run_id, checkpoint, image_id, part_id, logit (float32).

    Raises:
        BrickbenchError: no run, no checkpoint, other classes, or a damaged dataset.
    """
    loaded, pictures, logits = label_split(run_folder, root, split, checkpoint, device)
    count, classes = logits.shape
    rows = pa.table(
        {
            "run_id": pa.array([loaded.run_id] * logits.size, pa.string()),
            "checkpoint": pa.array([loaded.name] * logits.size, pa.string()),
            "image_id": pa.array(np.repeat(np.array(pictures.image_ids, dtype=object), classes), pa.string()),
            "part_id": pa.array(list(loaded.classes) * count, pa.string()),
            "logit": pa.array(logits.ravel(), pa.float32()),
        }
    )
    path = run_folder / "predictions" / f"{loaded.name}-{split}.parquet"
    with atomic_file(path) as temporary:
        pq.write_table(rows, temporary)
    merge_run(root, run_folder)
    return path
