"""What figures of explanations are made of: a picture with an outline, a map with its colour bar, the file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from core.files import output_file
from explain.collect import ShownMap
from explain.draw import (
    GAMMA,
    OPACITY,
    PALEST,
    STEPS,
    Colouring,
    Picture,
    colouring_of,
    overlay,
    scaled_picture,
    shades,
    value_text,
    with_outline,
)
from explain.methods import METHODS
from explain.strongest import Strongest, areas

PANEL_PX = 480
TITLE_PT, LABEL_PT = 10.0, 8.5
TITLE_INCH, BELOW_INCH, GAP_INCH, MARGIN_INCH = 0.27, 0.42, 0.12, 0.08
"""Room above, below and right of each panel, and round all."""
_LETTER_INCH = 0.082
"""Mean width of a letter of a title."""


def new_figure(
    lines: int, columns: int, width_inch: float, shape: tuple[int, ...], dpi: int = 150
) -> tuple[Figure, NDArray[Any]]:
    """Return a figure of `lines` times `columns` empty panels, and these as an array.

    Args:
        lines: of panels.
        columns: of panels.
        width_inch: of one panel.
        shape: of the pictures: height and width, in any unit.
        dpi: pixels an inch.
    """
    height_inch = width_inch * shape[0] / shape[1]
    down, right = TITLE_INCH + height_inch + BELOW_INCH, width_inch + GAP_INCH
    whole = (columns * right - GAP_INCH + 2 * MARGIN_INCH, lines * down + 2 * MARGIN_INCH)
    figure = Figure(figsize=whole, dpi=dpi)
    FigureCanvasAgg(figure)
    panels = np.empty((lines, columns), dtype=object)
    for line, column in np.ndindex(lines, columns):
        left = MARGIN_INCH + column * right
        bottom = whole[1] - MARGIN_INCH - line * down - TITLE_INCH - height_inch
        box = (left / whole[0], bottom / whole[1], width_inch / whole[0], height_inch / whole[1])
        panels[line, column] = figure.add_axes(box)
        panels[line, column].set_axis_off()
    return figure, panels


def draw_picture(panel: Any, picture: Picture, mask: NDArray[np.bool_] | None, title: str, below: str = "") -> None:
    """Draw a picture with the outline of a mask, a title, and a line below."""
    base = scaled_picture(picture, PANEL_PX)
    panel.imshow(base if mask is None else with_outline(base, mask), aspect="auto")
    _write_title(panel, title)
    _write_below(panel, below)


def draw_map(
    panel: Any,
    picture: Picture,
    mask: NDArray[np.bool_] | None,
    title: str,
    one: ShownMap,
    strongest: Strongest | None = None,
) -> None:
    """Draw a map over its picture: in shades with a colour bar in the map's units, or its strongest as flat areas."""
    row = METHODS[one.method]
    _write_title(panel, title)
    if strongest is None:
        panel.imshow(overlay(picture, one.values, resize=row.resize, size_px=PANEL_PX, mask=mask), aspect="auto")
        _draw_bar(panel, colouring_of(one.values), row.unit)
        return
    drawn = areas(picture, one.values, strongest, resize=row.resize, size_px=PANEL_PX, mask=mask)
    panel.imshow(drawn, aspect="auto")
    _write_below(panel, kept_text(one, strongest))


def kept_text(one: ShownMap, strongest: Strongest) -> str:
    """Return what of a map is drawn, such as ``|value| ≥ 0.12 logit``."""
    cut = strongest.cut(one.values, METHODS[one.method].resize)
    if cut == float("inf"):
        return "nothing is as strong"
    least = f"≥ {value_text(cut)} {METHODS[one.method].unit}" if cut > 0 else "> 0"
    return f"{'value' if strongest.for_only else '|value|'} {least}".rstrip()


def _write_title(panel: Any, title: str) -> None:
    most = int(_size_inch(panel)[0] / _LETTER_INCH)
    shown = title if len(title) <= most else f"{title[: most - 1].rstrip()}…"
    # A name may hold dollar signs, which are no formula.
    panel.set_title(shown, fontsize=TITLE_PT, loc="left", pad=4, parse_math=False)


def _write_below(panel: Any, text: str) -> None:
    top = -0.06 / _size_inch(panel)[1]
    panel.text(0, top, text, transform=panel.transAxes, fontsize=LABEL_PT, va="top", ha="left", parse_math=False)


def _size_inch(panel: Any) -> tuple[float, float]:
    box, (width, height) = panel.get_position(), panel.figure.get_size_inches()
    return box.width * width, box.height * height


def _draw_bar(panel: Any, colouring: Colouring, unit: str) -> None:
    height = _size_inch(panel)[1]
    bar = panel.inset_axes((0.0, -0.17 / height, 1.0, 0.1 / height))
    labels = [label for _, label in colouring.ticks()]
    labels[-1] += f" {unit}" if unit else ""
    if len(labels) == 3 and 2 * len(labels[-1]) > 0.9 * _size_inch(panel)[0] / _LETTER_INCH:
        labels[1] = ""  # the last one reaches the middle
    draw_scale(bar, colouring, bar_colours(colouring), labels, LABEL_PT)


def draw_scale(bar: Any, colouring: Colouring, colours: NDArray[Any], labels: Sequence[str], label_pt: float) -> None:
    """Fill the axes `bar` with `colours` (count, 3) from the low to the high end, and `labels` at the ticks."""
    bar.imshow(colours[None], aspect="auto", extent=(0, 1, 0, 1))
    bar.set_yticks([])
    span = colouring.limit - colouring.low
    bar.set_xticks([(value - colouring.low) / span for value, _ in colouring.ticks()], labels=labels)
    bar.tick_params(labelsize=label_pt, length=2, pad=1.5)
    for side in bar.spines.values():
        side.set_linewidth(0.4)
    written = bar.get_xticklabels()
    written[0].set_horizontalalignment("left")
    written[-1].set_horizontalalignment("right")


def bar_colours(colouring: Colouring, count: int = 256) -> Picture:
    """Return the colours of a bar from `low` to `limit`, (count, 3), as they look over a ground of middling grey."""
    strength = np.linspace(-1.0 if colouring.signed else 0.0, 1.0, count)
    step = np.round(strength * STEPS).astype(int)
    cover = OPACITY * (np.abs(step) / STEPS)[:, None] ** GAMMA
    mixed = 0.85 * PALEST * (1 - cover) + shades()[step + STEPS] * cover
    return np.asarray(np.round(mixed), dtype=np.uint8)


def save_png(figure: Figure, out: Path) -> None:
    """Write `figure` as a PNG that is whole or not there, the same bytes each time."""
    with output_file(out) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
