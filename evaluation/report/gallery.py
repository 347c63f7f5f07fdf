"""Pictures for the report: which pairs to show, and each one's picture and maps as data URIs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.pages import data_uri, page_number
from dataset.pile_dataset import PileDataset
from evaluation.measures import MEASURES
from evaluation.report.judge import CORE
from evaluation.statistics.table import ScoreTable
from explain.draw import Colouring, Picture, colouring_of, overlay, scaled_picture, with_outline
from explain.methods import METHODS
from explain.store import load_maps
from training.run.run import Run

SIZE_PX = 360
METHODS_SHOWN = 4


@dataclass(frozen=True)
class Panel:
    """One picture of a case."""

    title: str
    alt: str
    uri: str
    scores: tuple[tuple[str, str], ...] = ()
    """Title and value of a few metrics."""
    scale: str = ""
    """What the colours stand for."""


@dataclass(frozen=True)
class Case:
    """One pair of picture and part: the picture with its mask, and each method's map."""

    kind: str
    """Why it is shown, such as ``best``."""
    image_id: str
    part_id: str
    part_name: str
    logit: float | None
    panels: tuple[Panel, ...]


def choose_pairs(table: ScoreTable, methods: Sequence[int], count: int) -> list[tuple[str, int]]:
    """Return up to `count` pairs with the reason for each: best, median and worst, and where methods differ most.

    Pairs are ranked by the mean over `methods` of the first lead metric that has values; a picture is shown once.
    """
    values = _good(table, methods)
    usable = np.flatnonzero(~np.isnan(values).any(axis=0))
    order = usable[np.argsort(-values[:, usable].mean(axis=0), kind="stable")]
    middle = len(order) // 2
    around = sorted(range(len(order)), key=lambda rank: abs(rank - middle))
    wishes = {
        "best": list(order),
        "median": [order[rank] for rank in around],
        "worst": list(order[::-1]),
    }
    if len(methods) > 1:
        gap = values[0] - values[1]
        titles = [table.methods[method].title for method in methods[:2]]
        for lead, ahead, behind in ((gap, *titles), (-gap, *titles[::-1])):
            leading = usable[lead[usable] > 0]
            wishes[f"{ahead} ahead of {behind}"] = list(leading[np.argsort(-lead[leading], kind="stable")])
    chosen: list[tuple[str, int]] = []
    seen: set[str] = set()
    while len(chosen) < count and any(wishes.values()):
        for kind, queue in wishes.items():
            while queue and table.pairs[queue[0]][0] in seen:
                queue.pop(0)
            if queue and len(chosen) < count:
                seen.add(table.pairs[queue[0]][0])
                chosen.append((kind, int(queue.pop(0))))
    kinds = list(wishes)
    return sorted(chosen, key=lambda item: kinds.index(item[0]))


def choose_own(table: ScoreTable, method: int) -> list[tuple[str, int]]:
    """Return the best, median and worst pair of one method, with the reason for each, on the first lead metric.

    Ties go to the first pair; a method with fewer than three values has fewer cases.
    """
    values = _good(table, [method])[0]
    order = np.flatnonzero(~np.isnan(values))
    order = order[np.argsort(-values[order], kind="stable")]
    ranks = {"best": 0, "median": len(order) // 2, "worst": len(order) - 1}
    kind_of: dict[int, str] = {}
    for kind, rank in ranks.items():
        if len(order):
            kind_of.setdefault(int(order[rank]), kind)
    return [(kind, pair) for pair, kind in kind_of.items()]


def _good(table: ScoreTable, methods: Sequence[int]) -> NDArray[np.float64]:
    """Return (methods, P) values of the first lead metric, turned so that higher is better."""
    lead = table.lead
    sign = 1.0 if MEASURES[lead].direction == "higher" else -1.0
    return np.asarray(sign * table.values[list(methods), table.metrics.index(lead)], dtype=np.float64)


def picture_and_mask(pictures: PileDataset, number: int, part_id: str) -> tuple[Picture, NDArray[np.bool_]]:
    """Return a picture and where a part lies in it: nowhere if it was explained because predicted."""
    picture = pictures.image(number)
    mask = pictures.masks(number).get(part_id)
    return picture, np.zeros(picture.shape[:2], dtype=np.bool_) if mask is None else mask


class Gallery:
    """Draws pairs of picture and part with their maps."""

    def __init__(self, run: Run, table: ScoreTable, logits: Mapping[tuple[str, str], float]) -> None:
        """Take a run with its scores, and the logits of (image_id, part_id), as far as they are known."""
        self._run_folder, self._table, self._logits = run.folder, table, logits
        self._pictures = run.dataset.pictures(None, with_masks=True)
        self._names = {part.part_id: part.name for part in run.dataset.parts}
        self._number_of = {image_id: number for number, image_id in enumerate(self._pictures.image_ids)}
        self._ranked = [number for number, method in enumerate(table.methods) if method.is_ranked]

    def side_by_side(self, count: int) -> list[Case]:
        """Return up to `count` cases with the first explanations of the table beside each other."""
        methods = (self._ranked or list(range(len(self._table.methods))))[:METHODS_SHOWN]
        return [self._case(kind, pair, methods) for kind, pair in choose_pairs(self._table, methods, count)]

    def by_method(self) -> list[tuple[str, list[Case]]]:
        """Return each explanation's title with its own best, median and worst case."""
        return [
            (
                self._table.methods[method].title,
                [self._case(kind, pair, [method]) for kind, pair in choose_own(self._table, method)],
            )
            for method in self._ranked
        ]

    def _case(self, kind: str, pair: int, methods: Sequence[int]) -> Case:
        image_id, part_id = self._table.pairs[pair]
        picture, mask = picture_and_mask(self._pictures, self._number_of[image_id], part_id)
        name = self._names.get(part_id, part_id)
        first = Panel(
            title="Picture",
            alt=f"Picture {image_id}; the outline marks {name}, {mask.mean():.1%} of the picture.",
            uri=data_uri(with_outline(scaled_picture(picture, SIZE_PX), mask)),
        )
        drawn = [
            self._panel(method, pair, picture, mask, name) for method in methods if (method, pair) in self._table.rows
        ]
        return Case(kind, image_id, part_id, name, self._logits.get((image_id, part_id)), (first, *drawn))

    def _panel(self, method: int, pair: int, picture: Picture, mask: NDArray[np.bool_], name: str) -> Panel:
        table, row = self._table, self._table.rows[method, pair]
        values = next(load_maps(self._run_folder, [row]))
        title = table.methods[method].title
        scores = tuple(
            (MEASURES[metric].title, page_number(table.values[method, table.metrics.index(metric), pair]))
            for metric in CORE
            if metric in table.metrics
        )
        words = ", ".join(f"{label} {value}" for label, value in scores)
        drawn = overlay(picture, values, resize=METHODS[row.method].resize, size_px=SIZE_PX, mask=mask)
        alt = f"{title} map for {name}: {words}."
        return Panel(title, alt, data_uri(drawn), scores, _scale(colouring_of(values)))


def _scale(colouring: Colouring) -> str:
    ticks = [label for _, label in colouring.ticks()]
    return f"{ticks[0]} blue to {ticks[-1]} yellow" if colouring.signed else f"{ticks[0]} to {ticks[-1]}"
