"""What the scores of a run come to: means with intervals, methods against each other, rankings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from evaluation.intervals import Interval, mean_interval, median_interval
from evaluation.measures import MEASURES, repeated_by
from evaluation.statistics.effects import Effect, paired_effects
from evaluation.statistics.permutation import holm
from evaluation.statistics.ranks import Ranking, rank_methods
from evaluation.statistics.table import MISSING, MethodLabel, ScoreTable

LEVEL = 0.95
ALPHA = 0.05
"""Two methods are told apart where the corrected p lies below this."""


@dataclass(frozen=True)
class Cell:
    """One method on one metric."""

    method: MethodLabel
    metric: str
    interval: Interval
    """Of the mean."""
    median: Interval
    """The median, in the place of the mean, with its own interval."""
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
    effect: Effect
    p_corrected: float
    """Holm's, over all pairs of methods (but the oracle) and all metrics."""

    @property
    def interval(self) -> Interval:
        """Return the mean difference with its interval."""
        return self.effect.mean

    @property
    def sign(self) -> int:
        """1 where the first method is better by the corrected test, -1 where worse, 0 where they are not told apart."""
        return sign_of(self.metric, self.interval.mean, self.p_corrected)

    @property
    def words(self) -> str:
        """The same in words."""
        return words_of(self.sign, self.metric, self.first.title, self.second.title)

    def turned(self) -> "Difference":
        """Return the same with the methods in the other order."""
        return Difference(self.metric, self.second, self.first, self.effect.turned(), self.p_corrected)


def sign_of(metric: str, difference: float, p_corrected: float) -> int:
    """Return 1 if a difference on `metric` speaks for the first of two, -1 for the second, 0 if it tells nothing."""
    if not p_corrected < ALPHA:
        return 0
    return int(np.sign(difference)) * (1 if MEASURES[metric].direction == "higher" else -1)


def words_of(sign: int, metric: str, first: str, second: str) -> str:
    """Return who is better on `metric`, by `sign`."""
    return {1: f"{first} {MEASURES[metric].direction}", -1: f"{second} {MEASURES[metric].direction}"}.get(
        sign, "not told apart"
    )


@dataclass(frozen=True)
class Summary:
    """What the scores of a run come to; each part is computed when it is asked for."""

    table: ScoreTable
    seed: int

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Return means and medians, by method, then metric."""
        table = self.table
        return tuple(
            _cell(table, method, metric, self.seed)
            for method in range(len(table.methods))
            for metric in range(len(table.metrics))
        )

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Return all paired differences, by metric, then pair of methods in table order; the oracle has no part.

        A metric that repeats the numbers of another under its own name is not tested a second time.
        """
        table = self.table
        judged = [place for place, method in enumerate(table.methods) if not method.is_oracle]
        wanted = [
            (metric, first, second)
            for metric, name in enumerate(table.metrics)
            if name not in self.repeated
            for first, second in combinations(judged, 2)
        ]
        if not wanted:
            return ()
        columns = np.stack(
            [table.values[first, metric] - table.values[second, metric] for metric, first, second in wanted]
        )
        effects = paired_effects(columns, table.piles, seed=self.seed)
        corrected = holm(np.array([effect.p_value for effect in effects]))
        return tuple(
            Difference(table.metrics[metric], table.methods[first], table.methods[second], effect, float(p_value))
            for (metric, first, second), effect, p_value in zip(wanted, effects, corrected, strict=True)
        )

    @cached_property
    def repeated(self) -> dict[str, str]:
        """Return the metrics that repeat the numbers of another, with that other one's name."""
        return repeated_by(self.table.metrics)

    @cached_property
    def comparisons(self) -> int:
        """Return how many differences the correction counted."""
        return sum(not np.isnan(found.effect.p_value) for found in self.differences)

    @cached_property
    def _difference_of(self) -> dict[tuple[str, str, str], Difference]:
        found = {(each.metric, each.first.name, each.second.name): each for each in self.differences}
        return found | {(metric, second, first): each.turned() for (metric, first, second), each in found.items()}

    @cached_property
    def rankings(self) -> dict[str, Ranking]:
        """Return the ranking of methods and baselines by metric; their numbers are those of the table."""
        table, judged = self.table, [place for place, each in enumerate(self.table.methods) if not each.is_oracle]
        rankings = {}
        for metric, name in enumerate(table.metrics):
            if name in self.repeated:
                continue
            apart = {
                frozenset(
                    {judged.index(table.methods.index(found.first)), judged.index(table.methods.index(found.second))}
                )
                for found in self.differences
                if found.metric == name and found.sign
            }
            ranking = rank_methods(table.values[judged, metric], table.piles, MEASURES[name].direction, apart)
            if ranking is not None:
                rankings[name] = ranking.renamed(judged)
        return rankings

    def cell(self, method: MethodLabel, metric: str) -> Cell:
        """Return the cell of one method and metric."""
        table = self.table
        return self.cells[table.methods.index(method) * len(table.metrics) + table.metrics.index(metric)]

    def difference(self, metric: str, first: MethodLabel, second: MethodLabel) -> Difference:
        """Return the difference of two methods, turned around if need be."""
        return self._difference_of[self.repeated.get(metric, metric), first.name, second.name]


def summarize(table: ScoreTable, *, seed: int = 0) -> Summary:
    """Return means and paired differences of all methods, with intervals from resampled piles (same seed, same piles).

    A difference above 0 speaks for the first method where higher is better, for the second where lower is.
    """
    return Summary(table, seed)


def _cell(table: ScoreTable, method: int, metric: int, seed: int) -> Cell:
    values, status = table.values[method, metric], table.status[method, metric]
    there = status != MISSING
    undefined = there & (status != "ok")
    chance = table.chance[method, metric][~np.isnan(values)]
    chance = chance[~np.isnan(chance)]  # a metric may have no chance level
    names, counts = np.unique(status[undefined], return_counts=True)
    return Cell(
        method=table.methods[method],
        metric=table.metrics[metric],
        interval=mean_interval(values, table.piles, seed=seed, level=LEVEL),
        median=median_interval(values, table.piles, seed=seed, level=LEVEL),
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
            "kind": cell.method.kind,
            "metric": cell.metric,
            "mean": cell.interval.mean,
            "low": cell.interval.low,
            "high": cell.interval.high,
            "median": cell.median.mean,
            "chance": cell.chance,
            "undefined": cell.undefined_share,
            "maps": cell.maps,
            "piles": cell.interval.piles,
            **strict_column(summary.table),
        }
        for cell in summary.cells
    ]


def strict_column(table: ScoreTable) -> dict[str, object]:
    """Return the column that marks a table in which undefined scores count as the worst value; none where not."""
    return {"strict": True} if table.strict else {}


def difference_rows(summary: Summary) -> list[dict[str, object]]:
    """Return the pairwise differences as rows for a table."""
    return [
        {
            "metric": found.metric,
            "first": found.first.name,
            "second": found.second.name,
            **effect_columns(found.effect, found.p_corrected),
            "verdict": found.words,
            **strict_column(summary.table),
        }
        for found in summary.differences
    ]


def effect_columns(effect: Effect, p_corrected: float) -> dict[str, object]:
    """Return the numbers of a paired comparison, as columns of a table."""
    return {
        "difference": effect.mean.mean,
        "low": effect.mean.low,
        "high": effect.mean.high,
        "median": effect.median,
        "p": effect.p_value,
        "p_holm": p_corrected,
        **effect.standardised.as_row("d_z"),
        **effect.superiority.as_row("superiority"),
        "pairs": effect.mean.values,
        "piles": effect.mean.piles,
    }


SHORT_COLUMNS = ("difference", "low", "high", "p_holm", "d_z", "superiority", "pairs", "piles", "verdict")
"""What a terminal has room for; JSON has all."""


def ranking_rows(summary: Summary, metrics: Sequence[str] | None = None) -> list[dict[str, object]]:
    """Return mean ranks as rows for a table."""
    methods = summary.table.methods
    return [
        {
            "metric": name,
            "method": methods[place].name,
            "mean_rank": mean_rank,
            "piles": ranking.piles,
            "friedman": ranking.friedman,
            "p": ranking.p_value,
            "not_told_apart_from": [
                methods[other].name for group in ranking.groups if place in group for other in group if other != place
            ],
            **strict_column(summary.table),
        }
        for name, ranking in summary.rankings.items()
        if metrics is None or name in metrics
        for place, mean_rank in zip(ranking.order, ranking.mean_ranks, strict=True)
    ]
