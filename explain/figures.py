"""Pictures with explanations as a PNG: one with all its maps, or several side by side as in the founding paper."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from core.errors import BrickbenchError
from core.progress import Progress
from dataset.dataset_folder import DatasetFolder
from explain.collect import ExplainedPicture, MapCollector, picture_index
from explain.draw import value_text
from explain.methods import METHODS
from explain.panels import draw_map, draw_picture, new_figure, save_png
from explain.strongest import Strongest

COLUMNS = 6
WIDTH_INCH = 2.7


def show_png(shown: ExplainedPicture, out: Path, strongest: Strongest | None = None) -> None:
    """Write a picture with its maps into the PNG `out`: for each part the picture, then each method.

    Args:
        shown: the picture with one map at least.
        out: written over, if it is there.
        strongest: draw the strongest of each map as flat areas; None draws shades with colour bars.

    Raises:
        BrickbenchError: `out` cannot be written.
    """
    save_png(draw_figure(shown, strongest), out)


def draw_figure(
    shown: ExplainedPicture, strongest: Strongest | None = None, *, width_inch: float = WIDTH_INCH, dpi: int = 150
) -> Figure:
    """Return the figure that `show_png` writes: at most six panels in a line, each part beginning a new one."""
    counts = [1 + len(shown.of(part)) for part in shown.parts]
    columns = min(COLUMNS, max(counts))
    lines = [-(-count // columns) for count in counts]
    figure, panels = new_figure(sum(lines), columns, width_inch, shown.picture.shape, dpi)
    for index, part in enumerate(shown.parts):
        free = iter(panels[sum(lines[:index]) : sum(lines[: index + 1])].flat)
        mask = shown.masks.get(part)
        draw_picture(next(free), shown.picture, mask, part_title(shown, part), part_facts(shown, part))
        for panel, (title, one) in zip(free, shown.of(part), strict=False):
            draw_map(panel, shown.picture, mask, title, one, strongest)
    return figure


def part_title(shown: ExplainedPicture, part_id: str) -> str:
    """Return such as ``Brick 2 x 4 (3001)``."""
    return f"{shown.names.get(part_id, part_id)} ({part_id})"


def part_facts(shown: ExplainedPicture, part_id: str) -> str:
    """Return such as ``logit −0.3, not in the picture``, empty if there is nothing to say."""
    logit = [f"logit {value_text(shown.logits[part_id])}"] if part_id in shown.logits else []
    return ", ".join(logit + ([] if part_id in shown.masks else ["not in the picture"]))


SHEET_WIDTH_INCH = 2.3


def spread_pictures(dataset: DatasetFolder, split: str, count: int) -> list[str]:
    """Return the image_ids of `count` pictures spread evenly over a split, all of them if it has fewer."""
    ids = dataset.pictures(split).image_ids
    return [ids[index] for index in np.unique(np.linspace(0, len(ids) - 1, min(count, len(ids))).round().astype(int))]


def explained_pictures(
    collector: MapCollector, image_ids: Sequence[str], part_id: str | None = None
) -> list[ExplainedPicture]:
    """Return pictures with the maps of one part each: `part_id`, or the one that the network is surest of."""
    shown = []
    with Progress("Explain", len(image_ids), "pictures") as progress:
        for image_id in image_ids:
            logits = collector.logits(picture_index(collector.pictures, image_id))
            surest = max(logits, key=lambda part: logits[part])
            shown.append(collector.explained(image_id, [part_id or surest]))
            progress.advance(1)
    return shown


def sheet_png(shown: Sequence[ExplainedPicture], out: Path, strongest: Strongest | None = None) -> None:
    """Write pictures side by side into the PNG `out`, each with its maps below it.

    Args:
        shown: each with the maps of one part, by the same methods.
        out: written over, if it is there.
        strongest: draw superpixels that way, as flat areas; None draws shades. Maps of other methods always are shades.

    Raises:
        BrickbenchError: there is no picture, or `out` cannot be written.
    """
    if not shown:
        raise BrickbenchError("A sheet needs one picture at least: name one, or give --count.")
    save_png(draw_sheet(shown, strongest), out)


def draw_sheet(
    shown: Sequence[ExplainedPicture],
    strongest: Strongest | None = None,
    *,
    width_inch: float = SHEET_WIDTH_INCH,
    dpi: int = 150,
) -> Figure:
    """Return the figure that `sheet_png` writes."""
    lines = 1 + max(len(one.maps) for one in shown)
    tallest = max((one.picture.shape for one in shown), key=lambda shape: shape[0] / shape[1])
    figure, panels = new_figure(lines, len(shown), width_inch, tallest, dpi)
    for column, one in zip(panels.T, shown, strict=True):
        part = one.parts[0]
        mask = one.masks.get(part)
        draw_picture(column[0], one.picture, mask, part_title(one, part), part_facts(one, part))
        for panel, (title, explained) in zip(column[1:], one.of(part), strict=False):
            areas = METHODS[explained.method].resize == "nearest"
            draw_map(panel, one.picture, mask, title, explained, strongest if areas else None)
    return figure
