"""Charts of the card as inline SVG in the colours of its page."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape

_COLUMNS_SIZE = (420, 160)  # as wide as they are shown, so that their text has its size
_ROW_PX, _NAME_PX, _BAR_PX, _COUNT_PX = 21, 130, 240, 50
_CELL_PX = 22
_WIDEST_COLUMN_PX = 44  # three columns should not look like a wall
_LETTER_PX = 6.4  # of twelve-pixel text, on average


def column_chart(counts: Sequence[int], ticks: Mapping[float, str], words: str, labels: Sequence[str]) -> Markup:
    """Return columns as high as `counts` side by side; `labels` are shown with the counts at the pointer.

    Texts below the axis, `ticks`, go by where they stand: 0 is the left edge of the first column, 1 of the second. What
    the chart shows is told in `words` to those who do not see it.
    """
    width, height = _COLUMNS_SIZE
    bottom, step, largest = height - 22, min(width / max(len(counts), 1), _WIDEST_COLUMN_PX), max([*counts, 1])
    shapes = [f'<path d="M0 {bottom}.5H{width}" stroke="var(--rule)"/>']
    for number, (count, label) in enumerate(zip(counts, labels, strict=True)):
        tall = (bottom - 16) * count / largest
        shapes.append(
            f'<rect x="{number * step + 1:.1f}" y="{bottom - tall:.1f}" width="{step - 2:.1f}" height="{tall:.1f}" '
            f'fill="var(--accent)"><title>{escape(label)}: {count:,}</title></rect>'
        )
        if count == largest:
            middle = number * step + step / 2
            anchor = "start" if middle < 20 else "end" if middle > width - 20 else "middle"
            edge = {"start": 0.0, "middle": middle, "end": width}[anchor]
            shapes.append(_text(edge, bottom - tall - 5, f"{count:,}", anchor))
    for place, text in ticks.items():
        anchor = "start" if place == 0 else "end" if place == len(counts) else "middle"
        shapes.append(_text(place * step, height - 6, text, anchor))
    return _svg(width, height, words, shapes)


def bar_chart(rows: Sequence[tuple[str, int]], words: str) -> Markup:
    """Return a bar a row with its name and count."""
    width, height = _NAME_PX + _BAR_PX + _COUNT_PX, _ROW_PX * len(rows)
    largest = max([count for _, count in rows] + [1])
    shapes = []
    for number, (name, count) in enumerate(rows):
        middle = number * _ROW_PX + _ROW_PX / 2
        long = _BAR_PX * count / largest
        shapes += [
            _text(_NAME_PX - 10, middle + 4, name if len(name) <= 20 else name[:19] + "…", "end", "ink"),
            f'<rect x="{_NAME_PX}" y="{middle - 6:.1f}" width="{long:.1f}" height="12" fill="var(--accent)"/>',
            _text(_NAME_PX + long + 7, middle + 4, f"{count:,}"),
        ]
    return _svg(width, height, words, shapes)


def heat_map(names: Sequence[tuple[str, str]], counts: npt.NDArray[np.int64], words: str) -> Markup:
    """Return a square for each pair, the darker the more pictures have both; the diagonal is left pale.

    Rows and columns have `names`, part_id and name each; `counts` are (K, K). What the chart shows is told in `words`.
    """
    size = len(names)
    off_diagonal = counts[~np.eye(size, dtype=np.bool_)]
    largest = max(int(off_diagonal.max(initial=0)), 1)
    titles = [f"{name if len(name) <= 27 else name[:26] + '…'} {part_id}" for part_id, name in names]
    left, top = round(max(map(len, titles)) * _LETTER_PX) + 16, 62
    shapes = []
    for row, (part_id, name) in enumerate(names):
        middle = top + row * _CELL_PX + _CELL_PX / 2
        shapes.append(_text(left - 8, middle + 4, titles[row], "end", "ink"))
        column_middle = left + row * _CELL_PX + _CELL_PX / 2
        shapes.append(
            f'<text transform="translate({column_middle + 4:.1f} {top - 7}) rotate(-60)" fill="var(--muted)">'
            f"{escape(part_id)}</text>"
        )
        for column, (_, other) in enumerate(names):
            count = int(counts[row, column])
            same = row == column
            fill = 'var(--wash)"' if same else f'var(--accent)" fill-opacity="{count / largest:.3f}"'
            title = f"{name}: {count:,}" if same else f"{name} and {other}: {count:,}"
            shapes.append(
                f'<rect x="{left + column * _CELL_PX}" y="{top + row * _CELL_PX}" width="{_CELL_PX - 1}" '
                f'height="{_CELL_PX - 1}" fill={chr(34)}{fill}><title>{escape(title)}</title></rect>'
            )
    return _svg(left + size * _CELL_PX + 40, top + size * _CELL_PX, words, shapes)


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = "muted") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="var(--{colour})">{escape(text)}</text>'


def _svg(width: float, height: float, words: str, shapes: Sequence[str]) -> Markup:
    return Markup(
        f'<svg role="img" aria-label="{escape(words)}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-size="12">'
        f"{''.join(shapes)}</svg>"
    )
