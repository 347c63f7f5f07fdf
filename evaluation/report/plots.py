"""Plots of the report: scores, rankings, breakdowns, shares of mass, and training."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from core.svg import ACCENT, FAINT, INK, MUTED, SECOND, bare, inline_svg, name_lines, plot_style
from evaluation.intervals import Interval
from evaluation.measures import MEASURES
from evaluation.statistics.ranks import Ranking
from evaluation.statistics.strata import StratumScore
from evaluation.statistics.summary import Cell
from evaluation.statistics.table import MethodLabel

DOTTED = (0, (1, 2))
STACK = (ACCENT, SECOND, FAINT, MUTED, INK)
"""Colours of a stacked bar's pieces, in their order."""


def metric_plot(cells: Sequence[Cell]) -> Markup:
    """Return one metric's panel: a line a method with its mean, interval and chance level."""
    name = cells[0].metric
    with plot_style(name):
        figure, axes = lines_figure(4.1, 0.42 + 0.27 * len(cells), [cell.method.title for cell in cells])
        for line, cell in enumerate(cells):
            if np.isfinite(cell.chance):
                ends = [line - 0.34, line + 0.34]
                axes.plot([cell.chance] * 2, ends, color=INK, linewidth=1.1, solid_capstyle="butt")
            draw_mean(axes, line, cell.interval, ACCENT if cell.method.is_ranked else MUTED)
        ends = [cell.interval.high if np.isfinite(cell.interval.high) else cell.interval.mean for cell in cells]
        known = [end for end in [*ends, *(cell.chance for cell in cells)] if np.isfinite(end)]
        lows = [cell.interval.low for cell in cells if np.isfinite(cell.interval.low)]
        axes.set_xlim(min([0.0, *lows]) * 1.06, max(known, default=1.0) * 1.06 or 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        bare(axes, "x")
        words = "; ".join(
            f"{cell.method.title} {cell.interval.mean:.2f} "
            f"({cell.interval.low:.2f} to {cell.interval.high:.2f}), chance {cell.chance:.2f}"
            for cell in cells
        )
        better = f"{MEASURES[name].direction} is better"
        return inline_svg(figure, f"{MEASURES[name].title} by method, {better}. {words}.")


def lines_figure(width: float, height: float, labels: Sequence[str]) -> tuple[Figure, Axes]:
    """Return a figure of so many inches with a line a label, the first one on top."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    name_lines(axes, labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    return figure, axes


def draw_mean(axes: Axes, line: int, interval: Interval, colour: str) -> None:
    """Draw a mean with its interval on a line, as far as there are both."""
    if np.isfinite(interval.low):
        axes.plot([interval.low, interval.high], [line] * 2, color=colour, linewidth=2.4, solid_capstyle="round")
    if np.isfinite(interval.mean):
        axes.plot([interval.mean], [line], "o", color=colour, markersize=5.5)


def ranking_plot(name: str, title: str, ranking: Ranking, methods: Sequence[MethodLabel]) -> Markup:
    """Return mean ranks from the best down; a line at the right joins methods that are not told apart."""
    labels = [methods[number] for number in ranking.order]
    with plot_style(f"ranking {name}"):
        figure, axes = lines_figure(4.1, 0.55 + 0.27 * len(labels), [label.title for label in labels])
        for line, (label, rank) in enumerate(zip(labels, ranking.mean_ranks, strict=True)):
            axes.plot([rank], [line], "o", color=ACCENT if label.is_ranked else MUTED, markersize=5.5)
        for column, group in enumerate(ranking.groups):
            rows = [ranking.order.index(one) for one in group]
            across = len(labels) + 0.7 + 0.35 * column
            axes.plot([across] * len(rows), rows, "o-", color=SECOND, linewidth=2, markersize=3.5)
        axes.set_xlim(0.7, len(labels) + 1 + 0.35 * len(ranking.groups))
        axes.set_xticks(range(1, len(labels) + 1, max(1, len(labels) // 6)))
        axes.set_xlabel("mean rank over piles")
        bare(axes, "x")
        order = "; ".join(f"{label.title} {rank:.1f}" for label, rank in zip(labels, ranking.mean_ranks, strict=True))
        groups = "; ".join(", ".join(methods[one].title for one in group) for group in ranking.groups)
        words = f"Mean ranks on {title}, 1 is best: {order}. Not told apart: {groups or 'no two'}."
        return inline_svg(figure, words)


def curve_plot(name: str, points: Sequence[StratumScore], xlabel: str, ylim: tuple[float, float], words: str) -> Markup:
    """Return one method's means against the number that strata were told apart by, with intervals and chance."""
    with plot_style(f"curve {name}", **{"ytick.labelcolor": MUTED}):
        figure = Figure(figsize=(3.4, 2.3), layout="constrained")
        axes = figure.add_subplot()
        at = [point.stratum.middle for point in points]
        axes.plot(at, [point.chance for point in points], color=INK, linewidth=0.9, linestyle=DOTTED)
        _draw_points(axes, at, [point.interval for point in points])
        axes.set(ylim=ylim, xlabel=xlabel)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        bare(axes)
        told = "; ".join(f"{point.stratum.name}: {_said(point.interval)}" for point in points)
        return inline_svg(figure, f"{words} {told}.")


def strata_plot(
    name: str, rows: Sequence[Sequence[StratumScore]], whole: Sequence[Interval], titles: Sequence[str], metric: str
) -> Markup:
    """Return a line a stratum with a dot and interval for each of up to two methods; lines across are all pairs.

    `rows` has for each stratum the scores of the methods called `titles`; `whole` theirs on all pairs.
    """
    with plot_style(f"strata {name}"):
        labels = [f"{scores[0].stratum.name} ({scores[0].interval.values})" for scores in rows]
        figure, axes = lines_figure(4.1, 0.42 + 0.33 * len(rows), labels)
        shifts = (0.0,) if len(titles) == 1 else (-0.15, 0.15)
        for method, (colour, shift) in enumerate(zip((ACCENT, SECOND), shifts, strict=False)):
            axes.axvline(whole[method].mean, color=colour, linewidth=0.9, linestyle=DOTTED)
            for line, scores in enumerate(rows):
                interval = scores[method].interval
                if np.isfinite(interval.low):
                    ends = [interval.low, interval.high]
                    axes.plot(ends, [line + shift] * 2, color=colour, linewidth=2.2, solid_capstyle="round")
                fill = "full" if np.isfinite(interval.low) else "none"
                axes.plot([interval.mean], [line + shift], "o", color=colour, markersize=4.8, fillstyle=fill)
        axes.set_xlim(min(0.0, axes.get_xlim()[0]), None)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        bare(axes, "x")
        told = "; ".join(
            f"{scores[0].stratum.name}: "
            + ", ".join(f"{title} {_said(score.interval)}" for title, score in zip(titles, scores, strict=True))
            for scores in rows
        )
        return inline_svg(figure, f"{metric} by {rows[0][0].stratum.dimension}. {told}.")


def stacked_bars(name: str, rows: Sequence[tuple[str, Mapping[str, float]]], words: str) -> Markup:
    """Return a bar a row, cut into the shares of its pieces: label and shares by piece, all with the same pieces."""
    with plot_style(f"stack {name}"):
        figure, axes = lines_figure(6.8, 0.45 + 0.3 * len(rows), [label for label, _ in rows])
        for line, (_, shares) in enumerate(rows):
            left = 0.0
            for colour, share in zip(STACK, shares.values(), strict=False):
                axes.barh(line, share, left=left, height=0.68, color=colour, linewidth=0)
                left += share
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        bare(axes, "x")
        told = "; ".join(
            f"{label}: " + ", ".join(f"{piece} {share:.0%}" for piece, share in shares.items())
            for label, shares in rows
        )
        return inline_svg(figure, f"{words} {told}.")


def epoch_plot(
    name: str, epochs: Sequence[int], means: Sequence[Interval], ylim: tuple[float, float], words: str
) -> Markup:
    """Return means with intervals against the epoch of training."""
    with plot_style(f"epochs {name}", **{"ytick.labelcolor": MUTED}):
        figure = Figure(figsize=(3.4, 2.1), layout="constrained")
        axes = figure.add_subplot()
        _draw_points(axes, epochs, means)
        axes.set(ylim=ylim, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        bare(axes)
        told = "; ".join(f"epoch {epoch}: {_said(mean)}" for epoch, mean in zip(epochs, means, strict=True))
        return inline_svg(figure, f"{words} {told}.")


def training_plot(rows: Sequence[Mapping[str, float | None]]) -> Markup:
    """Return loss and mean average precision by epoch, from the lines of ``epochs.jsonl``."""
    with plot_style("training", **{"ytick.labelcolor": MUTED}):
        figure = Figure(figsize=(7.2, 2.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        epochs = [_value(row, "epoch") for row in rows]
        for name, colour, label in (("train_loss", MUTED, "train"), ("val_loss", ACCENT, "validation")):
            _draw_curve(left, epochs, [_value(row, name) for row in rows], colour, label)
        _draw_curve(right, epochs, [_value(row, "val_map_macro") for row in rows], ACCENT, "validation")
        right.set_ylim(0, 1.02)
        for axes, title in ((left, "Loss"), (right, "Mean average precision")):
            axes.set_title(title, loc="left", fontsize=9, color=INK)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            bare(axes)
        left.legend(frameon=False, fontsize=8, labelcolor=INK)
        words = (
            f"Over {len(rows)} epochs the training loss ends at {_value(rows[-1], 'train_loss'):.3g} and the mean "
            f"average precision on the validation split at {_value(rows[-1], 'val_map_macro'):.2f}."
        )
        return inline_svg(figure, words)


def _draw_points(axes: Axes, at: Sequence[float], means: Sequence[Interval]) -> None:
    axes.plot(at, [mean.mean for mean in means], color=ACCENT, linewidth=1.2)
    for x, mean in zip(at, means, strict=True):
        known = np.isfinite(mean.low)
        if known:
            axes.plot([x] * 2, [mean.low, mean.high], color=ACCENT, linewidth=2.2, solid_capstyle="round")
        axes.plot([x], [mean.mean], "o", color=ACCENT, markersize=4.5, fillstyle="full" if known else "none")


def _said(interval: Interval) -> str:
    if not np.isfinite(interval.mean):
        return "no value"
    if not np.isfinite(interval.low):
        return f"{interval.mean:.2f} without interval"
    return f"{interval.mean:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def _value(row: Mapping[str, float | None], name: str) -> float:
    value = row.get(name)
    return np.nan if value is None else value


def _draw_curve(axes: Axes, epochs: Sequence[float], values: Sequence[float], colour: str, label: str) -> None:
    marker = "o" if len(epochs) < 25 else None
    axes.plot(epochs, values, color=colour, linewidth=1.6, marker=marker, markersize=3, label=label)
