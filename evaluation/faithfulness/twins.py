"""The true effect of a part: what becomes of each logit when its bricks are taken away from the pile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import BrickbenchError
from core.progress import Progress
from dataset.index import open_index
from dataset.pile_dataset import PileDataset
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.removal import REMOVALS
from evaluation.measure import FloatArray
from training.run.checkpoint import Checkpoint

TWIN_PIXELS = "twin_pixels"
"""The removal that no photo allows: within the part's outline the twin's pixels, so that only the part's shadow and its
reflections stay."""


@dataclass(frozen=True)
class Regions:
    """The K parts of a picture that are labelled and have a twin, and what the network makes of their absence."""

    part_ids: tuple[str, ...]
    masks: NDArray[np.bool_]
    """(K, S, S), where each part is seen, at the size of the network's input."""
    logits: FloatArray
    """(C,) of the picture."""
    without: FloatArray
    """(K, C), logits of the twins: the same pile without the part."""
    painted: dict[str, FloatArray]
    """By removal, (K, C), logits of the picture with the part's pixels painted over."""

    @property
    def effects(self) -> FloatArray:
        """The true effect of each part on each logit: how far it falls when the part is taken away, (K, C)."""
        return self.logits - self.without

    def claimed(self, removal: str) -> FloatArray:
        """Return how far each logit falls when the part's pixels are painted over, (K, C)."""
        return self.logits - self.painted[removal]


def load_regions(
    checkpoint: Checkpoint, network: Network, dataset_root: Path, image_ids: Sequence[str], seed: int
) -> dict[str, Regions]:
    """Return the parts of each of `image_ids` that have a twin; pictures without one are left out.

    Only twins in which everything else stayed in its place count, and only parts that the network knows and that are
    labels of the picture: of others there is no mask to compare with.

    Raises:
        BrickbenchError: a picture cannot be read.
    """
    twins = _twins(dataset_root, image_ids)
    if not twins:
        return {}
    pictures = PileDataset(dataset_root, None, classes=checkpoint.classes, with_masks=True, with_twins=True)
    place_of = {image_id: place for place, image_id in enumerate(pictures.image_ids)}
    found: dict[str, Regions] = {}
    with Progress("Taking parts away", len(twins), "pictures") as progress:
        for image_id, twin_of_part in twins.items():
            place = place_of[image_id]
            masks = {
                part_id: _resized(mask, checkpoint.input_size_px)
                for part_id, mask in pictures.masks(place).items()
                if part_id in twin_of_part
            }
            parts = tuple(part_id for part_id, mask in masks.items() if mask.any())
            if parts:
                image = checkpoint.network_input(pictures.image(place))
                without = [checkpoint.network_input(pictures.image(place_of[twin_of_part[name]])) for name in parts]
                held = np.stack([masks[name] for name in parts])
                found[image_id] = _ask(network, parts, image, torch.stack(without), held, seed)
            progress.advance()
    return found


def _ask(
    network: Network, parts: tuple[str, ...], image: Tensor, without: Tensor, masks: NDArray[np.bool_], seed: int
) -> Regions:
    """Return what the network says of the picture, of its twins, and of all ways to paint its parts over."""
    hidden, rows = torch.from_numpy(masks), torch.zeros(len(parts), dtype=torch.int64)
    images = image[None].to(network.device)
    everything = [image[None], without, torch.where(hidden[:, None], without, image)]
    for removal in REMOVALS.values():
        fill = removal(images, network, seed)
        everything.append(fill(rows.to(network.device), hidden.to(network.device)).cpu())
    pictures = torch.cat(everything)
    logits = network.logits(len(pictures), lambda part: pictures[part])
    of_twins, *of_painted = logits[1:].reshape(-1, len(parts), logits.shape[1])
    return Regions(parts, masks, logits[0], of_twins, dict(zip((TWIN_PIXELS, *REMOVALS), of_painted, strict=True)))


def _twins(dataset_root: Path, image_ids: Sequence[str]) -> Mapping[str, dict[str, str]]:
    """Return for each picture that has twins the twin without each part."""
    with open_index(dataset_root) as index:
        rows = index.execute(
            "SELECT image_id, removed_part_id, twin_id FROM twins "
            "WHERE twin_mode = 'removed' AND image_id IN (SELECT unnest(?)) ORDER BY ALL",
            [list(image_ids)],
        ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for image_id, part_id, twin_id in rows:
        found.setdefault(image_id, {})[part_id] = twin_id
    return found


def _resized(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    if mask.shape == (size, size):
        return mask
    return np.asarray(cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) >= 0.5)


def require_twins(dataset_root: Path, regions: Mapping[str, Regions]) -> None:
    """Raise BrickbenchError if there is no picture with a twin, and say how to make some."""
    if not regions:
        raise BrickbenchError(
            f"No explained picture of {dataset_root} has a twin, so its parts' true effects are unknown: render a "
            "dataset with `twins: removed` in its settings, or leave the measures that need twins out of --metrics."
        )
