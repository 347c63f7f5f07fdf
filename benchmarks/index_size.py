"""What an index costs at a million pictures: merging, one more shard, questions by part, disk and memory.

    .venv/bin/python benchmarks/index_size.py /tmp/index_size --images 1000000 --memory 2GB

Writes shards of 64 pictures with six bricks each into the folder (about 4 GB for a million pictures; what is there is
used again), without picture files, and measures in fresh processes. *Cold*: the file is out of the system's cache and
the connection new; *warm*: the median of further runs on it. Answers are handed over as Arrow tables; what it costs to
make Python's tuples of their rows instead stands beside. Other work on the machine stretches seconds, CPU-seconds less.
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pycocotools import mask as coco

from core.files import sha256_hex
from core.progress import Progress
from core.seeding import Purpose, generator
from dataset.database import INDEX_NAME
from dataset.index import open_index, rebuild_index, update_index
from dataset.manifest import Manifest, PartInfo
from dataset.schema import IMAGES_SCHEMA, INSTANCES_SCHEMA
from dataset.shards import PILES_PER_SHARD, pile_shard, shard_folder, write_rows
from dataset.splits import pile_group

PARTS = 100
BRICKS = 6  # a picture
SIZE_PX = 224
TWIN_EVERY = 16  # one picture in sixteen is the twin of the one before it
MASKS = 20_000  # silhouettes that are drawn once; each mask's text is two halves of them, so hardly any comes twice
FLOORS = ("paper", "desk", "wood", "cloth", "carpet", "cardboard")
LIGHTINGS = ("window", "desk_lamp", "ceiling", "overcast", "two_lamps", "sun", "flash")
RUNS = 7  # of a warm query


def mask_texts() -> list[bytes]:
    """Return the RLE of `MASKS` random octagons, about as long as those of bricks in renders."""
    rng = generator(0, 0, Purpose.CONTENT)
    angles = np.arange(8) * np.pi / 4
    texts = []
    for _ in range(MASKS):
        radius = rng.uniform(14.0, 36.0) * rng.uniform(0.6, 1.0, size=8)
        points = rng.uniform(36.0, SIZE_PX - 36.0, size=2) + radius[:, None] * np.stack(
            [np.cos(angles), np.sin(angles)], axis=1
        )
        texts.append(coco.frPyObjects([points.ravel().tolist()], SIZE_PX, SIZE_PX)[0]["counts"])
    return texts


def shard_tables(texts: list[bytes], number: int) -> tuple[pa.Table, pa.Table]:
    """Return the rows of shard `number`: 64 pictures of as many piles, six bricks each on average."""
    rng = generator(0, number, Purpose.CONTENT)
    piles = np.arange(number * PILES_PER_SHARD, (number + 1) * PILES_PER_SHARD)
    is_twin = piles % TWIN_EVERY == TWIN_EVERY - 1
    owners = np.where(is_twin, piles - 1, piles)
    names = [f"{owner:08d}-00{'-removed-3001' if twin else ''}" for owner, twin in zip(owners, is_twin, strict=True)]
    images: dict[str, Any] = {
        "image_id": names,
        "source": ["synthetic"] * len(piles),
        "group_id": [pile_group(int(owner)) for owner in owners],
        "file": [f"images/{name}.jpg" for name in names],
        "content_hash": [sha256_hex(name.encode()) for name in names],
        "pile_index": owners,
        "twin_of": [f"{owner:08d}-00" if twin else None for owner, twin in zip(owners, is_twin, strict=True)],
        "twin_mode": ["removed" if twin else None for twin in is_twin],
        "removed_part_id": ["3001" if twin else None for twin in is_twin],
        "arrangement": ["scattered"] * len(piles),
        "background": rng.choice(FLOORS, len(piles)),
        "lighting": rng.choice(LIGHTINGS, len(piles)),
        "camera_from_world": _lists(rng.normal(size=(len(piles), 12)), pa.float64()),
    }
    fixed = {"width": SIZE_PX, "height": SIZE_PX, "view_index": 0, "seed": 0, "attempts": 1, "distractors": 0}
    images |= {name: [value] * len(piles) for name, value in (fixed | {"jpeg_quality": 90}).items()}
    for field in IMAGES_SCHEMA:
        if field.type == pa.float64():
            images[field.name] = rng.normal(size=len(piles))
    counts = rng.integers(1, 2 * BRICKS, len(piles))
    total = int(counts.sum())
    visible = np.where(rng.random(total) < 0.6, 1.0, rng.random(total))  # more than half lie free
    area = rng.integers(100, 1500, total)
    weights = 1.0 / np.arange(1, PARTS + 1)
    codes = rng.choice(PARTS, total, p=weights / weights.sum())
    instances = {
        "image_id": np.repeat(names, counts),
        "instance_id": np.concatenate([np.arange(count) for count in counts]),
        "part_id": [part_id(code) for code in codes],
        "color_id": rng.integers(0, 30, total),
        "box_xywh_px": _lists(rng.integers(0, 60, (total, 4)), pa.int32()),
        "visible_px": (area * visible).astype(np.int32),
        "amodal_px": area,
        "in_frame_fraction": np.ones(total),
        "visible_fraction": (area * visible).astype(np.int32) / area,
        "visible_rle": _texts(texts, rng, total),
        "amodal_rle": _texts(texts, rng, total),
        "world_from_part": _lists(rng.normal(size=(total, 12)), pa.float64()),
    }
    return _table(images, IMAGES_SCHEMA), _table(instances, INSTANCES_SCHEMA)


def part_id(code: int) -> str:
    """Return the part_id of a class, the most common first."""
    return str(3001 + code)


def _texts(texts: list[bytes], rng: np.random.Generator, count: int) -> list[str]:
    pairs = rng.integers(0, len(texts), (count, 2))
    return [(texts[a][: len(texts[a]) // 2] + texts[b][len(texts[b]) // 2 :]).decode("ascii") for a, b in pairs]


def _lists(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), kind), values.shape[1])


def _table(columns: dict[str, Any], schema: pa.Schema) -> pa.Table:
    rows = len(columns["image_id"])
    return pa.table(
        [pa.nulls(rows, f.type) if f.name not in columns else _array(columns[f.name], f.type) for f in schema],
        schema=schema,
    )


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def write_dataset(root: Path, shards: int) -> None:
    """Write those of shards 0 to `shards` - 1 that are missing, and the manifest."""
    texts = mask_texts()
    infos = [PartInfo(part_id=part_id(code), name=f"Part {code}", category="brick") for code in range(PARTS)]
    Manifest(seed=0, parts=tuple(infos)).save_folder(root)
    with Progress("Write", shards, "shards") as progress:
        for number in range(shards):
            if not shard_folder(root, pile_shard(number)).is_dir():
                write_shard_tables(root, number, shard_tables(texts, number))
            progress.advance()


def write_shard_tables(root: Path, number: int, tables: tuple[pa.Table, pa.Table]) -> None:
    """Write one shard as `dataset.shards` does, from tables and without pictures."""
    folder = shard_folder(root, pile_shard(number))
    unfinished = folder.with_name(f".{folder.name}.tmp")
    unfinished.mkdir(parents=True, exist_ok=True)
    write_rows(unfinished, *tables)
    unfinished.rename(folder)


QUESTIONS = {
    "images with a label": "SELECT image_id FROM labels WHERE part_id = '{part}'",
    "their number": "SELECT count(*) FROM labels WHERE part_id = '{part}'",
    "bricks of a part, half visible": "SELECT image_id, instance_id FROM instances "
    "WHERE part_id = '{part}' AND visible_fraction >= 0.5",
    "files and splits of images with a label": "SELECT file, split FROM images JOIN labels USING (image_id) "
    "WHERE part_id = '{part}'",
    "part_images": "SELECT image_id, file, split, best_visible_fraction FROM part_images WHERE part_id = '{part}'",
    "half_visible": "SELECT image_id, file, split FROM half_visible WHERE part_id = '{part}'",
    "half_visible, counted": "SELECT count(*) FROM half_visible WHERE part_id = '{part}'",
    "part_pairs": "SELECT part_b, images FROM part_pairs WHERE part_a = '{part}'",
    "part_splits": "SELECT * FROM part_splits WHERE part_id = '{part}'",
    "part_visibility": "SELECT * FROM part_visibility WHERE part_id = '{part}'",
    "twins": "SELECT * FROM twins WHERE removed_part_id = '{part}'",
    "part_pairs, all": "SELECT * FROM part_pairs",
    "part_splits, all": "SELECT * FROM part_splits",
    "part_visibility, all": "SELECT * FROM part_visibility",
    "light_floor_counts": "SELECT * FROM light_floor_counts",
    "one image's bricks": "SELECT part_id, box_xywh_px, visible_rle FROM instances WHERE image_id = '{image}'",
}
COMMON, MEDIUM, RARE = 0, 19, 99  # classes: in a fifth of all bricks, in one of a hundred, in one of five hundred


@dataclass(frozen=True)
class Cost:
    """What a piece of work took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measure(work: Callable[[], Any]) -> tuple[Cost, Any]:
    """Return what `work` costs in a fresh process, and its result."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(work, send))
    process.start()
    cost, result = receive.recv()
    process.join()
    return cost, result


def _measured(work: Callable[[], Any], send: Connection) -> None:
    pa.array([0])  # pyarrow loads pandas the first time, once a process
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    send.send((Cost(wall, cpu, peak_kb / 1024), result))


@dataclass(frozen=True)
class Answer:
    """What a question costs, in seconds."""

    rows: int
    cold: float
    warm: float
    cpu: float
    """CPU-seconds of a warm answer."""
    tuples: float
    """A warm answer as a list of Python tuples."""


def ask(root: Path, sql: str) -> Answer:
    """Return what the answer costs with an empty cache, and then on the same connection."""
    with (root / INDEX_NAME).open("rb") as held:
        os.posix_fadvise(held.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    began = time.perf_counter()
    with open_index(root) as index:
        rows = index.sql(sql).to_arrow_table().num_rows
        cold = time.perf_counter() - began
        cpu = time.process_time()
        warm = _median_s(lambda: index.sql(sql).to_arrow_table())
        cpu = (time.process_time() - cpu) / RUNS
        return Answer(rows, cold, warm, cpu, _median_s(lambda: index.execute(sql).fetchall()))


def _median_s(work: Callable[[], Any]) -> float:
    laps = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        laps.append(time.perf_counter() - began)
    return statistics.median(laps)


def report_merges(root: Path, shards: int, memory: str) -> None:
    """Print what a rebuild, one more shard, and no new shard cost."""
    extra = shard_folder(root, pile_shard(shards))
    if extra.exists():
        shutil.rmtree(extra)
    print(f"| work, with --memory {memory} | rows of instances | s | CPU-s | rows a second | rows a CPU-s | peak MB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")

    def row(name: str, rows: int, cost: Cost) -> None:
        rates = f"{rows / cost.wall_s:,.0f} | {rows / cost.cpu_s:,.0f}" if rows else " | "
        print(
            f"| {name} | {rows:,} | {cost.wall_s:.2f} | {cost.cpu_s:.2f} | {rates} | {cost.peak_mb:.0f} |", flush=True
        )

    cost, _ = measure(partial(rebuild_index, root, memory))
    with open_index(root) as index:
        (rows,) = index.execute("SELECT count(*) FROM instances").fetchall()[0]
    row(f"all {shards:,} shards", rows, cost)
    tables = shard_tables(mask_texts(), shards)
    write_shard_tables(root, shards, tables)
    cost, _ = measure(partial(update_index, root, memory))
    row("one more shard", tables[1].num_rows, cost)
    cost, _ = measure(partial(update_index, root, memory))
    row("no new shard", 0, cost)
    print(f"\nThe index takes {(root / INDEX_NAME).stat().st_size / 1e6:,.0f} MB.\n")


def report_questions(root: Path, names: Collection[str]) -> None:
    """Print what the questions cost about a common, a medium and a rare part."""
    print("| question | part | rows | cold ms | warm ms | CPU-ms | as tuples, ms | peak MB |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in names:
        sql = QUESTIONS[name]
        for kind, code in (("common", COMMON), ("medium", MEDIUM), ("rare", RARE)) if "{part}" in sql else (("", 0),):
            filled = sql.format(part=part_id(code), image="00000640-00")
            cost, answer = measure(partial(ask, root, filled))
            numbers = " | ".join(f"{1000 * s:.0f}" for s in (answer.cold, answer.warm, answer.cpu, answer.tuples))
            print(f"| {name} | {kind} | {answer.rows:,} | {numbers} | {cost.peak_mb:.0f} |", flush=True)


def main() -> None:
    """Print the tables in Markdown."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the dataset is written; nothing else may be in it")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--memory", default="2GB", help="what DuckDB may hold")
    parser.add_argument("--only", choices=["merges", "questions"], help="leave out the other table")
    parser.add_argument("--questions", nargs="*", default=list(QUESTIONS), help="which ones", metavar="NAME")
    arguments = parser.parse_args()
    shards = -(-arguments.images // PILES_PER_SHARD)
    write_dataset(arguments.folder, shards)
    if arguments.only != "questions":
        report_merges(arguments.folder, shards, arguments.memory)
    if arguments.only != "merges":
        report_questions(arguments.folder, arguments.questions)


if __name__ == "__main__":
    main()
