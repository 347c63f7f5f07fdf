"""Plots of the report as inline SVG that takes its colours from the page, the same bytes each time."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from evaluation.localization import METRICS
from evaluation.summary import Cell

# Stand-ins that the page's own colours replace, so that plots follow its light and dark dress.
INK, MUTED, ACCENT, FAINT, SECOND = "#010101", "#020202", "#030303", "#040404", "#050505"
_PAGE_COLOURS = {INK: "ink", MUTED: "muted", ACCENT: "accent", FAINT: "rule", SECOND: "second"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
}


def metric_plot(cells: Sequence[Cell]) -> Markup:
    """Return one metric's panel: a line a method with its mean, interval and chance level."""
    name = cells[0].metric
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(4.1, 0.42 + 0.27 * len(cells)), layout="constrained")
        axes = figure.add_subplot()
        for place, cell in enumerate(cells):
            _draw_cell(axes, place, cell)
        axes.set_yticks(range(len(cells)), [cell.method.title for cell in cells])
        axes.set_ylim(len(cells) - 0.4, -0.6)
        ends = [cell.interval.high if np.isfinite(cell.interval.high) else cell.interval.mean for cell in cells]
        limit = max([end for end in [*ends, *(cell.chance for cell in cells)] if np.isfinite(end)], default=1.0)
        axes.set_xlim(0, limit * 1.06 or 1.0)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
        axes.grid(axis="x", color=FAINT, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        words = "; ".join(
            f"{cell.method.title} {cell.interval.mean:.2f} "
            f"({cell.interval.low:.2f} to {cell.interval.high:.2f}), chance {cell.chance:.2f}"
            for cell in cells
        )
        return _svg(figure, f"{METRICS[name].title} by method. {words}.")


def _draw_cell(axes: Axes, place: int, cell: Cell) -> None:
    colour = MUTED if cell.method.is_baseline else ACCENT
    interval = cell.interval
    if np.isfinite(cell.chance):
        axes.plot([cell.chance] * 2, [place - 0.34, place + 0.34], color=INK, linewidth=1.1, solid_capstyle="butt")
    if np.isfinite(interval.low):
        axes.plot([interval.low, interval.high], [place] * 2, color=colour, linewidth=2.4, solid_capstyle="round")
    if np.isfinite(interval.mean):
        axes.plot([interval.mean], [place], "o", color=colour, markersize=5.5)


def training_plot(rows: Sequence[Mapping[str, float | None]]) -> Markup:
    """Return loss and mean average precision by epoch, from the lines of ``epochs.jsonl``."""
    with mpl.rc_context({**_STYLE, "ytick.labelcolor": MUTED, "svg.hashsalt": "training"}):
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
            axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6, integer=True))
            axes.grid(color=FAINT, linewidth=0.5)
            axes.tick_params(length=0)
            for side in ("top", "right", "left"):
                axes.spines[side].set_visible(False)
        left.legend(frameon=False, fontsize=8, labelcolor=INK)
        words = (
            f"Over {len(rows)} epochs the training loss ends at {_value(rows[-1], 'train_loss'):.3g} and the mean "
            f"average precision on the validation split at {_value(rows[-1], 'val_map_macro'):.2f}."
        )
        return _svg(figure, words)


def _value(row: Mapping[str, float | None], name: str) -> float:
    value = row.get(name)
    return np.nan if value is None else value


def _draw_curve(axes: Axes, epochs: Sequence[float], values: Sequence[float], colour: str, label: str) -> None:
    marker = "o" if len(epochs) < 25 else None
    axes.plot(epochs, values, color=colour, linewidth=1.6, marker=marker, markersize=3, label=label)


def _svg(figure: Figure, words: str) -> Markup:
    """Return `figure` as an ``<svg>`` element with `words` for those who do not see it."""
    buffer = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    for stand_in, name in _PAGE_COLOURS.items():
        text = text.replace(stand_in, f"var(--{name})")
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "inherit", text)
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(words)}"', 1))
