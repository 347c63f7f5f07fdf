"""Plots of rankings, breakdowns, shares of mass and training."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from core.svg import ACCENT, FAINT, INK, MUTED, SECOND, bare, inline_svg, plot_style
from evaluation.intervals import Interval
from evaluation.statistics.ranks import Ranking
from evaluation.statistics.strata import StratumScore
from evaluation.statistics.table import MethodLabel

DOTTED = (0, (1, 2))
STACK = (ACCENT, SECOND, FAINT, MUTED, INK)
"""Colours of a stacked bar's pieces, in their order."""


def ranking_plot(name: str, title: str, ranking: Ranking, methods: Sequence[MethodLabel]) -> Markup:
    """Return mean ranks from the best down; a line at the right joins methods that are not told apart."""
    labels = [methods[place] for place in ranking.order]
    with plot_style(f"ranking {name}"):
        figure = Figure(figsize=(4.1, 0.55 + 0.27 * len(labels)), layout="constrained")
        axes = figure.add_subplot()
        for place, (label, rank) in enumerate(zip(labels, ranking.mean_ranks, strict=True)):
            axes.plot([rank], [place], "o", color=ACCENT if label.is_ranked else MUTED, markersize=5.5)
        for column, group in enumerate(ranking.groups):
            rows = [ranking.order.index(one) for one in group]
            across = len(labels) + 0.7 + 0.35 * column
            axes.plot([across] * len(rows), rows, "o-", color=SECOND, linewidth=2, markersize=3.5)
        axes.set_yticks(range(len(labels)), [label.title for label in labels])
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlim(0.7, len(labels) + 1 + 0.35 * len(ranking.groups))
        axes.set_xticks(range(1, len(labels) + 1, max(1, len(labels) // 6)))
        axes.set_xlabel("mean rank over piles")
        bare(axes, "x")
        order = "; ".join(f"{each.title} {rank:.1f}" for each, rank in zip(labels, ranking.mean_ranks, strict=True))
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
        figure = Figure(figsize=(4.1, 0.42 + 0.33 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        shifts = (0.0,) if len(titles) == 1 else (-0.15, 0.15)
        for method, (colour, shift) in enumerate(zip((ACCENT, SECOND), shifts, strict=False)):
            axes.axvline(whole[method].mean, color=colour, linewidth=0.9, linestyle=DOTTED)
            for place, scores in enumerate(rows):
                found = scores[method].interval
                if np.isfinite(found.low):
                    ends = [found.low, found.high]
                    axes.plot(ends, [place + shift] * 2, color=colour, linewidth=2.2, solid_capstyle="round")
                fill = "full" if np.isfinite(found.low) else "none"
                axes.plot([found.mean], [place + shift], "o", color=colour, markersize=4.8, fillstyle=fill)
        labels = [f"{scores[0].stratum.name} ({scores[0].interval.values})" for scores in rows]
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(min(0.0, axes.get_xlim()[0]), None)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        bare(axes, "x")
        told = "; ".join(
            f"{scores[0].stratum.name}: "
            + ", ".join(f"{title} {_said(each.interval)}" for title, each in zip(titles, scores, strict=True))
            for scores in rows
        )
        return inline_svg(figure, f"{metric} by {rows[0][0].stratum.dimension}. {told}.")


def stacked_bars(name: str, rows: Sequence[tuple[str, Mapping[str, float]]], words: str) -> Markup:
    """Return a bar a row, cut into the shares of its pieces: label and shares by piece, all with the same pieces."""
    with plot_style(f"stack {name}"):
        figure = Figure(figsize=(6.8, 0.45 + 0.3 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for place, (_, shares) in enumerate(rows):
            left = 0.0
            for colour, share in zip(STACK, shares.values(), strict=False):
                axes.barh(place, share, left=left, height=0.68, color=colour, linewidth=0)
                left += share
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
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


def _draw_points(axes: Axes, at: Sequence[float], means: Sequence[Interval]) -> None:
    axes.plot(at, [mean.mean for mean in means], color=ACCENT, linewidth=1.2)
    for where, found in zip(at, means, strict=True):
        known = np.isfinite(found.low)
        if known:
            axes.plot([where] * 2, [found.low, found.high], color=ACCENT, linewidth=2.2, solid_capstyle="round")
        axes.plot([where], [found.mean], "o", color=ACCENT, markersize=4.5, fillstyle="full" if known else "none")


def _said(found: Interval) -> str:
    if not np.isfinite(found.mean):
        return "no value"
    if not np.isfinite(found.low):
        return f"{found.mean:.2f} without interval"
    return f"{found.mean:.2f} ({found.low:.2f} to {found.high:.2f})"
