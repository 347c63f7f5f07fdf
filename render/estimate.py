"""What a render will cost, from a few piles rendered on trial."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from render.settings import RenderSettings
from render.worker import record_of, render_shots, settled_pile, start_blender

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
