"""Means with intervals, and methods against each other on the same pairs."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evaluation.bootstrap import Interval, mean_interval, paired_difference
from evaluation.localization import METRICS
from evaluation.table import MISSING, MethodLabel, ScoreTable

LEVEL = 0.95


@dataclass(frozen=True)
class Cell:
    """One method on one metric."""

    method: MethodLabel
    metric: str
    interval: Interval
    chance: float
    """Mean chance level over the maps that have a value."""
    maps: int
    undefined_share: float
    """Share of the maps without a value."""
    reasons: dict[str, int]
    """How many maps have no value, by status."""


@dataclass(frozen=True)
class Difference:
    """The first method's score minus the second's, over the pairs where both have one."""

    metric: str
    first: MethodLabel
    second: MethodLabel
    interval: Interval

    @property
    def sign(self) -> int:
        """1 where the interval lies above 0 (the first is better), -1 where below, 0 where it holds 0 or is unknown."""
        return int(self.interval.low > 0) - int(self.interval.high < 0)

    @property
    def words(self) -> str:
        """The same in words."""
        return {1: f"{self.first.title} higher", -1: f"{self.second.title} higher", 0: "not told apart"}[self.sign]


@dataclass(frozen=True)
class Summary:
    """What the scores of a run come to."""

    cells: tuple[Cell, ...]
    """By method, then metric."""
    differences: tuple[Difference, ...]
    """By metric, then pair of methods in table order."""
    seed: int

    def cell(self, method: MethodLabel, metric: str) -> Cell:
        """Return the cell of one method and metric."""
        return next(cell for cell in self.cells if cell.method == method and cell.metric == metric)

    def difference(self, metric: str, first: MethodLabel, second: MethodLabel) -> Difference:
        """Return the difference of two methods, turned around if need be."""
        for found in self.differences:
            if found.metric == metric and found.first == first and found.second == second:
                return found
            if found.metric == metric and found.first == second and found.second == first:
                turned = found.interval
                interval = Interval(-turned.mean, -turned.high, -turned.low, turned.values, turned.piles)
                return Difference(metric, first, second, interval)
        raise KeyError((metric, first.name, second.name))


def summarize(table: ScoreTable, *, seed: int = 0) -> Summary:
    """Return means and paired differences of all methods, with intervals from resampled piles (same seed, same piles).

    Every metric here is better when higher; a difference above 0 speaks for the first method.
    """
    assert all(METRICS[name].direction == "higher" for name in table.metrics)
    cells = tuple(
        _cell(table, method, metric, seed)
        for method in range(len(table.methods))
        for metric in range(len(table.metrics))
    )
    differences = tuple(
        Difference(
            name,
            table.methods[first],
            table.methods[second],
            paired_difference(
                table.values[first, metric], table.values[second, metric], table.piles, seed=seed, level=LEVEL
            ),
        )
        for metric, name in enumerate(table.metrics)
        for first, second in combinations(range(len(table.methods)), 2)
    )
    return Summary(cells, differences, seed)


def _cell(table: ScoreTable, method: int, metric: int, seed: int) -> Cell:
    values, status = table.values[method, metric], table.status[method, metric]
    there = status != MISSING
    undefined = there & (status != "ok")
    chance = table.chance[method, metric][~np.isnan(values)]
    names, counts = np.unique(status[undefined], return_counts=True)
    return Cell(
        method=table.methods[method],
        metric=table.metrics[metric],
        interval=mean_interval(values, table.piles, seed=seed, level=LEVEL),
        chance=float(chance.mean()) if len(chance) else np.nan,
        maps=int(there.sum()),
        undefined_share=float(undefined.sum() / max(there.sum(), 1)),
        reasons=dict(zip(names.tolist(), counts.tolist(), strict=True)),
    )


def score_rows(summary: Summary) -> list[dict[str, object]]:
    """Return methods x metrics as rows for a table."""
    return [
        {
            "method": cell.method.name,
            "kind": "oracle" if cell.method.is_oracle else "baseline" if cell.method.is_baseline else "method",
            "metric": cell.metric,
            "mean": cell.interval.mean,
            "low": cell.interval.low,
            "high": cell.interval.high,
            "chance": cell.chance,
            "undefined": cell.undefined_share,
            "maps": cell.maps,
            "piles": cell.interval.piles,
        }
        for cell in summary.cells
    ]


def difference_rows(summary: Summary) -> list[dict[str, object]]:
    """Return the pairwise differences as rows for a table."""
    return [
        {
            "metric": found.metric,
            "first": found.first.name,
            "second": found.second.name,
            "difference": found.interval.mean,
            "low": found.interval.low,
            "high": found.interval.high,
            "pairs": found.interval.values,
            "piles": found.interval.piles,
            "verdict": found.words,
        }
        for found in summary.differences
    ]
