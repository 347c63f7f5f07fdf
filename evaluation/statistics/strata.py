"""Pairs of picture and part told apart by what they have in common, and the scores within each such group."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.intervals import FloatArray, Interval, mean_intervals
from evaluation.measure import BoolArray
from evaluation.measures import MEASURES
from evaluation.statistics.facts import ObjectArray, PairFacts
from evaluation.statistics.table import MethodLabel, ScoreTable

FEWEST_PILES = 10
"""Below this an interval says more about the bootstrap than about the method: none is given."""
BRICK_COUNTS = ((0, 0), (1, 1), (2, 3), (4, 6), (7, 10), (11, None))
VISIBLE_EDGES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
CONFIDENCE_EDGES = (0.5, 0.6, 0.75, 0.9, 0.99, 1.0)
SIZE_GROUPS = 5
_SOURCES = {"synthetic": "renders", "real": "photos"}


@dataclass(frozen=True)
class Stratum:
    """Some of the pairs."""

    dimension: str
    """What they were told apart by, such as ``lighting``."""
    name: str
    """Such as ``sun``."""
    pairs: BoolArray
    """(P,) which they are."""
    middle: float = np.nan
    """Median of the number they were told apart by, for curves; NaN where that is no number."""


@dataclass(frozen=True)
class StratumScore:
    """One method on one metric in one stratum."""

    stratum: Stratum
    method: MethodLabel
    metric: str
    interval: Interval
    """Without ends where there are fewer than `FEWEST_PILES` piles."""
    chance: float

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        row: dict[str, object] = {"by": self.stratum.dimension, "stratum": self.stratum.name}
        row |= {"method": self.method.name, "metric": self.metric}
        row |= self.interval.as_row() | {"chance": self.chance}
        return row | {"pairs": self.interval.values, "piles": self.interval.piles}


def strata(facts: PairFacts) -> list[list[Stratum]]:
    """Return the strata of each dimension that has more than one; one alone would be the whole."""
    dimensions = [
        _named("part", facts.part_name),
        _named("category", facts.category),
        _numbered("bricks in the picture", facts.bricks, _by_count(facts.bricks)),
        _numbered("visible fraction", facts.visible_fraction, _by_edges(facts.visible_fraction, VISIBLE_EDGES)),
        _numbered("size in pixels", facts.visible_px, _by_size(facts.visible_px)),
        _named("lighting", facts.lighting),
        _named("floor", facts.floor),
        _named("prediction", _words(facts.is_right, "right", "wrong")),
        _numbered("confidence", facts.confidence, _by_edges(facts.confidence, CONFIDENCE_EDGES)),
        _named("source", np.array([_SOURCES.get(name, name) for name in facts.source], dtype=object)),
    ]
    return [dimension for dimension in dimensions if len(dimension) > 1]


def stratum_scores(
    stratum: Stratum, table: ScoreTable, metrics: Sequence[str], *, seed: int
) -> dict[tuple[str, str], StratumScore]:
    """Return by method and metric the mean in `stratum`, with its interval over the piles there."""
    chosen = stratum.pairs
    cells = [(method, table.metrics.index(name)) for method in range(len(table.methods)) for name in metrics]
    intervals: dict[tuple[int, int], Interval] = {}
    for name in metrics:
        some = [cell for cell in cells if table.metrics[cell[1]] == name]
        values = np.stack([table.values[cell][chosen] for cell in some])
        found = mean_intervals(values, table.piles[chosen], seed=seed, bounds=MEASURES[name].range)
        intervals |= dict(zip(some, found, strict=True))
    scores = {}
    for cell, interval in intervals.items():
        method, metric = table.methods[cell[0]], table.metrics[cell[1]]
        level = table.chance[cell][chosen]
        level = level[~np.isnan(level) & ~np.isnan(table.values[cell][chosen])]
        if interval.piles < FEWEST_PILES:
            interval = replace(interval, low=np.nan, high=np.nan)
        chance = float(level.mean()) if len(level) else np.nan
        scores[method.name, metric] = StratumScore(stratum, method, metric, interval, chance)
    return scores


def _words(values: ObjectArray, yes: str, no: str) -> ObjectArray:
    return np.array([None if value is None else yes if value else no for value in values], dtype=object)


def _named(dimension: str, values: ObjectArray) -> list[Stratum]:
    names = sorted({str(name) for name in values if name is not None})
    return [Stratum(dimension, name.replace("_", " "), np.asarray(values == name)) for name in names]


def _numbered(dimension: str, values: FloatArray, groups: Iterable[tuple[str, BoolArray]]) -> list[Stratum]:
    return [
        Stratum(dimension, name, chosen, float(np.median(values[chosen]))) for name, chosen in groups if chosen.any()
    ]


def _by_count(values: FloatArray) -> Iterator[tuple[str, BoolArray]]:
    for low, high in BRICK_COUNTS:
        name = f"{low} or more" if high is None else f"{low} to {high}" if low < high else f"{low}"
        yield name, (values >= low) & (values <= (np.inf if high is None else high))


def _by_edges(values: FloatArray, edges: Sequence[float]) -> Iterator[tuple[str, BoolArray]]:
    for low, high in itertools.pairwise(edges):
        chosen = (values >= low) & ((values < high) | (high == edges[-1]) & (values <= high))
        yield f"{low:.0%} to {high:.0%}".replace("%", " %"), chosen


def _by_size(values: FloatArray) -> Iterator[tuple[str, BoolArray]]:
    """Yield groups of about as many pairs each, from the smallest to the largest."""
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, SIZE_GROUPS + 1)).round()) if len(known) else known
    for low, high in itertools.pairwise(edges.tolist()):
        chosen = (values >= low) & ((values < high) | (high == edges[-1]) & (values <= high + 0.5))
        yield f"{low:.0f} to {high:.0f}", chosen
