"""Logits of a trained network for the pictures of a dataset, stored in the run and merged into the index."""

from collections.abc import Callable, Iterable, Iterator, Sequence
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
from dataset.loading.cache import picture_files
from dataset.loading.network_input import eval_transform
from dataset.manifest import Manifest
from dataset.pile_dataset import SOURCES, PileDataset
from training.network.devices import choose_device
from training.parts import listed, only_in
from training.run.checkpoint import Checkpoint, load_checkpoint
from training.run.runs import RunInfo, dataset_of

BATCH_SIZE = 32  # of prediction; decides no value, as the network is in evaluation mode


def predict_logits(model: nn.Module, batches: Iterable[Tensor], device: torch.device) -> npt.NDArray[np.float32]:
    """Return the logits, (N, C) float32, of batches of images (n, 3, S, S); the network is left in evaluation mode."""
    model.eval()
    with torch.inference_mode():
        return np.concatenate([model(images.to(device)).float().cpu().numpy() for images in batches])


def open_split(
    checkpoint: Checkpoint,
    root: Path,
    split: str | None,
    sources: Sequence[str] = SOURCES,
    say: Callable[[str], None] | None = None,
) -> PileDataset:
    """Return the pictures of one split (None: all) as `checkpoint` takes them, with targets in its order of classes.

    A dataset may have further parts, such as an import added: they are no classes then, and `say` is told so.

    Raises:
        BrickbenchError: the dataset lacks a part that the checkpoint knows; says in which parts they differ.
    """
    known = tuple(part.part_id for part in Manifest.load_folder(root).parts)
    only_there, only_here = only_in(known, checkpoint.classes), only_in(checkpoint.classes, known)
    named = f"{checkpoint.run_id}/{checkpoint.name}"
    if only_here:
        parts = [f"the dataset alone has {listed(only_there)}"] if only_there else []
        parts += [f"the checkpoint alone has {listed(only_here)}"]
        raise BrickbenchError(
            f"The classes of checkpoint {named} and of the dataset {root} differ: {'; '.join(parts)}. Use a dataset "
            "that has all parts of the checkpoint, or train on this one (`--weights` starts from the checkpoint)."
        )
    if only_there and say is not None:
        say(f"The checkpoint {named} does not know {listed(only_there)} of {root}: only the parts that it knows count.")
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
    run_folder: Path,
    root: Path,
    split: str | None,
    checkpoint: str,
    device: str,
    say: Callable[[str], None] | None = None,
) -> tuple[Checkpoint, PileDataset, npt.NDArray[np.float32]]:
    """Return a checkpoint of a run, the pictures of a split (None: of all), and their logits, (N, C) float32.

    Raises:
        BrickbenchError: no run, no checkpoint, a part that the dataset lacks, or a damaged dataset.
    """
    RunInfo.load_run(run_folder)
    place = choose_device(device)
    loaded = load_checkpoint(run_folder, checkpoint, place)
    pictures = open_split(loaded, root, split, say=say)
    return loaded, pictures, split_logits(loaded, pictures, place)


def predict(
    run_folder: Path,
    root: Path,
    split: str = "test",
    checkpoint: str = "best",
    device: str = "auto",
    say: Callable[[str], None] | None = None,
) -> Path:
    """Write the logits of one split to ``RUN/predictions``, merge the run into the index, return the file.

    The file has one row for each picture and class: run_id, checkpoint, image_id, part_id, logit (float32), and the
    picture's content_hash. That of a dataset other than the run's own has the dataset's name in its own.

    Raises:
        BrickbenchError: no run, no checkpoint, a part that the dataset lacks, or a damaged dataset.
    """
    loaded, pictures, logits = label_split(run_folder, root, split, checkpoint, device, say)
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
    path = predictions_path(run_folder, root, loaded.name, split)
    with atomic_file(path) as temporary:
        pq.write_table(rows, temporary)
    merge_run(root, run_folder)
    return path


def predictions_path(run_folder: Path, root: Path, checkpoint: str, split: str) -> Path:
    """Return where the logits of a split go: those of another dataset than the run's own beside them, by its name."""
    try:
        is_own = dataset_of(run_folder).resolve() == root.resolve()
    except BrickbenchError:  # the run's own dataset is gone
        is_own = False
    other = "" if is_own else f"-of-{root.resolve().name}"
    return run_folder / "predictions" / f"{checkpoint}-{split}{other}.parquet"
