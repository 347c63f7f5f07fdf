"""Plots of the report."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from core.svg import ACCENT, INK, MUTED, bare, inline_svg, plot_style
from evaluation.measures import MEASURES
from evaluation.statistics.summary import Cell


def metric_plot(cells: Sequence[Cell]) -> Markup:
    """Return one metric's panel: a line a method with its mean, interval and chance level."""
    name = cells[0].metric
    with plot_style(name):
        figure = Figure(figsize=(4.1, 0.42 + 0.27 * len(cells)), layout="constrained")
        axes = figure.add_subplot()
        for place, cell in enumerate(cells):
            _draw_cell(axes, place, cell)
        axes.set_yticks(range(len(cells)), [cell.method.title for cell in cells])
        axes.set_ylim(len(cells) - 0.4, -0.6)
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


def _draw_cell(axes: Axes, place: int, cell: Cell) -> None:
    colour = ACCENT if cell.method.is_ranked else MUTED
    interval = cell.interval
    if np.isfinite(cell.chance):
        axes.plot([cell.chance] * 2, [place - 0.34, place + 0.34], color=INK, linewidth=1.1, solid_capstyle="butt")
    if np.isfinite(interval.low):
        axes.plot([interval.low, interval.high], [place] * 2, color=colour, linewidth=2.4, solid_capstyle="round")
    if np.isfinite(interval.mean):
        axes.plot([interval.mean], [place], "o", color=colour, markersize=5.5)


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


def _value(row: Mapping[str, float | None], name: str) -> float:
    value = row.get(name)
    return np.nan if value is None else value


def _draw_curve(axes: Axes, epochs: Sequence[float], values: Sequence[float], colour: str, label: str) -> None:
    marker = "o" if len(epochs) < 25 else None
    axes.plot(epochs, values, color=colour, linewidth=1.6, marker=marker, markersize=3, label=label)
