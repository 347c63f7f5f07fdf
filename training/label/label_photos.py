"""Which bricks are in a photo: any picture file, as it comes out of a phone, to parts with their probabilities."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from torch import Tensor

from core.errors import SettingsError
from core.progress import Progress
from dataset.manifest import Manifest
from dataset.photos.annotations import PhotoError
from dataset.photos.decode import decode_photo
from dataset.photos.folder import PhotoFolder
from training.run.checkpoint import Checkpoint
from training.run.predict import BATCH_SIZE, predict_logits

WORKING_SIZE_PX = 512
"""Longest side to which a photo is decoded, as on import into a dataset, so that both give the network alike pixels."""
READERS = 8  # threads; decoding lets other threads run


@dataclass(frozen=True)
class FoundPart:
    """One part in one photo."""

    part_id: str
    name: str
    """What people call it; empty where no dataset tells."""
    probability: float
    threshold: float
    """Probability above which it counts as found."""
    is_found: bool
    """Decided on the logits: far from 0 their probabilities are equal."""


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo with all parts that the network knows, the most probable first; none where it could not be read."""

    path: Path
    parts: tuple[FoundPart, ...]
    problem: str | None = None
    """Why it could not be read: a clause that goes behind its name."""

    def found(self, top: int | None = None) -> tuple[FoundPart, ...]:
        """Return the parts that count as found, `top` of them at most."""
        return tuple(part for part in self.parts if part.is_found)[:top]


def photo_files(paths: Sequence[Path]) -> tuple[list[Path], list[LabelledPhoto]]:
    """Return the photos that are meant, each once, and what was refused, with the reason.

    A folder stands for all pictures below it, hidden ones and datasets left out, in the order of their names.

    Raises:
        SettingsError: nothing is there under one of the paths, or a folder has no picture.
    """
    files: dict[Path, None] = {}
    refused: list[LabelledPhoto] = []
    for path in paths:
        if path.is_dir():
            folder = PhotoFolder(path)
            pictures = folder.pictures()
            refused += [LabelledPhoto(path / reason.file, (), reason.reason) for reason in folder.refused]
            if not pictures:
                raise SettingsError(f"The folder {path} has no pictures in it: give photos, or a folder of them.")
            files |= dict.fromkeys(path / name for name in pictures)
        elif path.exists():
            files[path] = None
        else:
            raise SettingsError(f"There is no photo {path}: check the path.")
    return list(files), refused


def part_names(checkpoint: Checkpoint, root: Path | None) -> dict[str, str]:
    """Return the names of the parts by part_id: from the dataset `root`, else those in the checkpoint."""
    if root is None:
        return dict(zip(checkpoint.classes, checkpoint.info.part_names, strict=False))  # or it has none
    return {part.part_id: part.name for part in Manifest.load_folder(root).parts}


def label_photos(
    checkpoint: Checkpoint,
    files: Sequence[Path],
    device: torch.device,
    *,
    thresholds: npt.NDArray[np.float64],
    names: dict[str, str],
    turns: int = 1,
) -> Iterator[LabelledPhoto]:
    """Yield every photo of `files` with its parts, in their order, with progress on stderr.

    Photos may be of any size and orientation; one that cannot be read is yielded with the reason. A part counts as
    found above its logit in `thresholds` (C,); `names` are by part_id. The logits of 1, 2 or 4 views of each photo,
    `turns` of it by equal angles, are averaged.
    """
    order = iter(files)
    with Progress("Labelling", len(files), "photos") as progress, ThreadPoolExecutor(READERS) as pool:
        while batch := list(islice(order, BATCH_SIZE)):
            images = list(pool.map(lambda path: _read(checkpoint, path), batch))
            inputs = [image for image in images if isinstance(image, Tensor)]
            logits = iter(_logits(checkpoint, inputs, device, turns))
            for path, image in zip(batch, images, strict=True):
                if isinstance(image, str):
                    yield LabelledPhoto(path, (), image)
                else:
                    yield LabelledPhoto(path, _parts(checkpoint, next(logits), thresholds, names))
                progress.advance()


def _read(checkpoint: Checkpoint, path: Path) -> Tensor | str:
    """Return a photo as the network takes it, or why it cannot be read."""
    try:
        longest = max(WORKING_SIZE_PX, 2 * checkpoint.input_size_px)
        return checkpoint.network_input(decode_photo(path.read_bytes(), longest))
    except PhotoError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def _logits(
    checkpoint: Checkpoint, inputs: Sequence[Tensor], device: torch.device, turns: int
) -> Iterable[npt.NDArray[np.float32]]:
    """Return the logits (C,) of each input, averaged over its turned views."""
    if not inputs:
        return []
    upright = torch.stack(list(inputs))  # (N, 3, S, S)
    views = (torch.rot90(upright, quarter, dims=(2, 3)) for quarter in range(0, 4, 4 // turns))
    labelled = predict_logits(checkpoint.model, views, device)  # (turns * N, C)
    mean: npt.NDArray[np.float32] = labelled.reshape(turns, len(inputs), -1).mean(axis=0)
    return mean


def _parts(
    checkpoint: Checkpoint,
    logits: npt.NDArray[np.float32],
    thresholds: npt.NDArray[np.float64],
    names: dict[str, str],
) -> tuple[FoundPart, ...]:
    probabilities, least = expit(logits.astype(np.float64)), expit(thresholds)
    order = np.argsort(-probabilities, kind="stable")
    return tuple(
        FoundPart(
            checkpoint.classes[number],
            names.get(checkpoint.classes[number], ""),
            float(probabilities[number]),
            float(least[number]),
            bool(logits[number] > thresholds[number]),
        )
        for number in order
    )
