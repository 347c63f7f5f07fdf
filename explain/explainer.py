"""One method on groups of pictures: maps of what works, counts of what does not; here, or in a worker of an engine."""

import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from core.errors import BrickbenchError
from dataset.pile_dataset import PileDataset
from explain.baselines.oracle import class_masks
from explain.free_memory import within_free_memory
from explain.memory import BatchSize, is_out_of_memory
from explain.methods import attribute, create_method, find_method, with_normalisation
from explain.protocol import FloatMaps, Method
from explain.wanted import Chosen, Pictures
from training.network.devices import choose_device
from training.run.checkpoint import load_checkpoint

Explained = tuple[int, list[int], FloatMaps, float]
"""Picture, classes, their maps, and seconds a map."""


class Explainer:
    """One method, bound to a network and its pictures."""

    def __init__(self, name: str, method: Method, source: Pictures) -> None:
        """Take the method under its name, and what it explains."""
        self.name, self.method = name, method
        self.batch = BatchSize(find_method(name).images_at_once, "pictures")
        self._source = source

    def explain(self, group: Sequence[Chosen], failures: Counter[str]) -> list[Explained]:
        """Return what worked, and count what did not."""
        ready = self._source.ready(group)
        try:
            return self._attribute(ready)
        except Exception as error:  # one picture of the batch: told apart by going one by one
            if is_out_of_memory(error) and len(ready) > 1:
                raise  # to a smaller batch
        explained = []
        for one in ready:
            try:
                explained += self._attribute([one])
            except Exception as error:  # noqa: BLE001  counted, and told at the end
                failures[f"{self.name}: {_reason(error)}"] += 1
        return explained

    def notes(self) -> list[str]:
        """Return what did not fit into memory, if anything."""
        batches = [self.batch, getattr(self.method, "batch", None)]
        return [f"{self.name}: {batch.note}" for batch in batches if isinstance(batch, BatchSize) and batch.note]

    def _attribute(self, ready: Sequence[tuple[int, list[int], Tensor]]) -> list[Explained]:
        if not ready:
            return []
        started = time.perf_counter()
        images, classes = torch.stack([image for *_, image in ready]), [indices for _, indices, _ in ready]
        maps = attribute(self.name, self.method, images, classes, lambda: [self._masks(*one) for one in ready])
        seconds = (time.perf_counter() - started) / sum(map(len, maps))
        return [(place, indices, found, seconds) for (place, indices, _), found in zip(ready, maps, strict=True)]

    def _masks(self, place: int, indices: Sequence[int], _image: Tensor) -> list[NDArray[np.bool_]]:
        return class_masks(self._source.dataset, place, [self._source.network.classes[index] for index in indices])


@dataclass(frozen=True)
class Source:
    """What explains what, in words that a worker on another machine can follow."""

    run_folder: Path
    dataset_root: Path
    methods: Mapping[str, Mapping[str, object]]
    split: str
    checkpoint: str
    device: str

    def load(self, failures: Counter[str]) -> "Loaded":
        """Return network, pictures and methods; pictures that cannot be read are counted in `failures`."""
        network = load_checkpoint(self.run_folder, self.checkpoint, choose_device(self.device))
        with_masks = any(find_method(name).needs_masks for name in self.methods)
        dataset = PileDataset(self.dataset_root, self.split, classes=network.classes, with_masks=with_masks)
        pictures = Pictures(network, dataset, failures)
        made = {
            name: create_method(name, network.model, **with_normalisation(name, settings, network.mean, network.std))
            for name, settings in self.methods.items()
        }
        return Loaded(pictures, {name: Explainer(name, method, pictures) for name, method in made.items()}, failures)


@dataclass(frozen=True)
class Loaded:
    """What a process holds that explains."""

    pictures: Pictures
    explainers: Mapping[str, Explainer]
    failures: Counter[str]


@dataclass(frozen=True)
class Group:
    """Pictures to be explained at once by one method: a pure work item."""

    method: str
    chosen: tuple[Chosen, ...]


_held: list[Loaded] = []
_limits = contextlib.ExitStack()


def hold(source: Source, threads: int) -> None:
    """Make this process ready to explain, with `threads` threads, for as long as it lives."""
    torch.set_num_threads(threads)
    _limits.enter_context(within_free_memory(choose_device(source.device)))
    _limits.enter_context(threadpool_limits(1, user_api="blas"))
    _held[:] = [source.load(Counter())]


def explain_group(group: Group) -> tuple[list[Explained], Counter[str], list[str]]:
    """Return what worked, what failed by reason, and what did not fit into memory."""
    (held,) = _held
    explainer = held.explainers[group.method]
    held.failures.clear()

    def explain(part: slice) -> list[Explained]:
        return explainer.explain(group.chosen[part], held.failures)

    explained = [one for some in explainer.batch.batches(len(group.chosen), explain) for one in some]
    return explained, Counter(held.failures), explainer.notes()


def _reason(error: Exception) -> str:
    if is_out_of_memory(error):  # its own words name bytes, and would be another reason each time
        return "memory does not hold what one picture takes: use a machine with more, or a smaller input size"
    text = (str(error).strip().splitlines() or [""])[0]
    return text if isinstance(error, BrickbenchError) else f"{type(error).__name__}: {text}"
