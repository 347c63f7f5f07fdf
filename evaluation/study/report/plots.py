"""Plots of the study's report: shares and strengths with their intervals, choices against scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from core.bootstrap import Estimate
from core.pages import page_number
from core.svg import ACCENT, INK, MUTED, SECOND, bare, inline_svg, name_lines, plot_style

DOTTED = (0, (1, 2))
EVEN = 0.5
"""The share without any preference."""
_COLOURS = {"main": ACCENT, "other": SECOND, "pale": MUTED}


@dataclass(frozen=True)
class Line:
    """A row of a plot: a point with its interval."""

    label: str
    estimate: Estimate
    look: str = "main"
    """``main``, ``other`` (a second kind beside it) or ``pale`` (of these people and items only)."""
    answers: int | None = None
    """Told behind the label."""


def share_plot(name: str, lines: Sequence[Line], words: str, whole: float = np.nan) -> Markup:
    """Return shares from 0 to 100 %, a line each, against one half; dotted is `whole`, the share of all answers."""
    with plot_style(f"study {name}"):
        figure = Figure(figsize=(4.1, 0.5 + 0.27 * len(lines)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(EVEN, color=INK, linewidth=0.9)
        if np.isfinite(whole):
            axes.axvline(whole, color=ACCENT, linewidth=0.9, linestyle=DOTTED)
        _draw_lines(axes, lines)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        told = "; ".join(f"{line.label} {percent_range(line.estimate)}" for line in lines)
        return inline_svg(figure, f"{words} {told}.")


def strength_plot(name: str, lines: Sequence[Line], words: str) -> Markup:
    """Return strengths in logits, a line each, against the reference at 0."""
    with plot_style(f"study {name}"):
        figure = Figure(figsize=(4.1, 0.6 + 0.27 * len(lines)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(0, color=INK, linewidth=0.9)
        _draw_lines(axes, lines)
        axes.set_xlabel("logits")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        told = "; ".join(f"{line.label} {number_range(line.estimate)}" for line in lines)
        return inline_svg(figure, f"{words} {told}.")


def curve_plot(name: str, at: Sequence[float], shares: Sequence[Estimate], xlabel: str, words: str) -> Markup:
    """Return shares against a number, such as a difference of scores, with one half as a line."""
    with plot_style(f"study {name}", **{"ytick.labelcolor": MUTED}):
        figure = Figure(figsize=(4.1, 2.5), layout="constrained")
        axes = figure.add_subplot()
        axes.axhline(EVEN, color=INK, linewidth=0.9)
        axes.axvline(0, color=INK, linewidth=0.9, linestyle=DOTTED)
        axes.plot(at, [share.value for share in shares], color=ACCENT, linewidth=1.2)
        for where, share in zip(at, shares, strict=True):
            axes.plot([where] * 2, [share.low, share.high], color=ACCENT, linewidth=2.2, solid_capstyle="round")
            axes.plot([where], [share.value], "o", color=ACCENT, markersize=4.8)
        axes.set(ylim=(-0.02, 1.02), xlabel=xlabel)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        axes.xaxis.set_major_locator(MaxNLocator(5))
        bare(axes)
        told = "; ".join(f"at {where:.2g} {percent_range(share)}" for where, share in zip(at, shares, strict=True))
        return inline_svg(figure, f"{words} {told}.")


def percent(share: float) -> str:
    """Return such as ``72 %``, a dash where there is no share."""
    return f"{100 * share:.0f} %" if np.isfinite(share) else "–"


def percent_range(share: Estimate) -> str:
    """Return such as ``72 % (58 to 83 %)``."""
    if not np.isfinite(share.low):
        return percent(share.value)
    return f"{percent(share.value)} ({100 * share.low:.0f} to {100 * share.high:.0f} %)"


def number_range(number: Estimate) -> str:
    """Return such as ``0.72 (0.31 to 1.14)``, a dash where there is no number."""
    if not np.isfinite(number.value):
        return "–"
    ends = f" ({page_number(number.low)} to {page_number(number.high)})" if np.isfinite(number.low) else ""
    return page_number(number.value) + ends


def _draw_lines(axes: Axes, lines: Sequence[Line]) -> None:
    for row, line in enumerate(lines):
        colour, estimate = _COLOURS[line.look], line.estimate
        has_ends = bool(np.isfinite(estimate.low))
        if has_ends:
            axes.plot([estimate.low, estimate.high], [row] * 2, color=colour, linewidth=2.4, solid_capstyle="round")
        if np.isfinite(estimate.value):
            fill = "full" if has_ends else "none"
            axes.plot([estimate.value], [row], "o", color=colour, markersize=5.2, fillstyle=fill, clip_on=False)
    labels = [line.label + ("" if line.answers is None else f" ({line.answers})") for line in lines]
    name_lines(axes, labels)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    bare(axes, "x")
