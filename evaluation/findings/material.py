"""What findings are drawn from: scores of one method's maps, logits, and what lies in the pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError, SettingsError
from core.settings import near_matches
from dataset.pile_dataset import PileDataset
from evaluation.findings.sharing import Overlap, read_overlaps
from evaluation.intervals import FloatArray
from evaluation.measures import MEASURES
from evaluation.statistics.effects import BoolArray
from evaluation.statistics.facts import PairFacts, read_logits, read_pair_facts
from evaluation.statistics.ranks import rank_methods
from evaluation.statistics.table import LEAD_METRICS, MethodLabel, ScoreTable, load_scores
from training.run.run import Run

FLOOR = "mass_on_floor"
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
class OverlapColumns:
    """How L times a map lies on another part than the one that it explains."""

    explained: NDArray[np.int64]
    """(L,) class that the map explains; -1 for a part that the network does not know."""
    other: NDArray[np.int64]
    """(L,) class of the bricks that it is held against."""
    share: FloatArray
    """(L,) of the map's mass that lies on them."""
    area: FloatArray
    """(L,) share of the picture that they cover."""
    piles: NDArray[np.int64]
    """(L,)"""


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

    @cached_property
    def dataset(self) -> PileDataset:
        """Return the pictures with their masks."""
        return self.run.dataset.pictures(None, with_masks=True)

    @cached_property
    def overlaps(self) -> list[Overlap]:
        """Return how the maps lie on other parts than the one they explain."""
        rows = {pair: row for (method, pair), row in self.table.rows.items() if method == self.method}
        labels = _labels(self.run)
        return read_overlaps(self.run.folder, self.dataset, rows, [pair in labels for pair in self.table.pairs])

    @cached_property
    def overlap_columns(self) -> OverlapColumns:
        """Return `overlaps` as columns."""
        class_of = {part_id: number for number, part_id in enumerate(self.run.info.classes)}
        pairs = np.array([overlap.pair for overlap in self.overlaps], dtype=np.int64)
        return OverlapColumns(
            explained=np.array([class_of.get(self.table.pairs[pair][1], -1) for pair in pairs], dtype=np.int64),
            other=np.array([class_of.get(overlap.other, -1) for overlap in self.overlaps], dtype=np.int64),
            share=np.array([overlap.share for overlap in self.overlaps], dtype=np.float64),
            area=np.array([overlap.area for overlap in self.overlaps], dtype=np.float64),
            piles=self.table.piles[pairs],
        )

    @cached_property
    def pictures(self) -> Pictures:
        """Return the pictures of the judged splits for which there are logits."""
        return _pictures(self)


def gather_material(run: Run, *, checkpoint: str | None = None, method: str | None = None) -> Material:
    """Return what findings are drawn from.

    Args:
        run: with scores of maps of its dataset's pictures.
        checkpoint: whose maps; None takes the best one that has scores.
        method: whose maps, as tables call it; None takes the explanation with the best mean rank.

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
