"""Sections of the report: which plots and tables are drawn of the findings."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from markupsafe import Markup

from evaluation.intervals import Interval
from evaluation.localization.focus_run import FocusRow
from evaluation.localization.metrics.iou import IOU_CHOICE
from evaluation.localization.registry import SPLIT_METRICS
from evaluation.localization.split_scores import SplitScore, shown_splits, summed_metrics
from evaluation.measures import MEASURES
from evaluation.report.data import ReportData
from evaluation.report.judge import core_metrics
from evaluation.report.known_truth import MARK
from evaluation.report.plots import curve_plot, epoch_plot, metric_plot, ranking_plot, stacked_bars, strata_plot
from evaluation.report.words import epoch_of
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
class TitledPlot:
    """A plot with its title."""

    title: str
    plot: Markup


@dataclass(frozen=True)
class SplitLine:
    """One method on one split."""

    method: MethodLabel
    split: str
    scores: tuple[SplitScore | None, ...]
    """One a metric of `SPLIT_METRICS`, None where it was not scored."""
    chosen: SplitScore | None
    """The threshold of `iou_best` and the mean IoU that it reached on val; None without maps of val pictures, and of
    methods without a zero."""


def metric_panels(report: ReportData) -> list[TitledPlot]:
    """Return a panel a metric that has values: every method's mean, interval and chance level."""
    table = report.table
    return [
        TitledPlot(
            MEASURES[metric].title + (" (lower is better)" if MEASURES[metric].direction == "lower" else ""),
            metric_plot([report.summary.cell(each, metric) for each in table.methods if table.applies(each, metric)]),
        )
        for index, metric in enumerate(table.metrics)
        if metric not in report.summary.repeated and not np.isnan(table.values[:, index]).all()
    ]


def ranking_panels(report: ReportData) -> list[tuple[TitledPlot, Ranking]]:
    """Return mean ranks on the metrics that the verdict counts."""
    failing = {line.method for line in report.truth if line.failed}
    rankings = report.summary.rankings
    methods = [
        replace(method, title=f"{method.title} {MARK}") if method in failing else method
        for method in report.table.methods
    ]
    titles = {name: MEASURES[name].title for name in core_metrics(report.table) if name in rankings}
    return [
        (TitledPlot(title, ranking_plot(name, title, rankings[name], methods)), rankings[name])
        for name, title in titles.items()
    ]


def difference_lines(report: ReportData) -> list[tuple[str, list[Difference | None]]]:
    """Return for each explanation against each later one and each baseline the differences, one a metric.

    None stands where the metric does not apply to both.
    """
    rows = []
    methods = [method for method in report.table.methods if method.is_ranked]
    for number, first in enumerate(methods):
        others = [*methods[number + 1 :], *(method for method in report.table.methods if method.is_baseline)]
        rows += [
            (
                f"{first.title} − {other.title}",
                [report.summary.difference(metric, first, other) for metric in report.table.metrics],
            )
            for other in others
        ]
    return rows


def effect_lines(report: ReportData) -> list[tuple[str, Difference]]:
    """Return effect sizes of explanations against each other on the metrics that the verdict counts."""
    core = core_metrics(report.table)
    return [
        (name, difference)
        for name, differences in difference_lines(report)
        for difference in differences
        if difference is not None and difference.metric in core and difference.second.is_ranked
    ]


def curve_sections(report: ReportData) -> list[tuple[str, list[TitledPlot]]]:
    """Return for each curve its title and a panel a method: the lead metric against visible fraction and size."""
    sections = []
    for dimension in report.strata:
        name = dimension[0][0].dimension
        if name in CURVES:
            rows = {method: [scores[method.name, report.lead] for _, scores in dimension] for method in report.leaders}
            ylim = _reach([point.interval for row in rows.values() for point in row])
            panels = [
                TitledPlot(
                    method.title,
                    curve_plot(
                        f"{name} {method.name}",
                        row,
                        name,
                        ylim,
                        f"{MEASURES[report.lead].title} of {method.title} by {name}.",
                    ),
                )
                for method, row in rows.items()
            ]
            sections.append((name, panels))
    return sections


def _reach(intervals: Sequence[Interval]) -> tuple[float, float]:
    """Return limits of an axis that hold 0 and all of `intervals`."""
    values = [end for interval in intervals for end in (interval.low, interval.mean, interval.high) if np.isfinite(end)]
    return (min([0.0, *values]), max([0.0, *values]) * 1.06 or 1.0)


def strata_panels(report: ReportData) -> list[TitledPlot]:
    """Return a panel a dimension: the one or two leading explanations, stratum by stratum, on the lead metric."""
    shown = report.leaders[:2]
    whole = [report.summary.cell(method, report.lead).interval for method in shown]
    return [
        TitledPlot(
            f"By {dimension[0][0].dimension}",
            strata_plot(
                dimension[0][0].dimension,
                [[scores[method.name, report.lead] for method in shown] for _, scores in dimension],
                whole,
                [method.title for method in shown],
                MEASURES[report.lead].title,
            ),
        )
        for dimension in report.strata
    ]


def mass_shares(report: ReportData) -> list[tuple[str, dict[str, float]]]:
    """Return where each method's mass lies: shares by place, and the area's last; empty where they were not scored.

    Mean over the maps for which all three are known; a place that a picture lacks holds no mass.
    """
    table = report.table
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


def mass_plot(report: ReportData) -> Markup | None:
    """Return `mass_shares` as stacked bars, None without them."""
    rows = mass_shares(report)
    return stacked_bars("mass", rows, "Shares of each map's mass.") if rows else None


def epoch_panels(report: ReportData) -> list[TitledPlot]:
    """Return the lead metric by epoch, a panel a method, after the network's own mean average precision."""
    growth = [one for one in report.growth if one.metric == report.lead]
    if not growth:
        return []
    ylim = _reach([mean for one in growth for mean in one.means])
    title = MEASURES[report.lead].title
    return [
        TitledPlot(
            one.method.title,
            epoch_plot(
                one.method.name,
                [epoch_of(name) for name in one.checkpoints],
                one.means,
                ylim,
                f"{title} of {one.method.title} by epoch of training.",
            ),
        )
        for one in growth
    ]


def variation_plot(report: ReportData) -> Markup | None:
    """Return the shares of the variance on the lead metric as stacked bars, None where there is nothing to show."""
    rows = [
        (one.method.title, {SOURCE_WORDS[source]: one.components.share(source) for source in SOURCES})
        for one in report.variation
        if one.metric == report.lead and one.components.total > 0
    ]
    return stacked_bars("variation", rows, "Shares of the variance.") if rows else None


def split_lines(report: ReportData) -> list[SplitLine]:
    """Return the scores of splits in the order of the table; val is shown only where there is no other."""
    lines = []
    for method in report.table.methods:
        own = [score for score in report.splits if score.method_key == method.key]
        chosen = next((score for score in own if score.metric == IOU_CHOICE.name and not method.no_zero), None)
        for split in shown_splits(report.splits):
            by_name = {score.metric: score for score in own if score.split == split}
            scores = tuple(by_name.get(name) for name in SPLIT_METRICS)
            if any(scores) or chosen is not None:
                lines.append(SplitLine(method, split, scores, chosen))
    return lines


def split_rows(report: ReportData) -> list[dict[str, object]]:
    """Return the scores of splits as rows for JSON."""
    return [
        asdict(score) | {"method": method.name} | _level(score)
        for method in report.table.methods
        for score in report.splits
        if score.method_key == method.key
    ]


def _level(score: SplitScore) -> dict[str, object]:
    """Return the level beside a score under its own name, where it is not chance."""
    level = summed_metrics()[score.metric].level
    return {} if level == "chance" else {"chance": None, level.replace(" ", "_").replace("-", "_"): score.chance}


def focus_lines(report: ReportData) -> list[tuple[MethodLabel, FocusRow]]:
    """Return the focus of the methods in the order of the table, a line for each set of mosaics."""
    return [(method, row) for method in report.table.methods for row in report.focus.get(str(method.key), [])]


def focus_rows(report: ReportData) -> list[dict[str, object]]:
    """Return the focus as rows for JSON."""
    return [asdict(row) | {"method": method.name} for method, row in focus_lines(report)]
