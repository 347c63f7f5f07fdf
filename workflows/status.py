"""How far the rendering of a dataset is: read from its files, whoever writes them, on whatever machines."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import BrickbenchError
from dataset.shards import pile_shards
from render.journal import LOGS_FOLDER, Failure, RunFacts, SetAside, WorkerFacts, furthest, read_runs, read_workers

SILENT_S = 900.0
"""A worker that wrote nothing for so long is taken for lost: a pile takes seconds, one at high quality minutes."""


@dataclass(frozen=True)
class DeviceRate:
    """What the workers on one kind of device do together."""

    device: str
    workers: int
    piles: int
    """Made by them in this render."""
    piles_per_hour: float
    seconds_per_pile: float
    """Of one worker."""


@dataclass(frozen=True)
class Status:
    """Where a render stands."""

    state: str
    """``running``, ``done``, ``failed``, ``stopped``, or ``silent``: it says that it runs, but nobody writes."""
    piles: int
    piles_done: int
    """With those of shards that are not whole yet."""
    shards: int
    shards_done: int
    shards_running: int
    shards_failed: int
    piles_per_hour: float
    hours_left: float | None
    """None where nothing runs, or nothing is known yet."""
    engine: str
    devices: list[DeviceRate]
    workers: list[WorkerFacts]
    failures: list[Failure]
    set_aside: list[SetAside]
    """Piles that could not be made; the shards of the others are whole."""


def read_status(root: Path) -> Status:
    """Return where the render of `root` stands; shares of it, as on an array of jobs, are taken together.

    Raises:
        BrickbenchError: no render of this version ever ran in `root`.
    """
    runs = read_runs(root)
    if not runs:
        raise BrickbenchError(
            f"{root} has no {LOGS_FOLDER}/renders, so nothing is known of its making: `brickbench render run` writes "
            f"it, and `brickbench dataset info {root}` tells what is there."
        )
    piles, size = max(run.piles for run in runs), runs[0].piles_per_shard
    shards = -(-piles // size)
    made = {shard for shard in pile_shards(root) if shard < shards}
    running = {run.share for run in runs if run.state == "running"}
    busy = [
        worker
        for worker in read_workers(root)
        if worker.share in running and worker.shard is not None and worker.silent_s < SILENT_S
    ]
    begun = {shard: worker for shard, worker in furthest(busy).items() if shard not in made}
    failures = [failure for run in runs for failure in run.failures if failure.shard not in made]
    done = sum(min(size, piles - shard * size) for shard in made)
    done += sum((worker.pile or 0) - shard * size for shard, worker in begun.items())
    devices = list(_by_device(busy))
    rate = sum(device.piles_per_hour for device in devices)
    return Status(
        state=_state(runs, busy),
        piles=piles,
        piles_done=done,
        shards=shards,
        shards_done=len(made),
        shards_running=len(begun),
        shards_failed=len(failures),
        piles_per_hour=rate,
        hours_left=(piles - done) / rate if rate else None,
        engine=", ".join(sorted({run.engine for run in runs})),
        devices=devices,
        workers=busy,
        failures=failures,
        set_aside=list({one.pile: one for run in runs for one in run.set_aside}.values()),
    )


def _state(runs: list[RunFacts], busy: list[WorkerFacts]) -> str:
    states = {run.state for run in runs}
    for state in ("running", "failed", "stopped"):
        if state in states:
            return "silent" if state == "running" and not busy else state
    return "done"


def _by_device(workers: list[WorkerFacts]) -> Iterator[DeviceRate]:
    for device in sorted({worker.device for worker in workers}):
        mine = [worker for worker in workers if worker.device == device and worker.piles]
        piles, seconds = sum(worker.piles for worker in mine), sum(worker.seconds for worker in mine)
        if piles and seconds:
            rate = sum(3600 * worker.piles / worker.seconds for worker in mine)
            yield DeviceRate(device, len(mine), piles, rate, seconds / piles)
