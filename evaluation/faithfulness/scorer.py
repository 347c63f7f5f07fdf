"""Scores of a few maps by one measure, and of maps of noise; here, or in a worker of an engine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from core.settings import Settings
from dataset.pile_dataset import PileDataset
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.order import noise_maps
from evaluation.faithfulness.protocol import Maps, Reexplainer, SeededSettings
from evaluation.faithfulness.registry import FaithfulnessMeasure, find_faithfulness
from evaluation.faithfulness.twins import Regions
from evaluation.faithfulness.unlearned import Unlearned
from evaluation.measure import Score
from evaluation.resize import resize_maps
from explain.methods import find_method
from explain.store import SETTINGS_FILE, Attribution, load_maps
from training.network.devices import choose_device
from training.run.checkpoint import Checkpoint
from training.run.run import Run

MAPS_AT_ONCE = 8
"""Maps that one call of a measure gets; its forward passes take as many of their changed pictures as fit."""


@dataclass(frozen=True)
class Slice:
    """Maps that follow each other in one file, to be scored by one measure."""

    size: ClassVar[int] = 1
    """One failure, however many maps."""
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

    size: ClassVar[int] = 1
    """One failure, however many maps."""
    metric: str
    pairs: tuple[tuple[str, str], ...]
    """(image_id, part_id)."""

    @property
    def name(self) -> str:
        """What is scored by what, for those who watch."""
        return f"noise {self.metric}"


WorkItem = Slice | Noise


@dataclass(frozen=True)
class ItemScores:
    """What became of a work item."""

    scores: tuple[Score, ...]
    """One a map, in the order asked for. Chance is NaN where it is another item's to measure."""
    note: str | None
    """What did not fit into memory, if anything."""


@dataclass(frozen=True)
class ScoringContext:
    """What scores what, in words that a worker on another machine can follow; each process loads it once."""

    run: Run
    metrics: Mapping[str, Settings]
    checkpoint: str
    device: str
    pictures_at_once: int | None

    @cached_property
    def trained(self) -> Checkpoint:
        """The network that was explained."""
        return self.run.load(self.checkpoint, choose_device(self.device))

    @cached_property
    def network(self) -> Network:
        """The same, as it is asked about changed pictures."""
        return Network(self.trained.model, self.trained.mean, self.trained.std, self.pictures_at_once)

    @cached_property
    def pictures(self) -> PileDataset:
        """The pictures that were explained, and all others."""
        return self.run.dataset.pictures(None, self.trained.classes)

    @cached_property
    def unlearned(self) -> Unlearned:
        """What makes networks that have unlearned."""
        return Unlearned(self.trained, self.run.folder)

    @cached_property
    def index_of(self) -> dict[str, int]:
        """The place of each picture in `pictures`, by image_id."""
        return {image_id: index for index, image_id in enumerate(self.pictures.image_ids)}

    @contextmanager
    def ready(self, threads: int) -> Iterator["ScoringContext"]:
        """Give itself, with torch at `threads` threads (0 leaves them) and linear algebra at one.

        Many small products are quicker so, as in `explain`.
        """
        if threads:
            torch.set_num_threads(threads)
        with threadpool_limits(1, user_api="blas"):
            self.network, self.index_of  # noqa: B018  loaded before the first item, as in `explain`
            yield self

    def __getstate__(self) -> dict[str, Any]:
        """Return what travels to another process, which loads the rest itself: the very same checkpoint."""
        words = {field.name: getattr(self, field.name) for field in fields(self)}
        return words | {"checkpoint": self.trained.name}  # "best" may be another one when a worker asks


def score_item(context: ScoringContext, item: WorkItem) -> ItemScores:
    """Return the scores of one work item, which do not depend on what was asked before."""
    scores = _of_maps(context, item) if isinstance(item, Slice) else _of_noise(context, item)
    return ItemScores(tuple(scores), context.network.note)


def _of_maps(context: ScoringContext, item: Slice) -> list[Score]:
    metric, settings = find_faithfulness(item.metric), context.metrics[item.metric]
    reexplainer = _reexplainer(context, item)
    raw = list(load_maps(context.run.folder, item.rows))
    scores = []
    for start in range(0, len(item.rows), MAPS_AT_ONCE):
        group = slice(start, start + MAPS_AT_ONCE)
        maps, finite = _maps(context, item.rows[group], raw[group], reexplainer, item.regions)
        values, chance = metric.compute(maps, settings)
        reason, lacks = metric.lacking or ("", lambda maps, _: np.zeros(len(maps.maps), dtype=np.bool_))
        why = np.where(lacks(maps, settings), reason, metric.undefined)
        for value, level, is_finite, regions, lacking in zip(values, chance, finite, maps.regions, why, strict=True):
            status = _status(metric, value, regions, str(lacking), is_finite=is_finite)
            known = float(value) if status == "ok" else np.nan
            scores.append(Score(known, status, np.nan if metric.chance_of_noise else float(level)))
    return scores


def _maps(
    context: ScoringContext,
    rows: Sequence[Attribution],
    raw: Sequence[NDArray[np.float32]],
    reexplainer: Reexplainer | None,
    regions: Mapping[str, Regions],
) -> tuple[Maps, list[bool]]:
    """Return maps at the size of the network's input, and which of them are finite; the others become 0."""
    size, resize = context.trained.input_size_px, find_method(rows[0].method).resize
    resized = [resize_maps(one[None], size, size, resize)[0] for one in raw]
    finite = [bool(np.isfinite(one).all()) for one in resized]
    images = {row.image_id: _image(context, row.image_id) for row in rows}
    maps = Maps(
        network=context.network,
        images=torch.stack([images[row.image_id] for row in rows]),
        classes=np.array([context.trained.classes.index(row.part_id) for row in rows], dtype=np.int64),
        maps=np.stack([one if known else np.zeros_like(one) for one, known in zip(resized, finite, strict=True)]),
        reexplainer=reexplainer,
        regions=tuple(regions.get(row.image_id) for row in rows),
        unlearned=context.unlearned,
    )
    return maps, finite


def _of_noise(context: ScoringContext, item: Noise) -> list[Score]:
    """Score noise one by one, so that no level of chance depends on the pairs that are asked for beside it."""
    metric, settings = find_faithfulness(item.metric), context.metrics[item.metric]
    seed = settings.seed if isinstance(settings, SeededSettings) else 0
    scores = []
    for image_id, part_id in item.pairs:
        images = _image(context, image_id)[None]
        classes = np.array([context.trained.classes.index(part_id)], dtype=np.int64)
        values, _ = metric.compute(Maps(context.network, images, classes, noise_maps(images, classes, seed)), settings)
        scores.append(
            Score(float(values[0]), _status(metric, values[0], None, metric.undefined, is_finite=True), np.nan)
        )
    return scores


def _image(context: ScoringContext, image_id: str) -> Tensor:
    return context.trained.network_input(context.pictures.image(context.index_of[image_id]))


def _reexplainer(context: ScoringContext, item: Slice) -> Reexplainer | None:
    method = item.rows[0].method
    if find_method(method).kind == "oracle":
        return None
    path = (context.run.folder / item.rows[0].file).parent / SETTINGS_FILE
    return Reexplainer(method, yaml.safe_load(path.read_text(encoding="utf-8")) or {}, context.trained.model)


def _status(metric: FaithfulnessMeasure, value: float, regions: Regions | None, why: str, *, is_finite: bool) -> str:
    if not is_finite:
        return "nonfinite"
    if not np.isnan(value):
        return "ok"
    return "no_twin" if metric.kind == "twins" and regions is None else why
