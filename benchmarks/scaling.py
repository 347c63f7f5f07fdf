"""Renders by 1 and 2 workers, what an engine costs an item, and 10,000,000 pictures' worth of shards without pictures.

    python benchmarks/scaling.py [throughput] [items] [ten-million] [--images 10000000]

`throughput` wants a quiet machine: it renders the same shards by one worker on a core of its own and by two, and
measures what the machine itself gains by a second process. `items` does nothing 2,000 times on each engine.
`ten-million` runs the directing process over the shards that so many pictures make, with 1,000 workers that answer at
once, writes tables with as many rows, and merges them into an index.
"""

import argparse
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from core.engine import LOCAL, Crew, Engine, Outcome, run_items
from core.engines.on_ray import RayEngine
from dataset.index import open_index, update_index
from dataset.manifest import Manifest, PartInfo
from dataset.masks import encode_mask
from dataset.schema import IMAGES_SCHEMA, INSTANCES_SCHEMA
from dataset.shards import pile_shard, shard_folder, write_rows
from dataset.splits import pile_group
from render.journal import RunJournal
from render.run import plan_render, render_dataset
from render.settings import RenderSettings
from workflows.status import read_status

FEW, MANY = 40, 100
"""Piles a worker of the two renders whose difference is taken. In its first ones a worker loads the panoramas, meshes
and textures that it keeps, so two workers on the same few piles would do some of one worker's work twice."""
CORES = "cores"
PILES_A_SHARD = 64
BRICKS = 5  # a picture


def nothing(number: int) -> int:
    """Return `number`."""
    return number


def throughput(rounds: int) -> None:
    """Render by one worker and by two, a core each; and by one process and two that know nothing of each other."""
    settings = RenderSettings(image_size_px=128, samples=8, bricks_max=20, piles_per_shard=1)
    ways: dict[str, Callable[[Path, int, int], float]] = {
        "none: separate processes": partial(_render_apart, settings),
        "local": partial(_render, settings, LOCAL),
        "Ray": partial(_render, settings, RayEngine("local")),
    }
    cases = [(name, workers) for name in ways for workers in (1, 2)]
    found: dict[tuple[str, int], list[tuple[float, float]]] = {case: [] for case in cases}
    for name, workers in cases:
        _measure(ways[name], workers, workers)  # all that is loaded or started once
    for _ in range(rounds):  # in turns, as a machine may be slower for some minutes
        for name, workers in cases:
            few, many = (_measure(ways[name], count, workers) for count in (FEW * workers, MANY * workers))
            found[name, workers].append((many[0] - few[0], many[1] - few[1]))
    print("| engine | workers | piles | s | piles/s | times one worker | CPU-s a pile | of the time at work |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, workers in cases:
        piles = (MANY - FEW) * workers
        gain = workers * statistics.median(
            one[0] / two[0] for one, two in zip(found[name, 1], found[name, workers], strict=True)
        )
        seconds, cpu = (statistics.median(each) for each in zip(*found[name, workers], strict=True))
        print(
            f"| {name} | {workers} | {piles} | {seconds:.1f} | {piles / seconds:.2f} | {gain:.2f} | {cpu / piles:.3f} "
            f"| {cpu / seconds / workers:.0%} |"
        )


def _measure(way: Callable[[Path, int, int], float], count: int, workers: int) -> tuple[float, float]:
    """Return seconds, and CPU seconds of what renders."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / CORES).mkdir()
        started = time.perf_counter()
        cpu = way(Path(folder), count, workers)
        return time.perf_counter() - started, cpu


def _render_apart(settings: RenderSettings, root: Path, count: int, workers: int) -> float:
    """Render an equal number of piles, the same, in each process: what the machine itself gains by a second one."""
    count //= workers
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as processes:
        roots = [root / f"process {k}" for k in range(workers)]
        return sum(processes.map(partial(_render_alone, settings, count, root / CORES), roots))


def _render_alone(settings: RenderSettings, count: int, cores: Path, root: Path) -> float:
    return _run(settings, OneThread(LOCAL, cores), root, count, 1)


def _render(settings: RenderSettings, engine: Engine, root: Path, count: int, workers: int) -> float:
    return _run(settings, OneThread(engine, root / CORES), root / "piles", count, workers)


def _run(settings: RenderSettings, timed: "OneThread", root: Path, count: int, workers: int) -> float:
    render_dataset(settings, root, count=count, seed=0, workers=workers, device="cpu", engine=timed)
    return timed.cpu


class OneThread:
    """An engine whose workers get one thread on a core of their own, and which adds up their CPU seconds.

    Blender and its denoiser start a few threads more than they are told to: a worker that is alone on two cores would
    be helped by the second one.
    """

    is_here = True
    title = "one thread a worker"

    def __init__(self, engine: Engine, cores: Path) -> None:
        """Take the engine that does the work, and a folder in which workers claim their cores."""
        self._engine, self._cores, self.cpu = engine, cores, 0.0

    def crew(self, workers: int | None, items: int) -> Crew:
        """Return the workers asked for."""
        return Crew(min(workers or 1, max(items, 1)), 1)

    def run(self, function: Callable[[Any], Any], items: Mapping[str, Any], **options: Any) -> Iterator[Outcome[Any]]:
        """Yield the outcomes of the engine."""
        for outcome in self._engine.run(partial(_timed, function, self._cores), items, **options):
            assert outcome.value is not None, outcome.error
            value, cpu = outcome.value
            self.cpu += cpu
            yield replace(outcome, value=value)


def _timed(function: Callable[[Any], Any], cores: Path, item: Any) -> tuple[Any, float]:
    _claim_core(cores)
    started = time.process_time()
    value = function(item)
    return value, time.process_time() - started


def _claim_core(cores: Path) -> None:
    """Keep all threads of this process to one core, the first that nobody claimed in the folder `cores`."""
    if (cores / f"process {os.getpid()}").exists():
        return
    for core in sorted(os.sched_getaffinity(0)):
        try:
            (cores / f"core {core}").touch(exist_ok=False)
        except FileExistsError:
            continue
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})
        break
    (cores / f"process {os.getpid()}").touch()


def items() -> None:
    """Do nothing many times, on each engine."""
    count = 2000
    work = {str(number): number for number in range(count)}
    print("| engine | workers | ms an item |\n| --- | --- | --- |")
    for name, engine in (("local", LOCAL), ("Ray", RayEngine("local"))):
        for workers in (1, 2):
            started = 0.0
            for number, _ in enumerate(run_items(nothing, work, workers=workers, engine=engine)):
                started = started or (time.perf_counter() if number == 9 else 0.0)  # workers are up then
            print(f"| {name} | {workers} | {1000 * (time.perf_counter() - started) / (count - 10):.2f} |")


class Instant:
    """An engine of 1,000 workers that answer at once: what is left is what the directing process does."""

    is_here = True
    title = "no work"

    def crew(self, workers: int | None, items: int) -> Crew:
        """Return a thousand."""
        return Crew(min(workers or 1000, items), 1)

    def run(self, _: object, items: Mapping[str, object], **__: object) -> Iterator[Outcome[int]]:
        """Yield for each item that it has its piles."""
        for key in items:
            yield Outcome(key, PILES_A_SHARD, None, 1)


def ten_million(images: int) -> None:
    """Measure time and memory of directing, of merging, and the size of the index."""
    from render.worker import ShardJob, render_shard, start_blender

    shards = images // PILES_A_SHARD
    settings = RenderSettings()
    print("| step | shards | s | CPU-s | memory of the process, MB |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)

        def direct() -> None:
            jobs = {
                f"shard {k:06d}": ShardJob(root, settings, 0, k, range(k * PILES_A_SHARD, (k + 1) * PILES_A_SHARD))
                for k in plan_render(settings, root, images, (1, 1)).missing
            }
            engine: Any = Instant()
            crew = engine.crew(None, len(jobs))
            setup = partial(start_blender, crew.threads, "cpu")
            with RunJournal(
                root, (1, 1), piles=images, piles_per_shard=PILES_A_SHARD, todo=len(jobs), engine="", workers=1000
            ):
                for _ in run_items(render_shard, jobs, workers=crew.workers, setup=setup, engine=engine):
                    pass

        _line("direct, with workers that answer at once", shards, direct)
        _line("(write the tables)", shards, lambda: _write_tables(root, shards))
        _line("find that nothing is missing", shards, lambda: plan_render(settings, root, images, (1, 1)))
        _line("status", shards, lambda: read_status(root))
        _line("merge", shards, lambda: update_index(root))
        _line("merge again, with nothing new", shards, lambda: update_index(root))
        with open_index(root) as index:
            rows = index.execute("SELECT count(*) FROM images").fetchall()[0][0]
            bricks = index.execute("SELECT count(*) FROM instances").fetchall()[0][0]
        size = (root / "index.duckdb").stat().st_size / 1e9
        tables = sum(path.stat().st_size for path in root.glob("shards/*/*.parquet")) / 1e9
        print(f"\nIndex: {rows:,} pictures, {bricks:,} bricks, {size:.2f} GB; tables of the shards: {tables:.2f} GB")


def _write_tables(root: Path, shards: int) -> None:
    """Write the tables of each shard: the same rows under other names, and no pictures."""
    parts = tuple(PartInfo(part_id=str(3000 + k), name=f"Part {k}", category="Brick") for k in range(BRICKS))
    Manifest(seed=0, parts=parts).save_folder(root)
    mask = encode_mask(np.eye(64, dtype=bool))
    common = {"source": "synthetic", "content_hash": "0" * 64, "width": 224, "height": 224, "view_index": 0, "seed": 0}
    pictures = pa.Table.from_pylist([common] * PILES_A_SHARD, schema=_nullable(IMAGES_SCHEMA))
    brick = {
        "color_id": 4, "box_xywh_px": [0, 0, 64, 64], "visible_px": 400, "amodal_px": 500, "in_frame_fraction": 1.0,
        "visible_fraction": 0.8, "visible_rle": mask, "amodal_rle": mask, "world_from_part": [0.0] * 12,
    }  # fmt: skip
    pile = [brick | {"instance_id": k, "part_id": str(3000 + k)} for k in range(BRICKS)]
    bricks = pa.Table.from_pylist(pile * PILES_A_SHARD, schema=_nullable(INSTANCES_SCHEMA))
    for number in range(shards):
        piles = range(number * PILES_A_SHARD, (number + 1) * PILES_A_SHARD)
        names = [f"{pile:08d}-00" for pile in piles]
        own: dict[str, Any] = {
            "image_id": names, "group_id": [pile_group(pile) for pile in piles], "pile_index": list(piles),
            "file": [f"images/{name}.jpg" for name in names],
        }  # fmt: skip
        folder = shard_folder(root, pile_shard(number))
        folder.mkdir(parents=True)
        owners = {"image_id": [name for name in names for _ in range(BRICKS)]}
        write_rows(folder, _with(pictures, own), _with(bricks, owners))


def _nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in schema])


def _with(table: pa.Table, columns: Mapping[str, Any]) -> pa.Table:
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    return table


def _line(step: str, shards: int, work: Callable[[], object]) -> None:
    started, before = time.perf_counter(), _cpu_seconds()
    work()
    seconds, cpu = time.perf_counter() - started, _cpu_seconds() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"| {step} | {shards:,} | {seconds:.1f} | {cpu:.1f} | {peak:.0f} |", flush=True)


def _cpu_seconds() -> float:
    """Return what this process and the processes that it waited for have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    parts = ["throughput", "items", "ten-million"]
    arguments.add_argument("what", nargs="*", choices=parts, default=parts)
    arguments.add_argument("--rounds", type=int, default=3, help="How often throughput is measured.")
    arguments.add_argument("--images", type=int, default=10_000_000)
    given = arguments.parse_args()
    free = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    print(f"{os.cpu_count()} logical cores, {free:.0f} GB free for tables\n")
    for what in given.what:
        print(f"\n## {what}\n")
        if what == "throughput":
            throughput(given.rounds)
        elif what == "items":
            items()
        else:
            ten_million(given.images)
