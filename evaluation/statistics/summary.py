"""What the scores of a run come to: means with intervals, methods against each other, rankings."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import FloatArray, Interval, mean_interval, median_interval
from evaluation.measure import NO_ZERO
from evaluation.measures import MEASURES, repeated_by
from evaluation.statistics.comparison import Comparison, strict_column
from evaluation.statistics.effects import corrected_effects
from evaluation.statistics.ranks import Ranking, rank_methods
from evaluation.statistics.table import MethodLabel, ScoreTable
from evaluation.statistics.zero import MISSING


@dataclass(frozen=True)
class Cell:
    """One method on one metric; each number is computed when it is asked for."""

    method: MethodLabel
    metric: str
    values: FloatArray
    """(P,) of the table, NaN where undefined or missing."""
    status: NDArray[np.str_]
    """(P,)"""
    levels: FloatArray
    """(P,) the chance level of each map."""
    piles: NDArray[np.int64]
    """(P,)"""
    seed: int

    @cached_property
    def interval(self) -> Interval:
        """Return the mean with its interval."""
        return mean_interval(self.values, self.piles, seed=self.seed, bounds=MEASURES[self.metric].range)

    @cached_property
    def median(self) -> Interval:
        """Return the median, as `Interval.mean`, with its own interval."""
        return median_interval(self.values, self.piles, seed=self.seed)

    @property
    def chance(self) -> float:
        """Return the mean chance level over the maps that have a value; NaN for a metric without one."""
        known = self.levels[~np.isnan(self.values) & ~np.isnan(self.levels)]
        return float(known.mean()) if len(known) else np.nan

    @property
    def applies(self) -> bool:
        """Return whether the metric applies to the method."""
        return not bool((self.status == NO_ZERO).any())

    @property
    def maps(self) -> int:
        """Return how many maps were scored, with a value or without."""
        return int((self.status != MISSING).sum())

    @property
    def undefined_share(self) -> float:
        """Return the share of those maps without a value."""
        return sum(self.reasons.values()) / max(self.maps, 1)

    @property
    def reasons(self) -> dict[str, int]:
        """Return how many maps have no value, by status; not those of a method that the metric does not apply to."""
        others = self.status[~np.isin(self.status, ["ok", MISSING, NO_ZERO])]
        names, counts = np.unique(others, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))


@dataclass(frozen=True, kw_only=True)
class Difference(Comparison):
    """Two methods of one table. The correction counts all pairs of methods (but the oracle) and all metrics."""

    first: MethodLabel
    second: MethodLabel

    @property
    def words(self) -> str:
        """Return which method is better, in words."""
        return self.verdict(self.first.title, self.second.title)

    def turned(self) -> "Difference":
        """Return the same with the methods in the other order."""
        return Difference(
            metric=self.metric,
            effect=self.effect.turned(),
            p_corrected=self.p_corrected,
            first=self.second,
            second=self.first,
        )


@dataclass(frozen=True)
class Summary:
    """What the scores of a run come to; each part is computed when it is asked for.

    A difference above 0 speaks for the first method where higher is better, for the second where lower is.
    """

    table: ScoreTable
    seed: int = 0
    """Of the resampling: the same seed draws the same piles."""

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Return what each method comes to on each metric, by method, then metric."""
        table = self.table
        return tuple(
            Cell(
                method=label,
                metric=name,
                values=table.values[method, metric],
                status=table.status[method, metric],
                levels=table.chance[method, metric],
                piles=table.piles,
                seed=self.seed,
            )
            for method, label in enumerate(table.methods)
            for metric, name in enumerate(table.metrics)
        )

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Return all paired differences, by metric, then pair of methods in table order; the oracle has no part.

        Two methods are compared on the metrics that apply to both. A metric that repeats the numbers of another under
        its own name is not tested a second time.
        """
        table = self.table
        comparisons = [
            (metric, first, second)
            for metric, name in enumerate(table.metrics)
            if name not in self.repeated
            for first, second in combinations(self._judged(name), 2)
        ]
        if not comparisons:
            return ()
        columns = np.stack(
            [table.values[first, metric] - table.values[second, metric] for metric, first, second in comparisons]
        )
        effects = corrected_effects(columns, table.piles, seed=self.seed)
        return tuple(
            Difference(
                metric=table.metrics[metric],
                effect=effect,
                p_corrected=p_value,
                first=table.methods[first],
                second=table.methods[second],
            )
            for (metric, first, second), (effect, p_value) in zip(comparisons, effects, strict=True)
        )

    @cached_property
    def repeated(self) -> dict[str, str]:
        """Return the metrics that repeat the numbers of another, with that other one's name."""
        return repeated_by(self.table.metrics)

    @cached_property
    def comparisons(self) -> int:
        """Return how many differences the correction counted."""
        return sum(not np.isnan(difference.effect.p_value) for difference in self.differences)

    def _judged(self, metric: str) -> list[int]:
        """Return the numbers of the methods that are held against each other: to which it applies, but the oracle.

        There are none for a metric on which methods are not compared.
        """
        table = self.table
        return [
            index
            for index, method in enumerate(table.methods)
            if MEASURES[metric].compared and not method.is_oracle and table.applies(method, metric)
        ]

    @cached_property
    def _difference_of(self) -> dict[tuple[str, str, str], Difference]:
        both = [*self.differences, *(difference.turned() for difference in self.differences)]
        return {(one.metric, one.first.name, one.second.name): one for one in both}

    @cached_property
    def rankings(self) -> dict[str, Ranking]:
        """Return the ranking of methods and baselines by metric; their numbers are those of the table."""
        table = self.table
        rankings = {}
        for metric, name in enumerate(table.metrics):
            if name in self.repeated:
                continue
            judged = self._judged(name)
            number_of = {table.methods[method]: number for number, method in enumerate(judged)}
            apart = {
                frozenset({number_of[difference.first], number_of[difference.second]})
                for difference in self.differences
                if difference.metric == name and difference.sign
            }
            ranking = rank_methods(table.values[judged, metric], table.piles, MEASURES[name].direction, apart)
            if ranking is not None:
                rankings[name] = ranking.renamed(judged)
        return rankings

    def cell(self, method: MethodLabel, metric: str) -> Cell:
        """Return the cell of one method and metric."""
        table = self.table
        return self.cells[table.methods.index(method) * len(table.metrics) + table.metrics.index(metric)]

    def difference(self, metric: str, first: MethodLabel, second: MethodLabel) -> Difference | None:
        """Return the difference of two methods, turned around if need be; None where the metric is not for both."""
        return self._difference_of.get((self.repeated.get(metric, metric), first.name, second.name))


def score_rows(summary: Summary) -> list[dict[str, object]]:
    """Return methods x metrics as rows for a table."""
    return [
        {
            "method": cell.method.name,
            "kind": cell.method.kind,
            "metric": cell.metric,
            **cell.interval.as_row(),
            "median": cell.median.mean,
            "chance": cell.chance,
            "undefined": cell.undefined_share,
            "maps": cell.maps,
            "piles": cell.interval.piles,
            **zero_column(summary, cell),
            **strict_column(strict=summary.table.strict),
        }
        for cell in summary.cells
    ]


def zero_column(summary: Summary, cell: Cell) -> dict[str, object]:
    """Return the column that says whether a metric applies to a method; none in a table in which all do."""
    return {} if all(each.applies for each in summary.cells) else {"applies": cell.applies}


def zero_words(table: ScoreTable) -> list[str]:
    """Return a sentence for each reason why metrics of `table` do not apply to methods: which, how many, and why."""
    barred: dict[tuple[str, int], list[str]] = {}
    for method in table.methods:
        count = sum(not table.applies(method, name) for name in table.metrics)
        if count:
            barred.setdefault((method.no_zero, count), []).append(method.title)
    return [
        f"{count} of {len(table.metrics)} measures read the zero of a map and do not apply to "
        f"{', '.join(titles)}: 0 means nothing there, since {reason}."
        for (reason, count), titles in barred.items()
    ]


def difference_rows(summary: Summary) -> list[dict[str, object]]:
    """Return the pairwise differences as rows for a table."""
    return [
        {
            "metric": difference.metric,
            "first": difference.first.name,
            "second": difference.second.name,
            **difference.columns(difference.words),
            **strict_column(strict=summary.table.strict),
        }
        for difference in summary.differences
    ]


def ranking_rows(summary: Summary) -> list[dict[str, object]]:
    """Return mean ranks as rows for a table."""
    methods = summary.table.methods
    return [
        {
            "metric": name,
            "method": methods[method].name,
            "mean_rank": mean_rank,
            "piles": ranking.piles,
            "friedman": ranking.friedman,
            "p": ranking.p_value,
            "not_told_apart_from": [
                methods[other].name for group in ranking.groups if method in group for other in group if other != method
            ],
            **strict_column(strict=summary.table.strict),
        }
        for name, ranking in summary.rankings.items()
        for method, mean_rank in zip(ranking.order, ranking.mean_ranks, strict=True)
    ]


def measure_rows(summary: Summary) -> list[dict[str, object]]:
    """Return measures x methods as rows for a table; a method of which no map was scored is left out."""
    rows: list[dict[str, object]] = []
    for name in summary.table.metrics:
        for method in summary.table.methods:
            cell = summary.cell(method, name)
            if not cell.maps:
                continue
            levels = np.where(np.isnan(cell.values), np.nan, cell.levels)
            row: dict[str, object] = {"metric": name}
            row |= {"method": method.name if method.name == method.key.method else str(method.key)}
            row |= {"kind": method.kind, "better": MEASURES[name].direction} | cell.interval.as_row()
            row |= {"chance": float(np.nanmean(levels)) if not np.isnan(levels).all() else np.nan}
            row |= {"undefined": cell.undefined_share, "maps": cell.maps, "piles": cell.interval.piles}
            row |= zero_column(summary, cell)
            rows.append(row)
    return rows
