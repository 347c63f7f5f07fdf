"""What 100,000 maps cost: files, disk, writing, going on, and reading one at random.

    .venv/bin/python benchmarks/explain_store.py /tmp/explain_store --maps 100000

Makes a dataset of flat shapes in the folder (deleted at the end) and lets `explain run` make maps with methods that
cost nothing: ten of 14 x 14 values and seven of 128 x 128. So what is measured is all but the network: reading
pictures, writing shards, merging rows into the index. Then fresh processes measure. *Nothing to do*: the same command
once more. *Cold*: index and maps are out of the system's cache and the connection is new; *warm*: the same connection,
for other maps. Each reads maps by picture, part and method.
"""

import argparse
import multiprocessing
import os
import runpy
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor, nn

from core.seeding import Purpose, generator
from dataset.database import INDEX_NAME
from dataset.index import merge_run, open_index
from explain.bulk import explain_run
from explain.methods import METHODS
from explain.protocol import FloatMaps, MethodRow, NoSettings
from explain.shard_writer import Dtype
from explain.store import find_attributions, load_maps, read_attributions
from training.run.run import Run

SIZES_PX = {f"small_{number:02d}": 14 for number in range(10)} | {f"large_{number}": 128 for number in range(7)}
PICTURES_A_PILE, MAPS_A_PICTURE = 0.6, 1.6  # share of the toy dataset's train split, and parts in a picture
READS = 200


class Noise:
    """A method that costs nothing: noise around 1, of one size."""

    def __init__(self, size_px: int) -> None:
        """Make maps of `size_px` squared."""
        self.size_px, self.settings = size_px, NoSettings()

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return maps (K, size_px, size_px)."""
        rng = generator(0, Purpose.BASELINE, len(images))
        shape = (self.size_px, self.size_px)
        return [1 + rng.random((len(wanted), *shape), dtype=np.float32) for wanted in classes]


def add_methods() -> None:
    """Put the methods into the registry."""

    def create(size_px: int, _model: nn.Module, _settings: NoSettings) -> Noise:
        return Noise(size_px)

    for name, size_px in SIZES_PX.items():
        METHODS[name] = MethodRow(
            name, name, "method", "baseline", partial(create, size_px), NoSettings, "bilinear", signed=False,
            images_at_once=16, cost="none", source="noise", note="for the benchmark",
        )  # fmt: skip


def make_dataset(root: Path, maps: int) -> Path:
    """Write a dataset with as many pictures as `maps` maps need, train one epoch on it, and return the run."""
    from training.fit.loop import train
    from training.run.settings import TrainingSettings

    toy = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "toy.py"))
    piles = round(maps / len(SIZES_PX) / PICTURES_A_PILE / MAPS_A_PICTURE)
    toy["make_toy_dataset"](root, piles=piles)
    settings = TrainingSettings(model_kwargs={"width": 0.05, "stem_stride": 2}, input_size_px=64, epochs=1)
    train(settings, root, root / "runs" / "toy", device="cpu")
    return root / "runs" / "toy"


def make_maps(root: Path, run: Path, dtype: Dtype) -> dict[str, float]:
    """Run `explain run` and return seconds, CPU-seconds and maps made."""
    add_methods()
    torch.set_num_threads(1)
    began, cpu = time.perf_counter(), time.process_time()
    done = explain_run(Run.open(run, root), {name: {} for name in SIZES_PX}, split="train", device="cpu", dtype=dtype)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "cpu": time.process_time() - cpu, "made": done.made, "found": done.found}


def read_at_random(root: Path, run: Path, *, cold: bool) -> dict[str, float]:
    """Return the median and the 99th percentile of milliseconds to read one map by picture, part and method."""
    rows = read_attributions(run)
    rng = generator(1, Purpose.BASELINE)
    times = []
    index = open_index(root)
    for place in rng.integers(len(rows), size=READS):
        row = rows[place]
        if cold:
            index.close()
            forget(root / INDEX_NAME)
            forget(run / row.file)
        began = time.perf_counter()
        if cold:
            index = open_index(root)
        (values,) = load_maps(run, find_attributions(index, row.image_id, row.part_id, row.method))
        values.sum()
        times.append(1e3 * (time.perf_counter() - began))
    return {"median": statistics.median(times), "high": float(np.percentile(times, 99))}


def read_rows(root: Path, run: Path) -> dict[str, float]:
    """Return the seconds for all rows from their files, for those of one picture, and for a merge into the index."""
    began = time.perf_counter()
    rows = read_attributions(run)
    every = time.perf_counter() - began
    began = time.perf_counter()
    read_attributions(run, rows[0].image_id)
    one = time.perf_counter() - began
    began = time.perf_counter()
    merge_run(root, run)
    return {"every": every, "one": one, "merge": time.perf_counter() - began}


def forget(file: Path) -> None:
    """Put a file out of the system's cache."""
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def fresh(work: Callable[..., dict[str, float]], *args: object, **named: object) -> dict[str, float]:
    """Return what `work` returns in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, args, dict(named))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--maps", type=int, default=100_000)
    options = parser.parse_args()
    if options.folder.exists():
        parser.error(f"{options.folder} is there already: name another folder, it is deleted at the end")
    try:
        run = make_dataset(options.folder, options.maps)
        print(
            "| stored as | maps | files | disk, GB | maps/s written | CPU, ms a map | nothing to do, s "
            "| merge, s | all rows, s | rows of a picture, s | warm read, ms (99 %) | cold read, ms (99 %) |"
        )
        print("| --- |" + " ---: |" * 11)
        for dtype in get_args(Dtype):
            work = partial(fresh, make_maps, options.folder, run, dtype)
            made, again = work(), work()
            files = [path for path in (run / "attributions").rglob("*") if path.is_file()]
            size = sum(path.stat().st_size for path in files) / 1e9
            rows = fresh(read_rows, options.folder, run)
            warm, cold = (fresh(read_at_random, options.folder, run, cold=cold) for cold in (False, True))
            print(
                f"| {dtype} | {again['found']} | {len(files)} | {size:.2f} "
                f"| {made['made'] / made['seconds']:.0f} | {1e3 * made['cpu'] / made['made']:.2f} "
                f"| {again['seconds']:.1f} | {rows['merge']:.1f} | {rows['every']:.2f} | {rows['one']:.2f} "
                f"| {warm['median']:.1f} ({warm['high']:.1f}) | {cold['median']:.1f} ({cold['high']:.1f}) |",
                flush=True,
            )
            shutil.rmtree(run / "attributions")
    finally:
        shutil.rmtree(options.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
