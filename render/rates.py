"""How many workers fill a machine or a GPU: pictures an hour, measured with some numbers of workers."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.engine import LOCAL, run_items
from core.engines.interface import worker_number
from core.errors import BrickbenchError
from core.progress import Progress
from render.settings import RenderSettings
from render.worker import pictures_of, start_blender

PATIENCE_S = 900.0
"""How long workers wait for each other; the first on a GPU may compile its kernels for minutes."""


@dataclass(frozen=True)
class Rate:
    """What so many workers make."""

    workers: int
    pictures_an_hour: float


@dataclass(frozen=True)
class _TrialPile:
    """One pile to be rendered and thrown away."""

    settings: RenderSettings
    seed: int
    pile_index: int


def measure_rates(settings: RenderSettings, seed: int, device: str, workers: Sequence[int], piles: int) -> list[Rate]:
    """Return the rate of each number of `workers` on `device` of this machine, all of them busy.

    Each worker renders a pile before the clock starts, and all of them begin at once. Each number of workers renders
    as many piles a worker as every other; nothing is kept.

    Raises:
        BrickbenchError: there is no such device, or a pile could not be rendered.
    """
    rates = []
    with Progress("Trial", sum(workers) * piles, "piles") as progress:
        for count in workers:
            items = {str(k): _TrialPile(settings, seed, k) for k in range(count * piles)}
            pictures, busy_s = 0, 0.0
            with tempfile.TemporaryDirectory(prefix="brickbench-trial-") as folder:
                setup = partial(_begin_together, Path(folder), count, settings, seed, device)
                for outcome in run_items(_render_one, items, workers=count, setup=setup, retries=0, engine=LOCAL):
                    if outcome.value is None:
                        raise BrickbenchError(f"A pile could not be rendered by {count} workers: {outcome.error}")
                    pictures, busy_s = pictures + outcome.value[0], busy_s + outcome.value[1]
                    progress.advance(note=f"{count} workers")
            rates.append(Rate(count, 3600 * count * pictures / busy_s))
    return rates


def _render_one(pile: _TrialPile) -> tuple[int, float]:
    """Return how many pictures were made, and in how many seconds."""
    began = time.monotonic()
    made = sum(1 for _ in pictures_of(pile.settings, pile.seed, [pile.pile_index], {}))
    return made, time.monotonic() - began


def _begin_together(folder: Path, workers: int, settings: RenderSettings, seed: int, device: str) -> None:
    """Make this worker ready, render a pile, and wait until all `workers` have done so: each leaves a file."""
    start_blender(1, device)
    _render_one(_TrialPile(settings, seed, 0))
    (folder / str(worker_number())).touch()
    end = time.monotonic() + PATIENCE_S
    while len(list(folder.iterdir())) < workers:
        if time.monotonic() > end:
            raise BrickbenchError(f"Not all of {workers} workers were ready within {PATIENCE_S:.0f} s; try fewer.")
        time.sleep(0.05)
