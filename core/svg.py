"""Plots as inline SVG that take their colours from the page they stand in, the same bytes each time."""

import contextlib
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Stand-ins that the page's own colours replace, so that plots follow its light and dark dress.
INK, MUTED, ACCENT, FAINT, SECOND = "#010101", "#020202", "#030303", "#040404", "#050505"
_PAGE_COLOURS = {INK: "ink", MUTED: "muted", ACCENT: "accent", FAINT: "rule", SECOND: "second"}
LONGEST_NAME = 40  # letters; of a plot 4.1 inches wide they take some two thirds
_END_KEPT = 12  # a number of pictures may stand there
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,  # names of parts, floors and runs may hold dollar signs
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


@contextlib.contextmanager
def plot_style(name: str, **settings: Any) -> Iterator[None]:
    """Draw in the page's style; `name` decides the identifiers within the SVG, so that two plots share none."""
    chosen: dict[Any, Any] = {**_STYLE, "svg.hashsalt": name, **settings}
    with mpl.rc_context(chosen):
        yield


def bare(axes: Axes, grid: Any = "both") -> None:
    """Leave of the frame of `axes` only the line below, with a faint grid behind the data."""
    axes.grid(axis=grid, color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def name_lines(axes: Axes, names: Sequence[str]) -> None:
    """Name the lines 0, 1, … of a plot; what would leave no room for the plot itself loses its middle."""
    axes.set_yticks(range(len(names)), [_shortened(name) for name in names])


def _shortened(name: str) -> str:
    room = LONGEST_NAME - _END_KEPT - 1
    return name if len(name) <= LONGEST_NAME else f"{name[:room]}…{name[-_END_KEPT:]}"


def inline_svg(figure: Figure, words: str) -> Markup:
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
