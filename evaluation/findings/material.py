"""What findings are drawn from: scores of one method's maps, logits, and what lies in the pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError, SettingsError
from core.settings import near_matches
from dataset.index import open_index
from dataset.manifest import Manifest
from dataset.pile_dataset import PileDataset
from evaluation.findings.sharing import Overlap, read_overlaps
from evaluation.intervals import FloatArray
from evaluation.localization.registry import METRICS
from evaluation.report.data import read_logits
from evaluation.report.gallery import LEAD_METRICS
from evaluation.statistics.facts import PairFacts, read_pair_facts
from evaluation.statistics.ranks import rank_methods
from evaluation.statistics.table import MethodLabel, ScoreTable, read_scored_run
from training.run.run import RunInfo

FLOOR = "mass_on_floor"
WANTED = (*LEAD_METRICS, FLOOR, "lift_on_floor")
BoolArray = NDArray[np.bool_]


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

    run_folder: Path
    root: Path
    info: RunInfo
    table: ScoreTable
    method: int
    """Number in the table of the method whose maps are read."""
    chosen: bool
    """Whether that method was named by the user; else it is the one that comes first by its mean rank."""
    facts: PairFacts
    logits: Mapping[tuple[str, str], float]
    names: Mapping[str, str]
    """Of the parts, by part_id, in the order of the classes."""

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
        return PileDataset(self.root, None, with_masks=True)

    @cached_property
    def overlaps(self) -> list[Overlap]:
        """Return how the maps lie on other parts than the one they explain."""
        rows = {pair: row for (method, pair), row in self.table.rows.items() if method == self.method}
        labels = _labels(self.root)
        return read_overlaps(self.run_folder, self.dataset, rows, [pair in labels for pair in self.table.pairs])

    @cached_property
    def overlap_columns(self) -> OverlapColumns:
        """Return `overlaps` as columns."""
        class_of = {part_id: place for place, part_id in enumerate(self.info.classes)}
        pairs = np.array([each.pair for each in self.overlaps], dtype=np.int64)
        return OverlapColumns(
            explained=np.array([class_of.get(self.table.pairs[pair][1], -1) for pair in pairs], dtype=np.int64),
            other=np.array([class_of.get(each.other, -1) for each in self.overlaps], dtype=np.int64),
            share=np.array([each.share for each in self.overlaps], dtype=np.float64),
            area=np.array([each.area for each in self.overlaps], dtype=np.float64),
            piles=self.table.piles[pairs],
        )

    @cached_property
    def pictures(self) -> Pictures:
        """Return the pictures of the judged splits for which there are logits."""
        return _pictures(self)


def gather_material(
    run_folder: Path, root: Path, *, checkpoint: str | None = None, method: str | None = None
) -> Material:
    """Return what findings are drawn from.

    Args:
        run_folder: with scores.
        root: the dataset that was explained.
        checkpoint: whose maps; None takes the best one that has scores.
        method: whose maps, as tables call it; None takes the explanation with the best mean rank.

    Raises:
        BrickbenchError: there are no scores, or not those that are needed.
        SettingsError: no such checkpoint, no such method, or one that is no explanation.
    """
    run = read_scored_run(run_folder, root)
    table = run.table(run.choose(checkpoint), {name: METRICS[name] for name in METRICS if name in WANTED})
    if FLOOR not in table.metrics:
        raise BrickbenchError(
            f"{run_folder} has no scores of {FLOOR}: make them with `brickbench evaluate localize {run_folder}`."
        )
    logits = read_logits(run_folder, table.checkpoint, root)
    return Material(
        run_folder=run_folder,
        root=root,
        info=RunInfo.load_run(run_folder),
        table=table,
        method=_choose(table, method),
        chosen=method is not None,
        facts=read_pair_facts(root, table.pairs, logits),
        logits=logits,
        names={part.part_id: part.name for part in Manifest.load_folder(root).parts},
    )


def _choose(table: ScoreTable, wanted: str | None) -> int:
    ranked = [place for place, each in enumerate(table.methods) if each.is_ranked]
    names = [table.methods[place].name for place in ranked]
    if not ranked:
        raise BrickbenchError(
            "Only baselines were scored: they know nothing of the network. Make maps that explain it."
        )
    if wanted is not None:
        if wanted not in names:
            raise SettingsError(
                f"There are no scored maps of an explanation {wanted!r}{near_matches(wanted, names)}; "
                f"there are those of {', '.join(names)}."
            )
        return ranked[names.index(wanted)]
    lead = next((name for name in LEAD_METRICS if name in table.metrics), FLOOR)
    direction = METRICS[lead].direction
    ranking = rank_methods(table.values[ranked, table.metrics.index(lead)], table.piles, direction, ())
    return ranked[0 if ranking is None else ranking.order[0]]


def _labels(root: Path) -> set[tuple[str, str]]:
    with open_index(root) as index:
        return set(index.execute("SELECT image_id, part_id FROM labels").fetchall())


def _pictures(found: Material) -> Pictures:
    classes = found.info.classes
    asked = {image_id for image_id, _ in found.logits}
    with open_index(found.root) as index:
        rows = index.execute(
            "SELECT image_id, split, dense_rank() OVER (ORDER BY group_id) - 1, twin_of IS NOT NULL FROM images "
            "ORDER BY image_id"
        ).fetchall()
        contents = set(index.execute("SELECT image_id, part_id FROM contents").fetchall())
    judged = {image_id for image_id, _ in found.table.pairs}
    splits = {split for image_id, split, _, _ in rows if image_id in judged}
    chosen = [row for row in rows if row[0] in asked and row[1] in splits and not row[3]]
    labels = _labels(found.root)
    image_ids = tuple(image_id for image_id, *_ in chosen)
    grid = [[(image_id, part_id) for part_id in classes] for image_id in image_ids]
    shape = (len(image_ids), len(classes))
    return Pictures(
        image_ids=image_ids,
        piles=np.array([pile for _, _, pile, _ in chosen], dtype=np.int64),
        logits=np.array([[found.logits.get(each, np.nan) for each in row] for row in grid]).reshape(shape),
        shown=np.array([[each in labels for each in row] for row in grid], dtype=np.bool_).reshape(shape),
        absent=np.array(
            [[each not in contents and each not in labels for each in row] for row in grid], dtype=np.bool_
        ).reshape(shape),
    )
