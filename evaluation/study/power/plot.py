"""Power against the number of people, a line a number of items: for a page, or as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from core.errors import SettingsError
from core.files import output_file
from core.pages import page_environment
from core.svg import ACCENT, INK, MUTED, SECOND, bare, inline_svg, plot_style
from evaluation.study.power.power import PowerPoint
from evaluation.study.power.power_plan import PowerPlan

ENDINGS = (".html", ".svg", ".png")
_LOOKS = ((ACCENT, "o"), (SECOND, "s"), (MUTED, "^"), (INK, "D"))
"""Colour and marker of each number of items, again from the first where there are more."""
_PRINT = {ACCENT: "#b3430f", SECOND: "#205f8f", MUTED: "#6d6962", INK: "#1d1c1a"}
"""The page's own light colours, for pictures that stand alone."""


def power_svg(points: Sequence[PowerPoint], wanted: float) -> Markup:
    """Return the plot as an ``<svg>`` element in the page's colours."""
    with plot_style("power", **{"ytick.labelcolor": MUTED}):
        figure = Figure(figsize=(6.8, 3.6), layout="constrained")
        _draw(figure.add_subplot(), points, wanted, {colour: colour for colour in _PRINT})
        told = "; ".join(
            f"{point.people} people on {point.items} items {point.power:.2f} ({point.low:.2f} to {point.high:.2f})"
            for point in points
        )
        return inline_svg(figure, f"Power by number of people and items, {wanted:g} wanted. {told}.")


def write_power(
    out: Path, plan: PowerPlan, points: Sequence[PowerPoint], needed: Mapping[int, int | None], *, wanted: float
) -> None:
    """Write the plot to `out`, over what is there: as a picture, or with the table on a page.

    Raises:
        SettingsError: the ending of `out` is none of `ENDINGS`.
        BrickbenchError: it cannot be written.
    """
    require_ending(out)
    with output_file(out) as temporary:
        if out.suffix == ".html":
            page = page_environment("evaluation.study.power").get_template("power.html.j2")
            plot = power_svg(points, wanted)
            text = page.render(plan=plan, points=points, needed=needed, wanted=wanted, plot=plot)
            temporary.write_text(text, encoding="utf-8")
        else:
            _write_picture(temporary, out.suffix[1:], points, wanted)


def require_ending(out: Path) -> None:
    """Raise SettingsError unless the ending of `out` is one of `ENDINGS`."""
    if out.suffix not in ENDINGS:
        raise SettingsError(f"The plot's file ends in {', '.join(ENDINGS)}, not like {out.name}.")


def _write_picture(path: Path, kind: str, points: Sequence[PowerPoint], wanted: float) -> None:
    settings: dict[Any, Any] = {"svg.hashsalt": "power", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(6.8, 3.6), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        _draw(figure.add_subplot(), points, wanted, _PRINT)
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(path, format=kind, dpi=200, metadata=metadata)


def _draw(axes: Axes, points: Sequence[PowerPoint], wanted: float, colours: Mapping[str, str]) -> None:
    axes.axhline(wanted, color=colours[INK], linewidth=0.9, linestyle=(0, (1, 2)))
    for index, items in enumerate(sorted({point.items for point in points})):
        own = sorted((point for point in points if point.items == items), key=lambda point: point.people)
        stand_in, marker = _LOOKS[index % len(_LOOKS)]
        colour, at = colours[stand_in], [point.people for point in own]
        axes.plot(
            at, [point.power for point in own], marker + "-", color=colour, markersize=4.5, label=f"{items} items"
        )
        for point in own:
            axes.plot([point.people] * 2, [point.low, point.high], color=colour, linewidth=1.4)
    axes.set(ylim=(-0.02, 1.02), xlabel="people", ylabel="power")
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    bare(axes)
    axes.legend(frameon=False, fontsize=8, labelcolor=colours[INK], loc="lower right")
