"""Plots of the validation page."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from core.bootstrap import Estimate
from core.svg import ACCENT, FAINT, INK, MUTED, SECOND, bare, inline_svg, name_lines, plot_style
from training.validation.breakdown import StratumScores, VisibilityBin
from training.validation.confusion import Confusion
from training.validation.curves import PrecisionRecall, Reliability

CONFUSED_CLASSES = 24  # rows that a screen still shows
_CELL_PX = 22
_LETTER_PX = 6.4  # of twelve-pixel text, on average


def score_plot(rows: Sequence[tuple[str, Estimate, Estimate | None]], name: str) -> Markup:
    """Return a line a score: its interval, and below in the second colour that with chosen thresholds."""
    with plot_style(name):
        figure = Figure(figsize=(4.1, 0.42 + 0.27 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for line, (_, plain, chosen) in enumerate(rows):
            shift = 0.0 if chosen is None else 0.15
            _draw_interval(axes, line - shift, plain, ACCENT)
            if chosen is not None:
                _draw_interval(axes, line + shift, chosen, SECOND)
        _finish(axes, [title for title, *_ in rows])
        return inline_svg(figure, "; ".join(f"{title} {_words(plain)}" for title, plain, _ in rows) + ".")


def breakdown_plot(strata: Sequence[StratumScores], whole: Mapping[str, Estimate], metrics: Sequence[str]) -> Markup:
    """Return a line a stratum of one dimension, with a dot and interval for each of up to two metrics.

    Lines across stand for the whole split; strata with too few groups have a hollow dot alone.
    """
    with plot_style(strata[0].dimension):
        figure = Figure(figsize=(4.1, 0.42 + 0.33 * len(strata)), layout="constrained")
        axes = figure.add_subplot()
        for metric, colour, shift in zip(metrics, (ACCENT, SECOND), (-0.15, 0.15), strict=False):
            axes.axvline(whole[metric].value, color=colour, linewidth=0.9, linestyle=(0, (1, 2)))
            for line, stratum in enumerate(strata):
                _draw_interval(axes, line + shift, stratum.scores[metric], colour, stratum.has_too_few_groups)
        _finish(axes, [f"{stratum.name.replace('_', ' ')} ({stratum.pictures})" for stratum in strata])
        words = "; ".join(
            f"{stratum.name}, {stratum.pictures} pictures: {_words(stratum.scores[metrics[0]])}" for stratum in strata
        )
        return inline_svg(figure, f"By {strata[0].dimension}. {words}.")


def precision_recall_plot(
    pooled: PrecisionRecall, classes: Sequence[tuple[str, PrecisionRecall]], chance: float
) -> Markup:
    """Return the curve of all pairs in one colour, those of some classes thin, and the precision of guessing."""
    with plot_style("precision-recall", **{"ytick.labelcolor": MUTED}):
        figure = Figure(figsize=(4.4, 4.3), layout="constrained")
        axes = figure.add_subplot()
        styles = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 3)), (0, (8, 3)))
        for (label, curve), style in zip(classes, styles, strict=False):
            axes.plot(curve.recall, curve.precision, color=SECOND, linewidth=1.0, linestyle=style, label=label)
        axes.plot(pooled.recall, pooled.precision, color=ACCENT, linewidth=2.2, label="all pairs")
        axes.axhline(chance, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), label="guessing")
        axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
        bare(axes)
        figure.legend(frameon=False, fontsize=7.5, labelcolor=INK, loc="outside lower center", ncols=2)
        return inline_svg(figure, f"Precision against recall; guessing has precision {chance:.2f}.")


def reliability_plot(curve: Reliability) -> Markup:
    """Return the share of positives against the probability, above how many pairs have it (logarithmic)."""
    with plot_style("reliability", **{"ytick.labelcolor": MUTED}):
        figure = Figure(figsize=(4.4, 3.5), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
        upper.plot(curve.probability, curve.share, "o-", color=ACCENT, linewidth=1.6, markersize=4.5)
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="share present")
        lower.bar(
            curve.low, curve.pairs, width=0.9 * (curve.high - curve.low), align="edge", color=FAINT, edgecolor=MUTED,
            linewidth=0.5, log=True,
        )  # fmt: skip
        lower.set(xlabel="probability that the network gives", ylabel="pairs")
        lower.yaxis.set_minor_formatter(NullFormatter())
        for axes in (upper, lower):
            bare(axes)
        words = "; ".join(f"{p:.2f}: {s:.2f}" for p, s in zip(curve.probability, curve.share, strict=True))
        return inline_svg(figure, f"Share of pairs that are present, by the probability given: {words}.")


def visibility_plot(bins: Sequence[VisibilityBin], label_rule: float) -> Markup:
    """Return the share of parts that are claimed against how much of them is seen; left of the label rule shaded."""
    with plot_style("visibility", **{"ytick.labelcolor": MUTED}):
        figure = Figure(figsize=(4.4, 3.0), layout="constrained")
        axes = figure.add_subplot()
        axes.axvspan(0, label_rule, color=FAINT, alpha=0.45, linewidth=0)
        steady = [part for part in bins if np.isfinite(part.claimed.low)]  # a line through one picture misleads
        middles = [(part.low + part.high) / 2 for part in steady]
        axes.plot(middles, [part.claimed.value for part in steady], color=ACCENT, linewidth=1.2)
        for part in bins:
            middle = (part.low + part.high) / 2
            hollow = not np.isfinite(part.claimed.low)
            if not hollow:
                ends = [part.claimed.low, part.claimed.high]
                axes.plot([middle] * 2, ends, color=ACCENT, linewidth=2.2, solid_capstyle="round")
            axes.plot(
                middle, part.claimed.value, "o", color=ACCENT, markersize=5, fillstyle="none" if hollow else "full"
            )
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="share of the part that is seen", ylabel="share claimed")
        bare(axes)
        words = "; ".join(f"{part.low:.0%} to {part.high:.0%}: {_words(part.claimed)}" for part in bins)
        return inline_svg(figure, f"Share of parts that are claimed, by how much of them is seen: {words}.")


def interval_bar(interval: Estimate) -> Markup:
    """Return a small bar from 0 to 1 with a dot and an interval, for a line of a table."""
    if not np.isfinite(interval.value):
        return Markup("")
    bar = ""
    if np.isfinite(interval.low):
        bar = f'<path d="M{2 + 96 * interval.low:.1f} 7H{2 + 96 * interval.high:.1f}" stroke="var(--accent)"/>'
    return Markup(
        '<svg class="bar" viewBox="0 0 100 14" width="100" height="14" aria-hidden="true" stroke-width="3" '
        f'stroke-linecap="round"><path d="M2 7H98" stroke="var(--rule)" stroke-width="1"/>{bar}'
        f'<circle cx="{2 + 96 * interval.value:.1f}" cy="7" r="4" fill="var(--accent)"/></svg>'
    )


def confusion_plot(confusion: Confusion, classes: Sequence[str], names: Sequence[str]) -> Markup:
    """Return a square for each missed part (row) and claimed part (column), darker for more than chance.

    Of many classes only those with the most pictures beyond chance are shown.
    """
    excess = confusion.excess
    beyond = np.clip(np.nan_to_num(confusion.observed - confusion.expected), 0, None)
    np.fill_diagonal(beyond, 0)
    order = np.argsort(-(beyond.sum(axis=0) + beyond.sum(axis=1)), kind="stable")[:CONFUSED_CLASSES]
    shown = np.sort(order)
    largest = max(float(np.nan_to_num(excess[np.ix_(shown, shown)]).max(initial=0.0)), 0.05)
    titles = [f"{_short(names[number])} {classes[number]}" for number in shown]
    left, top = round(max(map(len, titles)) * _LETTER_PX) + 16, 62
    shapes = []
    for row, missed in enumerate(shown):
        middle = top + row * _CELL_PX + _CELL_PX / 2
        shapes.append(
            f'<text x="{left - 8}" y="{middle + 4}" text-anchor="end" fill="var(--ink)">{escape(titles[row])}</text>'
        )
        column_middle = left + row * _CELL_PX + _CELL_PX / 2
        shapes.append(
            f'<text transform="translate({column_middle + 4:.1f} {top - 7}) rotate(-60)" fill="var(--muted)">'
            f"{escape(classes[missed])}</text>"
        )
        for column, claimed in enumerate(shown):
            value = float(np.nan_to_num(excess[missed, claimed]))
            same = missed == claimed
            paint = "var(--wash)" if same else "var(--accent)" if value > 0 else "var(--second)"
            opacity = 1.0 if same else round(min(abs(value) / largest, 1.0), 3)
            note = (
                f"{names[missed]} missed, {names[claimed]} claimed: "
                f"{confusion.observed[missed, claimed]:.0f} pictures, "
                f"{confusion.expected[missed, claimed]:.1f} by chance"
            )
            title = "" if same else f"<title>{escape(note)}</title>"
            shapes.append(
                f'<rect x="{left + column * _CELL_PX}" y="{top + row * _CELL_PX}" width="{_CELL_PX - 1}" '
                f'height="{_CELL_PX - 1}" fill="{paint}" fill-opacity="{opacity}">{title}</rect>'
            )
    width, height = left + len(shown) * _CELL_PX + 40, top + len(shown) * _CELL_PX
    return Markup(
        f'<svg role="img" aria-label="Missed parts by row, claimed parts by column." viewBox="0 0 {width} {height}" '
        f'style="width:{width}px;max-width:none" font-size="12">{"".join(shapes)}</svg>'
    )


def _draw_interval(axes: Axes, height: float, interval: Estimate, colour: str, hollow: bool = False) -> None:
    if np.isfinite(interval.low):
        ends = [interval.low, interval.high]
        axes.plot(ends, [height] * 2, color=colour, linewidth=2.2, solid_capstyle="round")
    if np.isfinite(interval.value):
        fill = "none" if hollow else "full"
        axes.plot([interval.value], [height], "o", color=colour, markersize=4.8, fillstyle=fill)


def _finish(axes: Axes, titles: Sequence[str]) -> None:
    name_lines(axes, titles)
    axes.set_ylim(len(titles) - 0.4, -0.6)
    axes.set_xlim(0, 1.02)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    bare(axes, "x")


def _words(interval: Estimate) -> str:
    if not np.isfinite(interval.low):
        return f"{interval.value:.2f} without interval"
    return f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def _short(name: str) -> str:
    return name if len(name) <= 27 else name[:26] + "…"
