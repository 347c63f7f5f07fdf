"""``predictions.jpg`` of a run: some val pictures with what the network got right, missed and invented, in words."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from core.files import atomic_file
from dataset.dataset_folder import DatasetFolder
from training.lettering import INK, MUTED, PAPER, font, shortened
from training.network.devices import choose_device
from training.run.predict import open_split, predict_logits
from training.run.run import Run

GRID_FILE = "predictions.jpg"
PICTURES = 12
COLUMNS = 4
TILE_PX, GAP_PX, LINE_PX, LINES = 260, 16, 20, 6
MARKS = {"right": ("✓", "#00734f"), "missed": ("○", "#b34700"), "invented": ("✕", "#005a94")}
"""Signs that differ in shape, in darkened colours of Okabe and Ito's palette, which colour-blind eyes tell apart."""


@dataclass(frozen=True)
class Tile:
    """One picture (H, W, 3) uint8 RGB with the names of its parts, by kind of `MARKS`."""

    picture: npt.NDArray[np.uint8]
    names: dict[str, tuple[str, ...]]


def write_prediction_grid(run: Run, device: str = "auto") -> Path:
    """Label some val pictures with the best checkpoint of a run, draw them, and return the file.

    Raises:
        BrickbenchError: no checkpoint, other classes, or a damaged dataset.
    """
    chosen_device = choose_device(device)
    checkpoint = run.load("best", chosen_device)
    pictures = open_split(checkpoint, run.dataset, "val", run.settings.sources)
    rows = spread_rows(pictures.groups, PICTURES)
    images = [pictures.image(row) for row in rows]
    batches = (checkpoint.network_input(image)[None] for image in images)
    logits = predict_logits(checkpoint.model, batches, chosen_device)
    names = _names(run.dataset, checkpoint.classes)
    tiles = _tiles(images, names, pictures.targets[rows] > 0.5, logits > checkpoint.thresholds)
    title = f"{checkpoint.run_id}, {checkpoint.name}: {len(tiles)} pictures of val"
    path = run.folder / GRID_FILE
    with atomic_file(path) as temporary:
        draw_grid(tiles, title).save(temporary, format="JPEG", quality=90)
    return path


def spread_rows(groups: npt.NDArray[np.int64], count: int) -> list[int]:
    """Return the first picture of up to `count` groups, spread evenly over all of them."""
    first = np.sort(np.unique(groups, return_index=True)[1])
    spread = np.linspace(0, len(first) - 1, min(count, len(first))).round().astype(int)
    return [int(first[number]) for number in spread]


def draw_grid(tiles: list[Tile], title: str) -> Image.Image:
    """Return a sheet of `tiles` in rows of `COLUMNS`, with a key to the marks above."""
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    lines = max(min(sum(map(len, tile.names.values())), LINES) for tile in tiles) or 1
    step_x, step_y = TILE_PX + GAP_PX, TILE_PX + lines * LINE_PX + GAP_PX + 8
    top = 64
    sheet = Image.new("RGB", (max(columns * step_x + GAP_PX, 560), top + rows * step_y), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP_PX, 10), shortened(title, font(16, bold=True), sheet.width - 2 * GAP_PX), INK, font(16, bold=True))
    x = float(GAP_PX)
    for kind, (mark, colour) in MARKS.items():
        draw.text((x, 36), f"{mark} {kind}", colour, font(14))
        x += font(14).getlength(f"{mark} {kind}") + 24
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        _draw_tile(sheet, draw, tile, GAP_PX + column * step_x, top + row * step_y)
    return sheet


def _draw_tile(sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, x: int, y: int) -> None:
    picture = Image.fromarray(tile.picture)
    scale = TILE_PX / max(picture.size)
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    shown = picture.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
    sheet.paste(shown, (x + (TILE_PX - size[0]) // 2, y + (TILE_PX - size[1]) // 2))
    lines = [(kind, name) for kind in MARKS for name in tile.names.get(kind, ())]
    # What went wrong must not be lost below a long list of what went right.
    wrong = [line for line in lines if line[0] != "right"]
    kept = lines if len(lines) <= LINES else (wrong + [line for line in lines if line[0] == "right"])[: LINES - 1]
    for number, (kind, name) in enumerate(kept):
        mark, colour = MARKS[kind]
        top = y + TILE_PX + 4 + number * LINE_PX
        draw.text((x, top), mark, colour, font(14))
        draw.text((x + 20, top), shortened(name, font(13), TILE_PX - 20), colour, font(13))
    end = y + TILE_PX + 4 + len(kept) * LINE_PX
    if not lines:
        draw.text((x, end), "no part, and none claimed", MUTED, font(13))
    elif len(kept) < len(lines):
        draw.text((x + 20, end), f"and {len(lines) - len(kept)} more", MUTED, font(13))


def _names(dataset: DatasetFolder, classes: tuple[str, ...]) -> npt.NDArray[np.object_]:
    by_id = {part.part_id: part.name for part in dataset.parts}
    return np.array([by_id[part_id] for part_id in classes], dtype=object)


def _tiles(
    images: list[npt.NDArray[np.uint8]],
    names: npt.NDArray[np.object_],
    truth: npt.NDArray[np.bool_],
    claimed: npt.NDArray[np.bool_],
) -> list[Tile]:
    kinds = {"right": truth & claimed, "missed": truth & ~claimed, "invented": ~truth & claimed}
    return [
        Tile(image, {kind: tuple(names[is_kind[row]]) for kind, is_kind in kinds.items()})
        for row, image in enumerate(images)
    ]
