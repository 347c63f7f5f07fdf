"""What a render will cost and look like, from a few piles rendered on trial."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError
from core.files import atomic_file
from core.progress import Progress
from render.label_maps import PileMasks
from render.rows import record_of
from render.scene import staged
from render.settings import RenderSettings
from render.shots import render_shots, settled_pile
from render.worker import start_blender

ROW_BYTES = 450
"""Bytes that a brick's row takes in a shard and in the index: mostly its two masks."""


@dataclass(frozen=True)
class Estimate:
    """Cost of one pile, the mean over the trial."""

    cpu_seconds: float
    """Processor time of one core."""

    disk_bytes: float


def estimate(settings: RenderSettings, seed: int, piles: int) -> Estimate:
    """Return the cost of a pile, from rendering the first `piles` of `seed` on one core without keeping them."""
    start_blender(1)
    list(render_shots(settled_pile(settings, seed, 0), settings))  # loads shaders and denoiser, which is paid once
    for pile_index in range(1, piles):  # builds its parts, which is paid once too
        with staged(settled_pile(settings, seed, pile_index)):
            pass
    began, size = time.process_time(), 0
    for pile_index in range(piles):
        settled = settled_pile(settings, seed, pile_index)
        for shot in render_shots(settled, settings):
            record, *files = record_of(settled.pile, shot, settings)
            size += sum(map(len, files)) + ROW_BYTES * len(record.instances)
    return Estimate((time.process_time() - began) / piles, size / piles)


def free_bytes(path: Path) -> int:
    """Return what is free on the disk that holds `path`, which need not exist yet."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


COLUMNS = 6
GAP_PX = 6


def draw_preview(settings: RenderSettings, seed: int, count: int, path: Path) -> None:
    """Write the contact sheet of the first view of piles 0 to `count` - 1 of `seed` to `path` (PNG or JPEG)."""
    if path.suffix.lower() not in {".png", ".jpg", ".jpeg", ".webp"}:
        raise BrickbenchError(f"{path} should end in .png, .jpg or .webp.")
    start_blender(len(os.sched_getaffinity(0)))
    cells = []
    with Progress("Preview", count, "piles") as progress:
        for pile_index in range(count):
            shot = next(iter(render_shots(settled_pile(settings, seed, pile_index), settings)))
            cells.append(np.vstack([shot.image, draw_masks(shot.image, shot.masks, len(shot.settled.pile.bricks))]))
            progress.advance()
    sheet = contact_sheet(cells, min(COLUMNS, count))
    with atomic_file(path) as temporary:
        temporary.write_bytes(cv2.imencode(path.suffix, sheet[:, :, ::-1])[1].tobytes())


def draw_masks(image: NDArray[np.uint8], masks: PileMasks, bricks: int) -> NDArray[np.uint8]:
    """Return `image` in grey with the visible mask of each of the `bricks` in a colour of its own, and its outline."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    drawn = (grey * 0.55 + 70).astype(np.uint8)
    for k in range(bricks):
        # Hues a golden angle apart: neighbours in the list never look alike.
        hsv = np.array([[[int(k * 111.25) % 180, 170, 235]]], dtype=np.uint8)
        red, green, blue = (int(channel) for channel in cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0])
        visible, amodal = masks.visible_crop(k), masks.silhouettes[k]
        if not amodal.mask.size:
            continue
        inside = drawn[visible.window]
        inside[visible.mask] = (inside[visible.mask] * 0.25 + np.array([red, green, blue]) * 0.75).astype(np.uint8)
        outline, _ = cv2.findContours(amodal.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(
            drawn, outline, -1, (red // 2, green // 2, blue // 2), 1, offset=(amodal.left_px, amodal.top_px)
        )
    return drawn


def contact_sheet(cells: list[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Return pictures of one size laid out row by row on white."""
    height, width = cells[0].shape[:2]
    rows = -(-len(cells) // columns)
    shape = (rows * (height + GAP_PX) + GAP_PX, columns * (width + GAP_PX) + GAP_PX, 3)
    sheet = np.full(shape, 255, dtype=np.uint8)
    for k, cell in enumerate(cells):
        top, left = GAP_PX + k // columns * (height + GAP_PX), GAP_PX + k % columns * (width + GAP_PX)
        sheet[top : top + height, left : left + width] = cell
    return sheet
