"""Many small tiles as one figure: raw values in, colours and a bar in true units out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from explain.draw import Colouring, Picture, colouring_of
from explain.show import save_png

GAP_PX = 2
WIDTH_INCH = 9.0


@dataclass(frozen=True)
class Sheet:
    """Tiles side by side, with what their colours mean."""

    title: str
    picture: Picture
    colouring: Colouring | None
    """None where the colours are the values' own (RGB)."""


def value_sheet(title: str, values: NDArray[Any], columns: int, tile_px: int) -> Sheet:
    """Return maps `values` (N, h, w) as coloured tiles, all on one scale, so that strong and weak ones differ."""
    colouring = colouring_of(values)
    scaled = values / colouring.limit
    tiles = colouring.ramp((scaled + 1) / 2 if colouring.signed else scaled)[..., :3] * 255
    return Sheet(title, tiled(np.round(tiles).astype(np.uint8), columns, tile_px), colouring)


def tiled(tiles: NDArray[np.uint8], columns: int, tile_px: int) -> Picture:
    """Return tiles (N, h, w, 3) in lines of `columns` on white, each enlarged in whole steps to about `tile_px`."""
    factor = max(1, round(tile_px / max(tiles.shape[1:3])))
    height, width = (side * factor for side in tiles.shape[1:3])
    columns = min(columns, len(tiles))
    lines = -(-len(tiles) // columns)
    canvas = np.full((lines * (height + GAP_PX) - GAP_PX, columns * (width + GAP_PX) - GAP_PX, 3), 255, dtype=np.uint8)
    for place, tile in enumerate(tiles):
        top, left = (place // columns) * (height + GAP_PX), (place % columns) * (width + GAP_PX)
        large = cv2.resize(tile, (width, height), interpolation=cv2.INTER_NEAREST)
        canvas[top : top + height, left : left + width] = large
    return canvas


def write_sheets(sheets: list[Sheet], out: Path) -> None:
    """Write `sheets` below each other as the PNG `out`, each with its title and colour bar."""
    heights = [0.45 + WIDTH_INCH * sheet.picture.shape[0] / sheet.picture.shape[1] for sheet in sheets]
    figure = Figure(figsize=(WIDTH_INCH, sum(heights)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, sheet in zip(
        figure.subplots(len(sheets), 1, squeeze=False, height_ratios=heights).flat, sheets, strict=True
    ):
        axes.imshow(sheet.picture, interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(sheet.title, fontsize=9, loc="left")
        if sheet.colouring is not None:
            scale = ScalarMappable(Normalize(sheet.colouring.low, sheet.colouring.limit), sheet.colouring.ramp)
            bar = figure.colorbar(scale, ax=axes, fraction=0.02, pad=0.01)
            bar.ax.tick_params(labelsize=7)
    save_png(figure, out)
