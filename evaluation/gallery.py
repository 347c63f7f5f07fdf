"""Pictures for the report: which pairs to show, and each one's picture and maps as data URIs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.pages import data_uri
from dataset.loader import PileDataset
from evaluation.localization import METRICS
from evaluation.table import ScoreTable
from explain.draw import Colouring, Picture, colouring_of, overlay, scaled_picture, with_outline
from explain.methods import METHODS
from explain.store import load_maps

LEAD_METRICS = ("mass_accuracy", "rank_accuracy", "pointing_game", "iou_fixed")
SHOWN_METRICS = ("pointing_game", "mass_accuracy", "rank_accuracy", "iou_fixed")
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
    lead = next((name for name in LEAD_METRICS if name in table.metrics), table.metrics[0])
    values = table.values[list(methods), table.metrics.index(lead)]  # (methods, P)
    usable = np.flatnonzero(~np.isnan(values).any(axis=0))
    order = usable[np.argsort(-values[:, usable].mean(axis=0), kind="stable")]
    middle = len(order) // 2
    around = sorted(range(len(order)), key=lambda place: abs(place - middle))
    wishes = {
        "best": list(order),
        "median": [order[place] for place in around],
        "worst": list(order[::-1]),
    }
    if len(methods) > 1:
        gap = values[0] - values[1]
        titles = [table.methods[method].title for method in methods[:2]]
        for lead, ahead, behind in ((gap, *titles), (-gap, *titles[::-1])):
            there = usable[lead[usable] > 0]
            wishes[f"{ahead} ahead of {behind}"] = list(there[np.argsort(-lead[there], kind="stable")])
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


def gallery(
    run_folder: Path,
    table: ScoreTable,
    pictures: PileDataset,
    names: dict[str, str],
    logits: dict[tuple[str, str], float],
    count: int,
) -> list[Case]:
    """Return up to `count` cases with the explanation methods of `table` side by side.

    Args:
        run_folder: holds the maps.
        table: scores, and where the maps are.
        pictures: the dataset, with masks.
        names: of parts, by part_id.
        logits: of (image_id, part_id), as far as they are known.
        count: how many pairs.
    """
    explanations = [place for place, method in enumerate(table.methods) if method.is_ranked]
    methods = (explanations or list(range(len(table.methods))))[:METHODS_SHOWN]
    place_of = {image_id: place for place, image_id in enumerate(pictures.image_ids)}
    cases = []
    for kind, pair in choose_pairs(table, methods, count):
        image_id, part_id = table.pairs[pair]
        picture = pictures.image(place_of[image_id])
        mask = pictures.masks(place_of[image_id])[part_id]
        name = names.get(part_id, part_id)
        first = Panel(
            title="Picture",
            alt=f"Picture {image_id}; the outline marks {name}, {mask.mean():.1%} of the picture.",
            uri=data_uri(with_outline(scaled_picture(picture, SIZE_PX), mask)),
        )
        panels = (first, *_panels(run_folder, table, methods, pair, picture, mask, name))
        cases.append(Case(kind, image_id, part_id, name, logits.get((image_id, part_id)), panels))
    return cases


def _panels(
    run_folder: Path,
    table: ScoreTable,
    methods: Sequence[int],
    pair: int,
    picture: Picture,
    mask: NDArray[np.bool_],
    name: str,
) -> Iterator[Panel]:
    for method in methods:
        row = table.rows.get((method, pair))
        if row is None:
            continue
        values = next(load_maps(run_folder, [row]))
        title = table.methods[method].title
        scores = tuple(
            (METRICS[metric].title, _score(table.values[method, table.metrics.index(metric), pair]))
            for metric in SHOWN_METRICS
            if metric in table.metrics
        )
        scale = _scale(colouring_of(values))
        words = ", ".join(f"{label} {value}" for label, value in scores)
        drawn = overlay(picture, values, resize=METHODS[row.method].resize, size_px=SIZE_PX, mask=mask)
        yield Panel(title, f"{title} map for {name}: {words}.", data_uri(drawn), scores, scale)


def _scale(colouring: Colouring) -> str:
    if colouring.signed:
        return f"−{colouring.limit:.2g} blue to {colouring.limit:.2g} red"
    return f"0 to {colouring.limit:.2g}"


def _score(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}"
