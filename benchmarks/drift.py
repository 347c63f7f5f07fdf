"""Whether a renderer that runs for long slows down or grows: an old process held against a fresh one.

    .venv/bin/python benchmarks/drift.py --piles 1000

One process renders the same hundred piles again and again; memory is printed after each hundred. Its time cannot be
read off its own history: on a shared machine the same work takes a fifth more or less from one minute to the next. So a
second process is started when the first is through, and the two take turns at the same piles. The ratio of their times,
turn by turn, is what ageing costs.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from render.rows import record_of
from render.settings import RenderSettings
from render.shots import render_shots, settled_pile
from render.worker import start_blender

BLOCK = 100
TURN = 25  # piles; short, so that both processes meet the machine in the same mood
TURNS = 16
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_mb() -> float:
    """Return the memory that this process holds now, in megabytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES / 1e6


def serve(pipe: Connection, settings: RenderSettings) -> None:
    """Render the piles that come through `pipe` as (first, count); answer with CPU seconds and megabytes."""
    start_blender(1)
    while (piles := pipe.recv()) is not None:
        began = time.process_time()
        for pile_index in range(*piles):
            settled = settled_pile(settings, 0, pile_index)
            for shot in render_shots(settled, settings):
                record_of(settled.pile, shot, settings)
        pipe.send((time.process_time() - began, resident_mb()))
    os._exit(0)  # Blender complains about itself when it is taken down in order


@contextmanager
def renderer(settings: RenderSettings) -> Iterator[Connection]:
    """Give the pipe to a fresh process that has rendered the hundred piles once, so that all it needs is loaded."""
    context = multiprocessing.get_context("spawn")
    pipe, end = context.Pipe()
    process = context.Process(target=serve, args=(end, settings), daemon=True)
    process.start()
    render(pipe, 0, BLOCK)
    yield pipe
    pipe.send(None)
    process.join()


def render(pipe: Connection, first: int, end: int) -> tuple[float, float]:
    """Return the CPU seconds that the process behind `pipe` needs for some piles, and its megabytes after them."""
    pipe.send((first, end))
    seconds, megabytes = pipe.recv()
    return seconds, megabytes


def main() -> None:
    """Print memory by hundreds, then the turns, in Markdown."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--piles", type=int, default=1000, help="that the old process renders first; a multiple of 100")
    parser.add_argument("--size", type=int, default=64, help="pixels")
    arguments = parser.parse_args()
    settings = RenderSettings(image_size_px=arguments.size, samples=1, distractors_max=2)
    with renderer(settings) as old:
        print("| piles | CPU-s a pile | memory MB |\n| ---: | ---: | ---: |", flush=True)
        for done in range(BLOCK, arguments.piles + 1, BLOCK):
            seconds, megabytes = render(old, 0, BLOCK)
            print(f"| {done} | {seconds / BLOCK:.3f} | {megabytes:.1f} |", flush=True)
        with renderer(settings) as fresh:
            ratios, totals = [], [0.0, 0.0]
            for turn in range(TURNS):
                first = turn * TURN % BLOCK
                pair = [render(pipe, first, first + TURN)[0] for pipe in (old, fresh)]
                ratios.append(pair[0] / pair[1])
                totals = [total + seconds for total, seconds in zip(totals, pair, strict=True)]
    piles = TURNS * TURN
    print(f"\nOld process {totals[0] / piles:.3f}, fresh one {totals[1] / piles:.3f} CPU-s a pile over {piles} piles;")
    print(f"ratio {totals[0] / totals[1]:.3f}, median of {TURNS} turns {statistics.median(ratios):.3f}.")


if __name__ == "__main__":
    main()
