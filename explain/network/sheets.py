"""Many small tiles as one figure: raw values in, colours and a bar in true units out."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from explain.draw import Colouring, Picture, colouring_of
from explain.panels import draw_scale, save_png

GAP_PX = 3
WIDTH_PX = 1200
"""What tiles are enlarged to fill, in whole steps, so that all pixels of a kernel are of one size."""
_LARGEST_TILE_PX = 240
_DPI = 150
_MARGIN_PX, _TITLE_PX, _BAR_PX = 24, 34, 54
_TITLE_PT, _LABEL_PT = 10.0, 8.0
_LETTERS_A_PX = 0.082
"""Of a title, so that it is broken before it leaves the sheet."""


@dataclass(frozen=True)
class Sheet:
    """Tiles side by side, with what their colours mean."""

    title: str
    picture: Picture
    colouring: Colouring | None
    """None where the colours are the values' own (RGB)."""
    labels: tuple[str, ...] = ()
    """Below each tile; there is `label_px` of room for them."""
    columns: int = 1
    """Tiles in a line, where there are labels."""


def value_sheet(title: str, values: NDArray[Any], columns: int) -> Sheet:
    """Return maps `values` (N, h, w) as coloured tiles, all on one scale, so that strong and weak ones differ."""
    colouring = colouring_of(values)
    scaled = np.clip(colouring.strength(values), -1.0, 1.0)
    tiles = colouring.ramp((scaled + 1) / 2 if colouring.signed else scaled)[..., :3] * 255
    return Sheet(title, tiled(np.round(tiles).astype(np.uint8), columns), colouring)


def tiled(tiles: NDArray[np.uint8], columns: int, label_px: int = 0) -> Picture:
    """Return tiles (N, h, w, 3) in lines of `columns` on white, each enlarged in whole steps to fill the sheet's width.

    Args:
        tiles: uint8 RGB.
        columns: tiles in a line.
        label_px: white below each.
    """
    columns = min(columns, len(tiles))
    factor = max(1, min(WIDTH_PX // columns - GAP_PX, _LARGEST_TILE_PX) // max(tiles.shape[1:3]))
    height, width = (side * factor for side in tiles.shape[1:3])
    lines = -(-len(tiles) // columns)
    down, right = height + GAP_PX + label_px, width + GAP_PX
    canvas = np.full((lines * down - GAP_PX, columns * right - GAP_PX, 3), 255, dtype=np.uint8)
    for index, tile in enumerate(tiles):
        top, left = (index // columns) * down, (index % columns) * right
        large = cv2.resize(tile, (width, height), interpolation=cv2.INTER_NEAREST)
        canvas[top : top + height, left : left + width] = large
    return canvas


def write_sheets(sheets: Sequence[Sheet], out: Path) -> None:
    """Write `sheets` below each other as the PNG `out`, pixel by pixel, each with its title and colour bar."""
    width = max(700, *(sheet.picture.shape[1] for sheet in sheets)) + 2 * _MARGIN_PX
    titles = [textwrap.wrap(sheet.title, round(width * _LETTERS_A_PX)) for sheet in sheets]
    tops = [_TITLE_PX * len(title) for title in titles]
    heights = [
        top + sheet.picture.shape[0] + _MARGIN_PX + (_BAR_PX if sheet.colouring else 0)
        for top, sheet in zip(tops, sheets, strict=True)
    ]
    height = sum(heights) + _MARGIN_PX
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)

    def add(left: int, top: int, wide: int, high: int) -> Any:
        return figure.add_axes((left / width, 1 - (top + high) / height, wide / width, high / height))

    top = _MARGIN_PX
    for sheet, title, room, used in zip(sheets, titles, tops, heights, strict=True):
        figure.text(  # names may hold dollar signs, which are no formula
            _MARGIN_PX / width, 1 - top / height, "\n".join(title), fontsize=_TITLE_PT, va="top", linespacing=1.35,
            parse_math=False,
        )  # fmt: skip
        high, wide = sheet.picture.shape[:2]
        panel = add(_MARGIN_PX, top + room, wide, high)
        panel.imshow(sheet.picture, interpolation="nearest", aspect="auto")
        panel.set_axis_off()
        _write_labels(panel, sheet)
        if sheet.colouring is not None:
            bar = add(_MARGIN_PX, top + room + high + 10, min(wide, 480), 14)
            ramp, labels = sheet.colouring.ramp(np.linspace(0, 1, 256)), [label for _, label in sheet.colouring.ticks()]
            draw_scale(bar, sheet.colouring, ramp[:, :3], labels, _LABEL_PT)
        top += used
    save_png(figure, out)


def _write_labels(panel: Any, sheet: Sheet) -> None:
    lines = -(-len(sheet.labels) // sheet.columns) if sheet.labels else 0
    high, wide = sheet.picture.shape[:2]
    for index, label in enumerate(sheet.labels):
        left = (index % sheet.columns) * (wide + GAP_PX) / sheet.columns
        bottom = (index // sheet.columns + 1) * (high + GAP_PX) / lines - 2 * GAP_PX
        panel.text(left, bottom, label, fontsize=_LABEL_PT, va="bottom", ha="left", parse_math=False)
