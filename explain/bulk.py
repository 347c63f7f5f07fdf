"""Maps of many pictures by several methods, written into a run; what is there already is not made again."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from core.cli import count_of
from core.errors import BrickbenchError, SettingsError
from core.files import require_writable
from core.progress import Progress
from dataset.index import merge_run
from dataset.loader import PileDataset
from explain.baselines.oracle import Oracle
from explain.free_memory import within_free_memory
from explain.memory import BatchSize, is_out_of_memory
from explain.methods import create_method, find_method, with_normalisation
from explain.protocol import FloatMaps, Method
from explain.shard_writer import Dtype, ShardWriter
from explain.store import Attribution, method_folder
from explain.wanted import Chosen, Pictures, Which, wanted_classes
from training.checkpoint import load_checkpoint
from training.devices import choose_device


@dataclass
class BulkResult:
    """What was done: maps made now, maps that were there, failures by reason, what else a user should know."""

    made: int = 0
    found: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    """Batches that had to shrink, and maps that did not survive float16."""


class MapsFailedError(BrickbenchError):
    """Some maps could not be made; all others are there and merged."""

    def __init__(self, result: BulkResult) -> None:
        """Take what was done; the message counts failures by reason."""
        reasons = "; ".join(f"{count} times: {reason}" for reason, count in result.failures.most_common())
        super().__init__(
            f"{sum(result.failures.values())} pictures could not be explained, {result.made + result.found} maps are "
            f"there. {reasons.rstrip('.')}. Run the command again to try those once more."
        )
        self.result = result


def explain_run(
    run_folder: Path,
    dataset_root: Path,
    methods: Mapping[str, Mapping[str, object]],
    *,
    split: str = "test",
    which: Which = "true",
    above: float = 0.0,
    limit: int | None = None,
    share: tuple[int, int] = (1, 1),
    dtype: Dtype = "float32",
    checkpoint: str = "best",
    device: str = "auto",
) -> BulkResult:
    """Make the maps that the run lacks, merge its rows into the index, and return what was done.

    Args:
        run_folder: a run that `training` made.
        dataset_root: the pictures; usually those that the run trained on.
        methods: name to settings that differ from the method's defaults.
        split: ``train``, ``val`` or ``test``.
        which: explain the classes that are in the picture (``true``), all with a logit above `above`
            (``predicted``), the one with the highest logit (``top``), or those that are in the picture with a logit
            not above `above` (``missed``).
        above: the logit that parts predicted from not predicted.
        limit: only so many pictures, the first in the order of image_id; a larger limit later adds to them.
        share: (K, N) takes every N-th of them from the K-th on, so that N processes divide the work among them.
        dtype: how new maps are stored; a map that would not survive ``float16`` stays ``float32``.
        checkpoint: ``best`` or a name such as ``epoch_0007``.
        device: where the network runs.

    Raises:
        SettingsError: an unknown method or setting, or none at all.
        BrickbenchError: no such run or pictures, or the disk is full.
        MapsFailedError: everything else was done and merged, but some maps failed; it counts them by reason.
    """
    if not methods:
        raise SettingsError("No method was named: give --methods, such as gradcam,lime,random.")
    if not 1 <= share[0] <= share[1]:
        raise SettingsError(f"The share should be K of N with K from 1 to N, such as 1/4; it is {share[0]}/{share[1]}.")
    require_writable(run_folder)
    place = choose_device(device)
    network = load_checkpoint(run_folder, checkpoint, place)
    with_masks = any(find_method(name).kind == "oracle" for name in methods)
    pictures = PileDataset(dataset_root, split, classes=network.classes, with_masks=with_masks)
    chosen = range(len(pictures.image_ids))[:limit][share[0] - 1 :: share[1]]
    made = {
        name: create_method(name, network.model, **with_normalisation(name, settings, network.mean, network.std))
        for name, settings in methods.items()
    }
    result = BulkResult()
    source = Pictures(network, pictures, result.failures)
    # A second thread of BLAS spins between the small products of linear models: KernelSHAP took 68 ms with, 18 without.
    with within_free_memory(place), threadpool_limits(1, user_api="blas"):
        wanted = wanted_classes(source, chosen, which, above, result.notes)
        for number, (name, method) in enumerate(made.items(), start=1):
            title = f"Explain {name}" + (f" ({number} of {len(made)})" if len(made) > 1 else "")
            _Job(run_folder, name, method, source, wanted).run(title, dtype, result)
    merge_run(dataset_root, run_folder)
    if result.failures:
        raise MapsFailedError(result)
    return result


_Explained = tuple[int, list[int], FloatMaps, float]
"""Picture, classes, their maps, and seconds a map."""


class _Job:
    """One method on the pictures that lack its maps."""

    def __init__(
        self, run_folder: Path, name: str, method: Method, source: Pictures, wanted: Mapping[int, list[int]]
    ) -> None:
        self._name, self._method, self._wanted = name, method, wanted
        self._source = source
        self._network, self._pictures = source.network, source.dataset
        self._batch = BatchSize(find_method(name).images_at_once, "pictures")
        self._digest = method.settings.digest()
        self._folder = method_folder(run_folder, name, method.settings)

    def run(self, title: str, dtype: Dtype, result: BulkResult) -> None:
        """Make what is lacking, under `title`, and write into `result` what came of it."""
        total = sum(map(len, self._wanted.values()))
        with ShardWriter(self._folder, dtype) as writer:
            lacking = [
                (place, [index for index in indices if self._identity(place, index) not in writer.stored])
                for place, indices in self._wanted.items()
            ]
            todo = [(place, indices) for place, indices in lacking if indices]
            found = total - sum(len(indices) for _, indices in todo)
            result.found += found
            if todo:
                with Progress(title, total, "maps", done=found) as progress:
                    result.made += self._make(todo, writer, result.failures, progress)
        result.notes += self._notes(writer)

    def _make(self, todo: Sequence[Chosen], writer: ShardWriter, failures: Counter[str], progress: Progress) -> int:
        """Explain pictures batch by batch and return the number of maps made."""
        made = 0
        for explained in self._batch.batches(len(todo), lambda part: self._explain(todo[part], failures)):
            for place, indices, maps, seconds in explained:
                writer.add([self._row(place, index, seconds) for index in indices], maps)
            count = sum(len(indices) for _, indices, *_ in explained)
            made += count
            progress.advance(count)
        return made

    def _explain(self, group: Sequence[Chosen], failures: Counter[str]) -> list[_Explained]:
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
                failures[f"{self._name}: {_reason(error)}"] += 1
        return explained

    def _attribute(self, ready: Sequence[tuple[int, list[int], Tensor]]) -> list[_Explained]:
        if not ready:
            return []
        started = time.perf_counter()
        images, classes = torch.stack([image for *_, image in ready]), [indices for _, indices, _ in ready]
        if isinstance(self._method, Oracle):
            maps = self._method.attribute(images, classes, [self._masks(place, wanted) for place, wanted, _ in ready])
        else:
            maps = self._method.attribute(images, classes)
        seconds = (time.perf_counter() - started) / sum(map(len, maps))
        return [(place, indices, found, seconds) for (place, indices, _), found in zip(ready, maps, strict=True)]

    def _notes(self, writer: ShardWriter) -> list[str]:
        """Return what did not fit into memory, and what did not survive float16, if anything."""
        batches = [self._batch, getattr(self._method, "batch", None)]
        notes = [batch.note for batch in batches if isinstance(batch, BatchSize) and batch.note]
        if writer.kept_float32:
            notes.append(f"{count_of(writer.kept_float32, 'map')} kept as float32, which float16 would have spoilt")
        return [f"{self._name}: {note}" for note in notes]

    def _masks(self, place: int, indices: Sequence[int]) -> list[NDArray[np.bool_]]:
        masks = self._pictures.masks(place)
        nowhere = np.zeros_like(self._pictures.all_bricks_mask(place))
        return [masks.get(self._network.classes[index], nowhere) for index in indices]

    def _identity(self, place: int, index: int) -> str:
        image_id, part_id = self._pictures.image_ids[place], self._network.classes[index]
        return f"{self._network.run_id}/{self._network.name}/{self._name}-{self._digest}/{image_id}/{part_id}"

    def _row(self, place: int, index: int, seconds: float) -> Attribution:
        return Attribution(
            attribution_id=self._identity(place, index),
            run_id=self._network.run_id,
            checkpoint=self._network.name,
            image_id=self._pictures.image_ids[place],
            part_id=self._network.classes[index],
            method=self._name,
            method_settings_hash=self._digest,
            file="",
            row=0,
            seconds=seconds,
        )


def _reason(error: Exception) -> str:
    if is_out_of_memory(error):  # its own words name bytes, and would be another reason each time
        return "memory does not hold what one picture takes: use a machine with more, or a smaller input size"
    text = (str(error).strip().splitlines() or [""])[0]
    return text if isinstance(error, BrickbenchError) else f"{type(error).__name__}: {text}"
