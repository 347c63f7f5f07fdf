"""Maps of many pictures by several methods, written into a run; what is there already is not made again."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import BrickbenchError, SettingsError
from core.files import require_writable
from core.progress import Progress
from dataset.index import merge_run
from dataset.loader import PileDataset
from explain.baselines.oracle import Oracle
from explain.memory import BatchSize, is_out_of_memory
from explain.methods import create_method, find_method, with_normalisation
from explain.protocol import FloatMaps, Method
from explain.store import Attribution, method_folder, read_shard, write_shard
from training.checkpoint import Checkpoint, load_checkpoint
from training.devices import choose_device

IMAGES_A_SHARD = 16
"""A killed run loses at most this many pictures of a fast method, 4 of a slow one; 16 maps of 128 px are 1 MB."""
LOGITS_AT_ONCE = 32
Which = Literal["true", "predicted", "top", "missed"]


@dataclass
class BulkResult:
    """What was done: maps made now, maps that were there, failures by reason, batches that had to shrink."""

    made: int = 0
    found: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def explain_run(
    run_folder: Path,
    dataset_root: Path,
    methods: Mapping[str, Mapping[str, object]],
    *,
    split: str = "test",
    which: Which = "true",
    above: float = 0.0,
    limit: int | None = None,
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
        checkpoint: ``best`` or a name such as ``epoch_0007``.
        device: where the network runs.

    Raises:
        SettingsError: an unknown method or setting, or none at all.
        BrickbenchError: no such run or pictures; or, after everything else was done and merged, some maps failed:
            the message counts them by reason.
    """
    if not methods:
        raise SettingsError("No method was named: give --methods, such as gradcam,lime,random.")
    require_writable(run_folder)
    network = load_checkpoint(run_folder, checkpoint, choose_device(device))
    with_masks = any(find_method(name).kind == "oracle" for name in methods)
    pictures = PileDataset(dataset_root, split, classes=network.classes, with_masks=with_masks)
    chosen = range(len(pictures.image_ids) if limit is None else min(limit, len(pictures.image_ids)))
    made = {
        name: create_method(name, network.model, **with_normalisation(name, settings, network.mean, network.std))
        for name, settings in methods.items()
    }
    result = BulkResult()
    wanted = _wanted_classes(network, pictures, chosen, which, above, result)
    jobs = [_Job(run_folder, name, method, network, pictures, wanted) for name, method in made.items()]
    result.found = sum(job.found for job in jobs)
    total = sum(sum(map(len, wanted.values())) for _ in jobs)
    with Progress("Explain", total, "maps", done=result.found) as progress:
        for job in jobs:
            for start in range(0, len(job.todo), job.shard_images):
                result.made += job.run(job.todo[start : start + job.shard_images], result.failures, progress)
    result.notes += [f"{job.name}: {note}" for job in jobs for note in job.notes()]
    merge_run(dataset_root, run_folder)
    if result.failures:
        reasons = "; ".join(f"{count} times: {reason}" for reason, count in result.failures.most_common())
        raise BrickbenchError(
            f"{sum(result.failures.values())} pictures could not be explained, {result.made + result.found} maps are "
            f"there. {reasons.rstrip('.')}. Run the command again to try those once more."
        )
    return result


def _wanted_classes(
    network: Checkpoint, pictures: PileDataset, chosen: Sequence[int], which: Which, above: float, result: BulkResult
) -> dict[int, list[int]]:
    """Return for each chosen picture its class indices to explain."""
    if which == "true":
        return {place: np.flatnonzero(pictures.targets[place]).tolist() for place in chosen}
    device = next(network.model.parameters()).device
    batch = BatchSize(LOGITS_AT_ONCE, "pictures")

    def choose(part: slice) -> dict[int, list[int]]:
        ready = _ready([(place, []) for place in chosen[part]], network, pictures, result.failures)
        if not ready:
            return {}
        with torch.inference_mode():
            logits = network.model(torch.stack([image for *_, image in ready]).to(device)).cpu().numpy()
        positive = logits > above
        if which == "top":
            positive = logits == logits.max(axis=1, keepdims=True)
        elif which == "missed":
            positive = pictures.targets[[place for place, *_ in ready]].astype(bool) & ~positive
        return {place: np.flatnonzero(row).tolist() for (place, *_), row in zip(ready, positive, strict=True)}

    wanted: dict[int, list[int]] = {}
    for some in batch.batches(len(chosen), choose):
        wanted |= some
    result.notes += [f"logits: {batch.note}"] if batch.note else []
    return wanted


def _ready(
    group: Sequence[tuple[int, list[int]]], network: Checkpoint, pictures: PileDataset, failures: Counter[str]
) -> list[tuple[int, list[int], Tensor]]:
    """Return (picture, classes, network input) of the pictures that can be read; count the others."""
    ready = []
    for place, indices in group:
        try:
            ready.append((place, indices, network.network_input(pictures.image(place))))
        except BrickbenchError as error:
            failures[str(error)] += 1
    return ready


class _Job:
    """One method on the pictures that lack its maps."""

    def __init__(
        self,
        run_folder: Path,
        name: str,
        method: Method,
        network: Checkpoint,
        pictures: PileDataset,
        wanted: Mapping[int, list[int]],
    ) -> None:
        self.name, self._method = name, method
        at_once = find_method(name).images_at_once
        self._batch = BatchSize(at_once, "pictures")
        self.shard_images = min(IMAGES_A_SHARD, 4 * at_once)
        self._network, self._pictures = network, pictures
        self._digest = method.settings.digest()
        self._folder = method_folder(run_folder, name, method.settings)
        there = {row.attribution_id for path in self._shards() for row in read_shard(path)}
        lacking = {
            place: [index for index in indices if self._identity(place, index) not in there]
            for place, indices in wanted.items()
        }
        self.todo = [(place, indices) for place, indices in lacking.items() if indices]
        self.found = sum(map(len, wanted.values())) - sum(map(len, lacking.values()))

    def run(self, group: Sequence[tuple[int, list[int]]], failures: Counter[str], progress: Progress) -> int:
        """Explain one shard's worth of pictures, write it, and return the number of maps in it."""
        rows: list[Attribution] = []
        maps: list[FloatMaps] = []
        for explained in self._batch.batches(len(group), lambda part: self._explain(group[part], failures)):
            for place, indices, found, seconds in explained:
                rows += [self._row(place, index, seconds) for index in indices]
                maps += list(found)
            progress.advance(sum(len(indices) for _, indices, *_ in explained), note=self.name)
        if rows:
            write_shard(self._folder, rows, maps)
        return len(rows)

    def _explain(
        self, group: Sequence[tuple[int, list[int]]], failures: Counter[str]
    ) -> list[tuple[int, list[int], FloatMaps, float]]:
        """Return (picture, classes, maps, seconds a map) of what worked; count what did not."""
        ready = _ready(group, self._network, self._pictures, failures)
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

    def _attribute(
        self, ready: Sequence[tuple[int, list[int], Tensor]]
    ) -> list[tuple[int, list[int], FloatMaps, float]]:
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

    def notes(self) -> list[str]:
        """Return what did not fit into memory, if anything."""
        batches = [self._batch, getattr(self._method, "batch", None)]
        return [batch.note for batch in batches if isinstance(batch, BatchSize) and batch.note]

    def _masks(self, place: int, indices: Sequence[int]) -> list[NDArray[np.bool_]]:
        masks = self._pictures.masks(place)
        nowhere = np.zeros_like(self._pictures.all_bricks_mask(place))
        return [masks.get(self._network.classes[index], nowhere) for index in indices]

    def _shards(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*.parquet") if not path.name.startswith("."))

    def _identity(self, place: int, index: int) -> str:
        image_id, part_id = self._pictures.image_ids[place], self._network.classes[index]
        return f"{self._network.run_id}/{self._network.name}/{self.name}-{self._digest}/{image_id}/{part_id}"

    def _row(self, place: int, index: int, seconds: float) -> Attribution:
        return Attribution(
            attribution_id=self._identity(place, index),
            run_id=self._network.run_id,
            checkpoint=self._network.name,
            image_id=self._pictures.image_ids[place],
            part_id=self._network.classes[index],
            method=self.name,
            method_settings_hash=self._digest,
            file="",
            row=0,
            seconds=seconds,
        )


def _reason(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [""])[0]
    return text if isinstance(error, BrickbenchError) else f"{type(error).__name__}: {text}"
