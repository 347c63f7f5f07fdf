"""The heat map of parts that are missed and parts that are claimed in their stead."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup, escape

from training.validation.confusion import Confusion

CONFUSED_CLASSES = 24  # rows that a screen still shows
_CELL_PX = 22
_LETTER_PX = 6.4  # of twelve-pixel text, on average


def confusion_plot(found: Confusion, classes: Sequence[str], names: Sequence[str]) -> Markup:
    """Return a square for each missed part (row) and claimed part (column), darker for more than chance.

    Of many classes only those with the most pictures beyond chance are shown.
    """
    excess = found.excess
    beyond = np.clip(np.nan_to_num(found.observed - found.expected), 0, None)
    np.fill_diagonal(beyond, 0)
    order = np.argsort(-(beyond.sum(axis=0) + beyond.sum(axis=1)), kind="stable")[:CONFUSED_CLASSES]
    shown = np.sort(order)
    largest = max(float(np.nan_to_num(excess[np.ix_(shown, shown)]).max(initial=0.0)), 0.05)
    titles = [f"{_short(names[place])} {classes[place]}" for place in shown]
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
                f"{names[missed]} missed, {names[claimed]} claimed: {found.observed[missed, claimed]:.0f} pictures, "
                f"{found.expected[missed, claimed]:.1f} by chance"
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


def _short(name: str) -> str:
    return name if len(name) <= 27 else name[:26] + "…"
