"""One picture with its explanations side by side, as a figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file
from core.settings import near_matches
from dataset.loader import PileDataset
from dataset.manifest import Manifest
from explain.draw import Colouring, Picture, colouring_of, overlay, scaled_picture, with_outline
from explain.methods import METHODS
from explain.store import Attribution, load_maps, read_attributions

PANEL_PX = 480


@dataclass(frozen=True)
class Explained:
    """One map with what is known of it."""

    row: Attribution
    values: NDArray[Any]
    """(h, w), raw."""


def show(run_folder: Path, dataset_root: Path, image_id: str, out: Path, part_id: str | None = None) -> list[str]:
    """Draw a picture and the maps that a run holds of it into the PNG `out`; return the parts shown.

    One line of panels for each part: picture with the mask's outline, then each method with its colour bar.

    Raises:
        SettingsError: no such picture in the dataset.
        BrickbenchError: the run has no map of that picture (and part).
    """
    pictures = PileDataset(dataset_root, None, with_masks=True)
    if image_id not in pictures.image_ids:
        hint = near_matches(image_id, list(pictures.image_ids))
        raise SettingsError(f"There is no picture {image_id!r} in {dataset_root}{hint}.")
    rows = [row for row in read_attributions(run_folder) if row.image_id == image_id]
    rows = [row for row in rows if part_id in (None, row.part_id)]
    if not rows:
        raise BrickbenchError(
            f"{run_folder} has no map of {image_id}{f' for part {part_id}' if part_id else ''}: "
            f"make them with `brickbench explain run {run_folder}`."
        )
    order = list(METHODS)
    rows.sort(key=lambda row: (row.part_id, row.checkpoint, order.index(row.method), row.method_settings_hash))
    explained = [Explained(row, values) for row, values in zip(rows, load_maps(run_folder, rows), strict=True)]
    parts = list(dict.fromkeys(row.part_id for row in rows))
    place = pictures.image_ids.index(image_id)
    names = {part.part_id: part.name for part in Manifest.load_folder(dataset_root).parts}
    figure = draw_figure(
        pictures.image(place),
        pictures.masks(place),
        {part: [one for one in explained if one.row.part_id == part] for part in parts},
        names,
    )
    save_png(figure, out)
    return parts


def draw_figure(
    picture: Picture,
    masks: dict[str, NDArray[np.bool_]],
    explained: dict[str, list[Explained]],
    names: dict[str, str],
) -> Figure:
    """Return a figure with a line of panels for each part."""
    columns = 1 + max(map(len, explained.values()))
    figure = Figure(figsize=(2.7 * columns, 3.35 * len(explained)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(explained), columns, squeeze=False)
    for line, (part_id, maps) in zip(axes, explained.items(), strict=True):
        mask = masks.get(part_id)
        for panel in line:
            panel.set_axis_off()
        base = scaled_picture(picture, PANEL_PX)
        line[0].imshow(base if mask is None else with_outline(base, mask))
        absent = "" if mask is not None else ", not in the picture"
        _draw_bar(line[0], colouring_of(np.ones((1, 1))), shown=False)  # keeps the place, so that pictures line up
        line[0].set_title(f"{names.get(part_id, part_id)} ({part_id}{absent})", fontsize=9, loc="left")
        for panel, one in zip(line[1:], _without_twins(maps), strict=False):
            _draw_panel(panel, picture, mask, one[0], one[1])
    return figure


def _without_twins(maps: Sequence[Explained]) -> list[tuple[str, Explained]]:
    """Return maps with titles: the settings' digest or checkpoint stands behind names that would be equal."""
    names = [one.row.method for one in maps]
    titles = []
    for one in maps:
        title = METHODS[one.row.method].title
        if names.count(one.row.method) > 1:
            title += f" {one.row.method_settings_hash[:6]} {one.row.checkpoint}"
        titles.append((title, one))
    return titles


def _draw_panel(panel: Any, picture: Picture, mask: NDArray[np.bool_] | None, title: str, one: Explained) -> None:
    colouring = colouring_of(one.values)
    drawn = overlay(picture, one.values, resize=METHODS[one.row.method].resize, size_px=PANEL_PX, mask=mask)
    panel.imshow(drawn)
    panel.set_title(title, fontsize=9, loc="left")
    _draw_bar(panel, colouring, shown=True)


def _draw_bar(panel: Any, colouring: Colouring, *, shown: bool) -> None:
    scale = ScalarMappable(Normalize(colouring.low, colouring.limit), colouring.ramp)
    bar = panel.figure.colorbar(scale, ax=panel, orientation="horizontal", fraction=0.05, pad=0.02, aspect=30)
    bar.ax.tick_params(labelsize=7, length=2)
    bar.outline.set_linewidth(0.4)
    ticks = [colouring.low, 0.0, colouring.limit] if colouring.signed else [0.0, colouring.limit]
    bar.set_ticks(ticks, labels=[f"{value:.3g}" for value in ticks])
    labels = bar.ax.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")
    if not shown:
        bar.ax.set_axis_off()
        bar.solids.set_visible(False)
        bar.outline.set_visible(False)


def save_png(figure: Figure, out: Path) -> None:
    """Write `figure` as a PNG that is whole or not there, the same bytes each time."""
    try:
        with atomic_file(out) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})
    except OSError as error:
        raise BrickbenchError(f"Cannot write {out}: {error.strerror or error}. Choose another file with -o.") from error
