"""Which classes of which pictures are explained, and the pictures as the network takes them."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from core.errors import BrickbenchError
from core.progress import Progress
from dataset.pile_dataset import PileDataset
from explain.forward import ask
from explain.memory import BatchSize
from training.run.checkpoint import Checkpoint

LOGITS_AT_ONCE = 32
Which = Literal["true", "predicted", "top", "missed"]
Chosen = tuple[int, list[int]]
"""A picture's place in its dataset, and indices of classes."""


class NetworkInputs:
    """Pictures as a network takes them; one that cannot be read is counted once, whatever asks for it.

    Attributes:
        network: what takes them.
        dataset: where they come from.
        failures: pictures that could not be read, by reason.
    """

    def __init__(self, network: Checkpoint, dataset: PileDataset) -> None:
        """Take what is read, and for which network."""
        self.network, self.dataset = network, dataset
        self.failures: Counter[str] = Counter()
        self._unreadable: set[int] = set()

    def ready(self, group: Sequence[Chosen]) -> list[tuple[int, list[int], Tensor]]:
        """Return place, classes and network input (3, S, S) of the pictures in `group` that can be read."""
        ready = []
        for place, indices in group:
            if place in self._unreadable:
                continue
            try:
                ready.append((place, indices, self.network.network_input(self.dataset.image(place))))
            except BrickbenchError as error:
                self._unreadable.add(place)
                self.failures[str(error)] += 1
        return ready


def wanted_classes(
    inputs: NetworkInputs, chosen: Sequence[int], which: Which, above: float
) -> tuple[dict[int, list[int]], str | None]:
    """Return for each picture in `chosen` the class indices to explain, and a note if batches had to shrink.

    Args:
        inputs: the network and its pictures.
        chosen: places in the dataset.
        which: as in `explain.bulk.explain_run`; all but ``true`` need the network's logits.
        above: the logit that parts predicted from not predicted.
    """
    targets = inputs.dataset.targets
    if which == "true":
        return {place: np.flatnonzero(targets[place]).tolist() for place in chosen}, None
    model = inputs.network.model
    batch = BatchSize(LOGITS_AT_ONCE, "pictures")

    def choose(part: slice) -> dict[int, list[int]]:
        ready = inputs.ready([(place, []) for place in chosen[part]])
        if not ready:
            return {}
        with torch.inference_mode():
            logits = ask(model, torch.stack([image for *_, image in ready])).cpu().numpy()
        positive = logits > above
        if which == "top":
            positive = logits == logits.max(axis=1, keepdims=True)
        elif which == "missed":
            positive = targets[[place for place, *_ in ready]].astype(bool) & ~positive
        return {place: np.flatnonzero(row).tolist() for (place, *_), row in zip(ready, positive, strict=True)}

    wanted: dict[int, list[int]] = {}
    with Progress("Logits", len(chosen), "pictures") as progress:
        for some in batch.batches(len(chosen), choose):
            wanted |= some
            progress.advance(len(some))
    return wanted, f"logits: {batch.note}" if batch.note else None
