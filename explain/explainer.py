"""One method on groups of pictures: maps of what works, counts of what does not; here, or in a worker of an engine."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from core.errors import BrickbenchError
from explain.baselines import class_masks
from explain.cam.layers import ChosenLayer
from explain.memory import BatchSize, is_out_of_memory, within_free_memory
from explain.methods import attribute, create_method, find_method, for_network
from explain.protocol import FloatMaps, Method
from explain.wanted import Chosen, NetworkInputs
from training.network.devices import choose_device
from training.run.run import Run

PictureMaps = tuple[int, list[int], FloatMaps, float]
"""Picture, classes, their maps, and seconds a map."""


class Explainer:
    """One method, bound to a network and its pictures."""

    def __init__(self, name: str, method: Method, source: NetworkInputs) -> None:
        """Take the method under its name, and what it explains."""
        self.name, self.method = name, method
        self.batch = BatchSize(find_method(name).images_at_once, "pictures")
        self._source = source

    def explain(self, group: Sequence[Chosen], failures: Counter[str]) -> list[PictureMaps]:
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

    @property
    def layer_note(self) -> str | None:
        """What a user should know of the layer that the method reads, if the rule chose it."""
        chosen = getattr(self.method, "chosen", None)
        return f"{self.name} {chosen.note}" if isinstance(chosen, ChosenLayer) else None

    def _attribute(self, ready: Sequence[tuple[int, list[int], Tensor]]) -> list[PictureMaps]:
        if not ready:
            return []
        started = time.perf_counter()
        images, classes = torch.stack([image for *_, image in ready]), [indices for _, indices, _ in ready]
        maps = attribute(self.name, self.method, images, classes, lambda: [self._masks(*one) for one in ready])
        seconds = (time.perf_counter() - started) / sum(map(len, maps))
        return [(place, indices, found, seconds) for (place, indices, _), found in zip(ready, maps, strict=True)]

    def _masks(self, place: int, indices: Sequence[int], _image: Tensor) -> list[NDArray[np.bool_]]:
        return class_masks(self._source.dataset, place, [self._source.network.classes[index] for index in indices])


def make_explainer(name: str, settings: Mapping[str, object], inputs: NetworkInputs) -> Explainer:
    """Return method `name` bound to the network of `inputs`, with that network's own normalisation.

    Raises:
        SettingsError: no such method or setting.
    """
    network = inputs.network
    method = create_method(name, network.model, **for_network(name, settings, network))
    return Explainer(name, method, inputs)


@dataclass(frozen=True)
class Group:
    """Pictures to be explained at once by one method: a pure work item."""

    name: str
    """Of the method."""
    chosen: tuple[Chosen, ...]

    @property
    def size(self) -> int:
        """Pictures."""
        return len(self.chosen)


@dataclass(frozen=True)
class Explained:
    """What became of a group."""

    maps: list[PictureMaps]
    failures: Counter[str]
    """What failed, by reason."""
    notes: list[str]
    """What did not fit into memory."""


@dataclass(frozen=True)
class ExplainContext:
    """What explains what, in words that a worker on another machine can follow; each process loads it once."""

    run: Run
    methods: Mapping[str, Mapping[str, object]]
    split: str
    checkpoint: str
    device: str

    @cached_property
    def inputs(self) -> NetworkInputs:
        """The pictures, and the network that takes them."""
        network = self.run.load(self.checkpoint, choose_device(self.device))
        with_masks = any(find_method(name).needs_masks for name in self.methods)
        return NetworkInputs(network, self.run.dataset.pictures(self.split, network.classes, with_masks=with_masks))

    @cached_property
    def explainers(self) -> dict[str, Explainer]:
        """The methods by name."""
        return {name: make_explainer(name, settings, self.inputs) for name, settings in self.methods.items()}

    @contextmanager
    def ready(self, threads: int) -> Iterator["ExplainContext"]:
        """Give itself while this process is ready to explain; memory and torch's threads are limited in a worker only.

        A process that is the user's own keeps them (`threads` is 0): the command line limits its memory itself.
        """
        limited = within_free_memory(choose_device(self.device)) if threads else nullcontext()
        if threads:
            torch.set_num_threads(threads)
        # A second thread of BLAS spins between the small products of linear models: KernelSHAP took 68 ms with, 18
        # without.
        with limited, threadpool_limits(1, user_api="blas"):
            self.explainers  # noqa: B018  loaded before the first item: a process that cannot has no part in the work
            yield self

    def __getstate__(self) -> dict[str, Any]:
        """Return what travels to another process, which loads the rest itself: the very same checkpoint."""
        words = {field.name: getattr(self, field.name) for field in fields(self)}
        return words | {"checkpoint": self.inputs.network.name}  # "best" may be another one when a worker asks


def explain_group(context: ExplainContext, group: Group) -> Explained:
    """Return the maps of a group of pictures, and what failed."""
    explainer, failures = context.explainers[group.name], context.inputs.failures
    failures.clear()

    def explain(part: slice) -> list[PictureMaps]:
        return explainer.explain(group.chosen[part], failures)

    maps = [one for some in explainer.batch.batches(len(group.chosen), explain) for one in some]
    return Explained(maps, Counter(failures), explainer.notes())


def _reason(error: Exception) -> str:
    if is_out_of_memory(error):  # its own words name bytes, and would be another reason each time
        return "memory does not hold what one picture takes: use a machine with more, or a smaller input size"
    text = (str(error).strip().splitlines() or [""])[0]
    return text if isinstance(error, BrickbenchError) else f"{type(error).__name__}: {text}"
