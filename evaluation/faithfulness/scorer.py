"""Scores of a few maps by one measure, and of maps of noise; here, or in a worker of an engine."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from core.settings import Settings
from dataset.pile_dataset import PileDataset
from evaluation.faithfulness.explainer import Explainer
from evaluation.faithfulness.files import Score
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.order import noise_maps
from evaluation.faithfulness.protocol import FaithfulnessMetric, Maps, SeededSettings
from evaluation.faithfulness.registry import find_faithfulness
from evaluation.faithfulness.twins import Regions
from evaluation.faithfulness.unlearned import Unlearned
from evaluation.resize import resize_maps
from explain.methods import find_method
from explain.store import SETTINGS_FILE, Attribution, load_maps
from training.network.devices import choose_device
from training.run.checkpoint import Checkpoint, load_checkpoint

MAPS_AT_ONCE = 8
"""Maps that one call of a measure gets; its forward passes take as many of their changed pictures as fit."""


@dataclass(frozen=True)
class Slice:
    """Maps that follow each other in one file, to be scored by one measure."""

    metric: str
    rows: tuple[Attribution, ...]
    regions: Mapping[str, Regions] = field(default_factory=dict)
    """By picture, for a measure that needs twins."""

    @property
    def name(self) -> str:
        """What is scored by what, for those who watch."""
        return f"{self.rows[0].method} {self.metric}"


@dataclass(frozen=True)
class Noise:
    """Pictures and parts on which a measure scores maps of noise: what others are held against."""

    metric: str
    pairs: tuple[tuple[str, str], ...]
    """(image_id, part_id)."""

    @property
    def name(self) -> str:
        """What is scored by what, for those who watch."""
        return f"noise {self.metric}"


WorkItem = Slice | Noise


@dataclass(frozen=True)
class Answer:
    """What became of a work item."""

    scores: tuple[Score, ...]
    """One a map, in the order asked for. Chance is NaN where it is another item's to measure."""
    note: str | None
    """What did not fit into memory, if anything."""


@dataclass(frozen=True)
class Source:
    """What scores what, in words that a worker on another machine can follow."""

    run_folder: Path
    dataset_root: Path
    metrics: Mapping[str, Settings]
    checkpoint: str
    device: str
    pictures_at_once: int | None

    def load(self) -> "Scorer":
        """Return what scores: the network, the pictures, and what makes networks that have unlearned."""
        return Scorer(self, load_checkpoint(self.run_folder, self.checkpoint, choose_device(self.device)))


class Scorer:
    """What a process holds that scores."""

    def __init__(self, source: Source, checkpoint: Checkpoint) -> None:
        """Take what is asked for, and the network that was explained."""
        self.source, self.checkpoint = source, checkpoint
        self.network = Network(checkpoint.model, checkpoint.mean, checkpoint.std, source.pictures_at_once)
        self.pictures = PileDataset(source.dataset_root, None, classes=checkpoint.classes)
        self.unlearned = Unlearned(checkpoint, source.run_folder)
        self._place_of = {image_id: place for place, image_id in enumerate(self.pictures.image_ids)}
        self._class_of = {part_id: index for index, part_id in enumerate(checkpoint.classes)}

    def answer(self, item: WorkItem) -> Answer:
        """Return the scores of one work item, which do not depend on what was asked before."""
        scores = self._of_maps(item) if isinstance(item, Slice) else self._of_noise(item)
        return Answer(tuple(scores), self.network.note)

    def _of_maps(self, item: Slice) -> list[Score]:
        metric, settings = find_faithfulness(item.metric), self.source.metrics[item.metric]
        explainer = self._explainer(item)
        raw = list(load_maps(self.source.run_folder, item.rows))
        scores = []
        for start in range(0, len(item.rows), MAPS_AT_ONCE):
            group = slice(start, start + MAPS_AT_ONCE)
            maps, finite = self._maps(item.rows[group], raw[group], explainer, item.regions)
            values, chance = metric.compute(maps, settings)
            for value, level, is_finite, regions in zip(values, chance, finite, maps.regions, strict=True):
                status = _status(metric, value, regions, is_finite=is_finite)
                known = float(value) if status == "ok" else np.nan
                scores.append(Score(known, status, np.nan if metric.chance_of_noise else float(level)))
        return scores

    def _maps(
        self,
        rows: Sequence[Attribution],
        raw: Sequence[NDArray[np.float32]],
        explainer: Explainer | None,
        regions: Mapping[str, Regions],
    ) -> tuple[Maps, list[bool]]:
        """Return maps at the size of the network's input, and which of them are finite; the others become 0."""
        size, resize = self.checkpoint.input_size_px, find_method(rows[0].method).resize
        resized = [resize_maps(one[None], size, size, resize)[0] for one in raw]
        finite = [bool(np.isfinite(one).all()) for one in resized]
        images = {row.image_id: self._image(row.image_id) for row in rows}
        maps = Maps(
            network=self.network,
            images=torch.stack([images[row.image_id] for row in rows]),
            classes=np.array([self._class_of[row.part_id] for row in rows], dtype=np.int64),
            maps=np.stack([one if known else np.zeros_like(one) for one, known in zip(resized, finite, strict=True)]),
            explainer=explainer,
            regions=tuple(regions.get(row.image_id) for row in rows),
            unlearned=self.unlearned,
        )
        return maps, finite

    def _of_noise(self, item: Noise) -> list[Score]:
        """Score noise one by one, so that no level of chance depends on the pairs that are asked for beside it."""
        metric, settings = find_faithfulness(item.metric), self.source.metrics[item.metric]
        seed = settings.seed if isinstance(settings, SeededSettings) else 0
        scores = []
        for image_id, part_id in item.pairs:
            images, classes = self._image(image_id)[None], np.array([self._class_of[part_id]], dtype=np.int64)
            values, _ = metric.compute(Maps(self.network, images, classes, noise_maps(images, classes, seed)), settings)
            scores.append(Score(float(values[0]), _status(metric, values[0], None, is_finite=True), np.nan))
        return scores

    def _image(self, image_id: str) -> Tensor:
        return self.checkpoint.network_input(self.pictures.image(self._place_of[image_id]))

    def _explainer(self, item: Slice) -> Explainer | None:
        method = item.rows[0].method
        if find_method(method).kind == "oracle":
            return None
        path = (self.source.run_folder / item.rows[0].file).parent / SETTINGS_FILE
        return Explainer(method, yaml.safe_load(path.read_text(encoding="utf-8")) or {}, self.checkpoint.model)


_held: list[Scorer] = []
_limits = contextlib.ExitStack()


def hold(source: Source, threads: int) -> None:
    """Make this process ready to score, with `threads` threads, for as long as it lives."""
    torch.set_num_threads(threads)
    _limits.enter_context(one_thread_of_blas())
    _held[:] = [source.load()]


def score_item(item: WorkItem) -> Answer:
    """Return the scores of one work item; `hold` comes first."""
    (held,) = _held
    return held.answer(item)


@contextlib.contextmanager
def one_thread_of_blas() -> Iterator[None]:
    """Keep linear algebra to one thread while the block lasts: many small products are quicker so, as in `explain`."""
    with threadpool_limits(1, user_api="blas"):
        yield


def _status(metric: FaithfulnessMetric, value: float, regions: Regions | None, *, is_finite: bool) -> str:
    if not is_finite:
        return "nonfinite"
    if not np.isnan(value):
        return "ok"
    return "no_twin" if metric.kind == "twins" and regions is None else metric.undefined
