"""What findings are drawn from: scores of one method's maps, logits, and what lies in the pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError, SettingsError
from core.settings import near_matches
from dataset.pile_dataset import PileDataset
from evaluation.intervals import FloatArray
from evaluation.measures import MEASURES
from evaluation.resize import resize_maps
from evaluation.statistics.effects import BoolArray
from evaluation.statistics.facts import PairFacts, read_logits, read_pair_facts
from evaluation.statistics.ranks import rank_methods
from evaluation.statistics.table import LEAD_METRICS, MethodLabel, ScoreTable, load_scores
from explain.methods import find_method
from explain.store import load_maps
from training.run.run import Run

FLOOR = "mass_on_floor"
TWIN_METRIC = "twin_top"
METRICS = (*LEAD_METRICS, FLOOR, "lift_on_floor")


@dataclass(frozen=True)
class Pictures:
    """The N pictures for which the network was asked about every part."""

    image_ids: tuple[str, ...]
    piles: NDArray[np.int64]
    """(N,)"""
    logits: FloatArray
    """(N, C)"""
    shown: BoolArray
    """(N, C), whether the part is a label of the picture."""
    absent: BoolArray
    """(N, C), whether nothing of the part is in the picture; a brick too hidden to be a label is neither."""


@dataclass(frozen=True)
class Overlap:
    """The map of one part held against the bricks of another that lies in the same picture."""

    pair: int
    """Number of the pair of picture and part that the map explains."""
    other: str
    """part_id of the other part."""
    share: float
    """Of the map's mass that lies on bricks of the other part."""
    area: float
    """Of the picture that those bricks cover."""


@dataclass(frozen=True)
class Material:
    """All that findings are drawn from."""

    run: Run
    table: ScoreTable
    method: int
    """Number in the table of the method whose maps are read."""
    chosen: bool
    """Whether that method was named by the user; else it is the one that comes first by its mean rank."""
    facts: PairFacts
    logits: Mapping[tuple[str, str], float]

    @cached_property
    def names(self) -> dict[str, str]:
        """Return the names of the parts, by part_id, in the order of the classes."""
        return {part.part_id: part.name for part in self.run.dataset.parts}

    @property
    def label(self) -> MethodLabel:
        """Return the method whose maps are read."""
        return self.table.methods[self.method]

    def scores(self, metric: str) -> FloatArray:
        """Return the scores of the method's maps, (P,), NaN where undefined or not scored."""
        if metric not in self.table.metrics:
            return np.full(len(self.table.pairs), np.nan)
        return np.asarray(self.table.values[self.method, self.table.metrics.index(metric)], dtype=np.float64)

    @property
    def reads_mass(self) -> bool:
        """Return whether shares of the maps' mass mean anything: without, parts are not held against each other."""
        return not self.label.no_zero

    @cached_property
    def twin_effects(self) -> tuple[int, int] | None:
        """Return for how many pairs no part's removal has an effect, and how many were asked; None without twins."""
        table = load_scores(self.run, self.table.checkpoint, [TWIN_METRIC])
        if not table.metrics:
            return None
        status = table.status[:, 0]
        asked = np.isin(status, ["ok", "no_effect"]).any(axis=0)
        without = (status == "no_effect").any(axis=0)
        return (int(without.sum()), int(asked.sum())) if asked.any() else None

    @cached_property
    def dataset(self) -> PileDataset:
        """Return the pictures with their masks."""
        return self.run.dataset.pictures(None, with_masks=True)

    @cached_property
    def overlaps(self) -> list[Overlap]:
        """Return how the maps lie on other parts than the one they explain, in the order of the pairs.

        Only parts that are labels of the picture count, named ones and others.
        """
        number_of = {image_id: number for number, image_id in enumerate(self.dataset.image_ids)}
        masks_of, labels = lru_cache(maxsize=64)(self.dataset.masks), _labels(self.run)
        chosen = [
            (pair, row)
            for (method, pair), row in self.table.rows.items()
            if method == self.method and self.table.pairs[pair] in labels and row.image_id in number_of
        ]
        chosen.sort(key=lambda item: (item[1].file, item[1].row))
        overlaps = []
        for (pair, row), values in zip(chosen, load_maps(self.run.folder, [row for _, row in chosen]), strict=True):
            masks = masks_of(number_of[row.image_id])
            if len(masks) > 1 and row.part_id in masks:
                height, width = masks[row.part_id].shape
                resized = resize_maps(values[None], height, width, find_method(row.method).resize)[0]
                overlaps += [Overlap(pair, *found) for found in overlaps_of(resized, row.part_id, masks)]
        return sorted(overlaps, key=lambda overlap: (overlap.pair, overlap.other))

    @cached_property
    def pictures(self) -> Pictures:
        """Return the pictures of the judged splits for which there are logits."""
        return _pictures(self)


def overlaps_of(values: FloatArray, named: str, masks: Mapping[str, BoolArray]) -> list[tuple[str, float, float]]:
    """Return (other part, share of the mass on it, share of the area) of one map, for each other part.

    Args:
        values: (H, W) the map at the size of the masks; negative values count as 0.
        named: the part that the map explains. What lies on its own bricks counts for no other part, as where boxes of
            photos overlap.
        masks: (H, W) by part. A part of which nothing is left is passed over.

    Nothing comes back where the map is not finite or has no positive value.
    """
    if not np.isfinite(values).all():
        return []
    mass = np.maximum(values, 0.0).astype(np.float64)
    total = float(mass.sum())
    if not total > 0:
        return []
    own = masks.get(named, np.zeros(values.shape, dtype=np.bool_))
    overlaps = []
    for part_id, mask in masks.items():
        other = mask & ~own
        if part_id != named and other.any():
            overlaps.append((part_id, float(mass[other].sum()) / total, float(other.mean())))
    return overlaps


def gather_material(run: Run, *, checkpoint: str | None = None, method: str | None = None) -> Material:
    """Return what findings are drawn from; the arguments are those of `evaluation.findings.page.write_findings`.

    Raises:
        BrickbenchError: there are no scores, or not those that are needed.
        SettingsError: no such checkpoint, no such method, or one that is no explanation.
    """
    table = load_scores(run, checkpoint, [name for name in MEASURES if name in METRICS])
    if FLOOR not in table.metrics:
        raise BrickbenchError(
            f"{run.folder} has no scores of {FLOOR}: make them with `brickbench evaluate localize {run.folder}`."
        )
    logits = read_logits(run, table.checkpoint)
    return Material(
        run=run,
        table=table,
        method=_choose(table, method),
        chosen=method is not None,
        facts=read_pair_facts(run.dataset, table.pairs, logits),
        logits=logits,
    )


def _choose(table: ScoreTable, name: str | None) -> int:
    ranked = [number for number, method in enumerate(table.methods) if method.is_ranked]
    names = [table.methods[number].name for number in ranked]
    if not ranked:
        raise BrickbenchError(
            "Only baselines were scored: they know nothing of the network. Make maps that explain it."
        )
    if name is not None:
        if name not in names:
            raise SettingsError(
                f"There are no scored maps of an explanation {name!r}{near_matches(name, names)}; "
                f"there are those of {', '.join(names)}."
            )
        return ranked[names.index(name)]
    ranked = [number for number in ranked if not table.methods[number].no_zero] or ranked
    values = table.values[ranked, table.metrics.index(table.lead)]
    ranking = rank_methods(values, table.piles, MEASURES[table.lead].direction, ())
    return ranked[0 if ranking is None else ranking.order[0]]


def _labels(run: Run) -> set[tuple[Any, ...]]:
    return set(run.dataset.query("SELECT image_id, part_id FROM labels"))


def _pictures(material: Material) -> Pictures:
    classes, dataset = material.run.info.classes, material.run.dataset
    asked = {image_id for image_id, _ in material.logits}
    rows = dataset.query(
        "SELECT image_id, split, dense_rank() OVER (ORDER BY group_id) - 1, twin_of IS NOT NULL FROM images "
        "ORDER BY image_id"
    )
    contents = set(dataset.query("SELECT image_id, part_id FROM contents"))
    judged = {image_id for image_id, _ in material.table.pairs}
    splits = {split for image_id, split, _, _ in rows if image_id in judged}
    chosen = [row for row in rows if row[0] in asked and row[1] in splits and not row[3]]
    labels = _labels(material.run)
    image_ids = tuple(image_id for image_id, *_ in chosen)
    grid = [[(image_id, part_id) for part_id in classes] for image_id in image_ids]
    shape = (len(image_ids), len(classes))
    return Pictures(
        image_ids=image_ids,
        piles=np.array([pile for _, _, pile, _ in chosen], dtype=np.int64),
        logits=np.array([[material.logits.get(pair, np.nan) for pair in row] for row in grid]).reshape(shape),
        shown=np.array([[pair in labels for pair in row] for row in grid], dtype=np.bool_).reshape(shape),
        absent=np.array(
            [[pair not in contents and pair not in labels for pair in row] for row in grid], dtype=np.bool_
        ).reshape(shape),
    )
