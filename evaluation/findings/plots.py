"""Plots of the tests: mass on the floor by part, floor or light."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from core.svg import ACCENT, MUTED, bare, inline_svg, plot_style
from evaluation.findings.contrasts import GroupTest


def groups_plot(kind: str, tests: Sequence[GroupTest], names: Sequence[str]) -> Markup:
    """Return a line a group with its mean mass on the floor and interval; coloured where it was found to be more."""
    with plot_style(f"findings {kind}"):
        figure = Figure(figsize=(5.6, 0.6 + 0.27 * len(tests)), layout="constrained")
        axes = figure.add_subplot()
        for place, test in enumerate(tests):
            colour, mean = ACCENT if test.found else MUTED, test.effect.group
            if np.isfinite(mean.low):
                axes.plot([mean.low, mean.high], [place] * 2, color=colour, linewidth=2.4, solid_capstyle="round")
            axes.plot([mean.mean], [place], "o", color=colour, markersize=5.5)
        axes.set_yticks(
            range(len(tests)), [f"{name} ({test.effect.group.values})" for name, test in zip(names, tests, strict=True)]
        )
        axes.set_ylim(len(tests) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of the map on the floor")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        bare(axes, "x")
        told = "; ".join(
            f"{name} {test.effect.group.mean:.2f} against {test.effect.rest.mean:.2f}{', more' if test.found else ''}"
            for name, test in zip(names, tests, strict=True)
        )
        return inline_svg(figure, f"Mass on the floor by {kind}: {told}.")
