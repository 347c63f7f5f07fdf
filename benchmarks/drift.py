"""Whether a renderer that runs for long slows down or grows: time and memory over many piles in one process.

    .venv/bin/python benchmarks/drift.py --piles 1000

The same hundred piles are rendered again and again, so that each hundred is the same work; each hundred's CPU time and
the memory after it are printed. The first hundred is preceded by a warm-up over the same piles, in which parts, floors
and kernels are loaded, once.
"""

import argparse
import resource
import time
from pathlib import Path

from render.settings import RenderSettings
from render.worker import record_of, render_shots, settled_pile, start_blender

BLOCK = 100
PAGE_BYTES = resource.getpagesize()


def resident_mb() -> float:
    """Return the memory that this process holds now, in megabytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES / 1e6


def render_block(settings: RenderSettings) -> float:
    """Render the hundred piles; return the CPU seconds."""
    began = time.process_time()
    for pile_index in range(BLOCK):
        settled = settled_pile(settings, 0, pile_index)
        for shot in render_shots(settled, settings):
            record_of(settled.pile, shot, settings)
    return time.process_time() - began


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--piles", type=int, default=1000, help="in all, a multiple of 100")
    parser.add_argument("--size", type=int, default=64, help="pixels")
    arguments = parser.parse_args()
    settings = RenderSettings(image_size_px=arguments.size, samples=1, distractors_max=2)
    start_blender(1)
    render_block(settings)
    print("| piles | CPU-s a pile | memory MB |\n| ---: | ---: | ---: |", flush=True)
    print(f"| 0 | | {resident_mb():.1f} |", flush=True)
    for done in range(BLOCK, arguments.piles + 1, BLOCK):
        seconds = render_block(settings)
        print(f"| {done} | {seconds / BLOCK:.3f} | {resident_mb():.1f} |", flush=True)


if __name__ == "__main__":
    main()
