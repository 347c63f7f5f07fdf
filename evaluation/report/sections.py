"""Sections of the report: which plots and tables are drawn of the findings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from evaluation.intervals import Interval
from evaluation.measures import MEASURES
from evaluation.report.data import ReportData
from evaluation.report.drawing import curve_plot, epoch_plot, ranking_plot, stacked_bars, strata_plot
from evaluation.report.plots import metric_plot
from evaluation.report.verdict import core_metrics
from evaluation.statistics.ranks import Ranking
from evaluation.statistics.summary import Difference
from evaluation.statistics.table import MethodLabel
from evaluation.statistics.variance import SOURCES

SHARES = {
    "mass_accuracy": "the named brick",
    "mass_on_others": "other bricks",
    "mass_on_floor": "the floor",
}
"""Metrics that share out the mass of a map, and where it lies."""
NOTHING_THERE = frozenset({"no_others", "no_floor"})
"""Statuses of a region that the picture lacks: no mass lies there."""
CURVES = ("visible fraction", "size in pixels")
SOURCE_WORDS = dict(zip(SOURCES, ("runs", "piles", "pairs within piles", "runs × piles", "rest"), strict=True))


@dataclass(frozen=True)
class Panel:
    """A plot with its title."""

    title: str
    plot: Markup


def metric_panels(found: ReportData) -> list[Panel]:
    """Return a panel a metric that has values: every method's mean, interval and chance level."""
    table = found.table
    return [
        Panel(
            MEASURES[metric].title + (" (lower is better)" if MEASURES[metric].direction == "lower" else ""),
            metric_plot([found.summary.cell(method, metric) for method in table.methods]),
        )
        for place, metric in enumerate(table.metrics)
        if metric not in found.summary.repeated and not np.isnan(table.values[:, place]).all()
    ]


def ranking_panels(found: ReportData) -> list[tuple[Panel, Ranking]]:
    """Return mean ranks on the metrics that the verdict counts."""
    rankings = found.summary.rankings
    return [
        (
            Panel(MEASURES[name].title, ranking_plot(name, MEASURES[name].title, rankings[name], found.table.methods)),
            rankings[name],
        )
        for name in core_metrics(found.table)
        if name in rankings
    ]


def difference_rows(found: ReportData) -> list[tuple[str, list[Difference]]]:
    """Return for each explanation against each later one and each baseline the differences, one a metric."""
    rows = []
    methods = [method for method in found.table.methods if method.is_ranked]
    for place, first in enumerate(methods):
        others = [*methods[place + 1 :], *(method for method in found.table.methods if method.is_baseline)]
        rows += [
            (
                f"{first.title} − {other.title}",
                [found.summary.difference(metric, first, other) for metric in found.table.metrics],
            )
            for other in others
        ]
    return rows


def effect_rows(found: ReportData) -> list[tuple[str, Difference]]:
    """Return effect sizes of explanations against each other on the metrics that the verdict counts."""
    core = core_metrics(found.table)
    return [
        (name, each)
        for name, differences in difference_rows(found)
        for each in differences
        if each.metric in core and each.second.is_ranked
    ]


def curve_sections(found: ReportData) -> list[tuple[str, list[Panel]]]:
    """Return for each curve its title and a panel a method: the lead metric against visible fraction and size."""
    sections = []
    for dimension in found.strata:
        name = dimension[0][0].dimension
        if name in CURVES:
            rows = {method: [scores[method.name, found.lead] for _, scores in dimension] for method in _curved(found)}
            ylim = _reach([point.interval for row in rows.values() for point in row])
            panels = [
                Panel(
                    method.title,
                    curve_plot(
                        f"{name} {method.name}",
                        row,
                        name,
                        ylim,
                        f"{MEASURES[found.lead].title} of {method.title} by {name}.",
                    ),
                )
                for method, row in rows.items()
            ]
            sections.append((name, panels))
    return sections


def _curved(found: ReportData) -> list[MethodLabel]:
    return found.leaders or list(found.table.methods)


def _reach(intervals: Sequence[Interval]) -> tuple[float, float]:
    """Return limits of an axis that hold 0 and all of `intervals`."""
    values = [value for each in intervals for value in (each.low, each.mean, each.high) if np.isfinite(value)]
    return (min([0.0, *values]), max([0.0, *values]) * 1.06 or 1.0)


def leading(found: ReportData) -> list[MethodLabel]:
    """Return the two methods whose breakdowns are drawn side by side; explanations, as far as there are any."""
    return (found.leaders or list(found.table.methods))[:2]


def strata_panels(found: ReportData) -> list[Panel]:
    """Return a panel a dimension: the one or two leading explanations, stratum by stratum, on the lead metric."""
    shown = leading(found)
    whole = [found.summary.cell(method, found.lead).interval for method in shown]
    return [
        Panel(
            f"By {dimension[0][0].dimension}",
            strata_plot(
                dimension[0][0].dimension,
                [[scores[method.name, found.lead] for method in shown] for _, scores in dimension],
                whole,
                [method.title for method in shown],
                MEASURES[found.lead].title,
            ),
        )
        for dimension in found.strata
    ]


def mass_shares(found: ReportData) -> list[tuple[str, dict[str, float]]]:
    """Return where each method's mass lies: shares by place, and the area's last; empty where they were not scored.

    Mean over the maps for which all three are known; a place that a picture lacks holds no mass.
    """
    table = found.table
    if not all(name in table.metrics for name in SHARES):
        return []
    columns = [table.metrics.index(name) for name in SHARES]
    rows, area = [], np.full(len(SHARES), np.nan)
    for method, label in enumerate(table.methods):
        status = table.status[method, columns]
        values = np.where(np.isin(status, list(NOTHING_THERE)), 0.0, table.values[method, columns])
        known = np.isin(status, ["ok", *NOTHING_THERE]).all(axis=0)
        if not known.any():
            continue
        rows.append((label.title, values[:, known].mean(axis=1)))
        if np.isnan(area).any():
            area = np.nan_to_num(table.chance[method, columns][:, known]).mean(axis=1)
    if rows:
        rows.append(("Share of the area", area))
    return [(label, dict(zip(SHARES.values(), shares.tolist(), strict=True))) for label, shares in rows]


def mass_plot(found: ReportData) -> Markup | None:
    """Return `mass_shares` as stacked bars, None without them."""
    rows = mass_shares(found)
    return stacked_bars("mass", rows, "Shares of each map's mass.") if rows else None


def epoch_panels(found: ReportData) -> list[Panel]:
    """Return the lead metric by epoch, a panel a method, after the network's own mean average precision."""
    growth = [each for each in found.growth if each.metric == found.lead]
    if not growth:
        return []
    ylim = _reach([mean for each in growth for mean in each.means])
    title = MEASURES[found.lead].title
    return [
        Panel(
            each.method.title,
            epoch_plot(
                each.method.name,
                [epoch_of(name) for name in each.checkpoints],
                each.means,
                ylim,
                f"{title} of {each.method.title} by epoch of training.",
            ),
        )
        for each in growth
    ]


def epoch_of(checkpoint: str) -> int:
    """Return the epoch of a checkpoint called such as ``epoch_0007``."""
    return int(checkpoint.rpartition("_")[2])


def variation_plot(found: ReportData) -> Markup | None:
    """Return the shares of the variance on the lead metric as stacked bars, None where there is nothing to show."""
    rows = [
        (each.method.title, {SOURCE_WORDS[source]: each.components.share(source) for source in SOURCES})
        for each in found.variation
        if each.metric == found.lead and each.components.total > 0
    ]
    return stacked_bars("variation", rows, "Shares of the variance.") if rows else None
