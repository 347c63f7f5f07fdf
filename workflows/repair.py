"""What is broken in a dataset made anew: piles are rendered again, then the index follows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from core.cli import count_of
from core.engine import run_items
from core.errors import BrickbenchError, SettingsError
from core.progress import Progress
from dataset.checks import Kind, Problem, check_dataset
from dataset.database import INDEX_NAME
from dataset.dataset_folder import DatasetFolder
from dataset.index import rebuild_index, update_index
from dataset.repair import Mended, OtherLabelsError, Recorded, clear_repairs, mend_shard, piles_of
from dataset.schema import INSTANCES_SCHEMA
from dataset.shards import pile_shards, read_shard, shard_folder
from render.run import SETTINGS_NAME, RenderRecord, default_workers
from render.settings import RenderSettings


@dataclass(frozen=True)
class Repair:
    """One thing that a repair did, or could not do: in which shard (None: the index), to which piles."""

    shard: str | None
    piles: str
    was: str
    done: str


@dataclass(frozen=True)
class MendJob:
    """One shard to mend: a pure work item. `keep_rows` is False where all of it is made anew."""

    root: Path
    settings: RenderSettings
    seed: int
    number: int
    piles: tuple[int, ...]
    recorded: Recorded
    keep_rows: bool
    set_aside: Mapping[int, str] = field(default_factory=dict)
    """Piles that are not tried again, of a shard that is made anew as a whole."""


def repair_dataset(dataset: DatasetFolder, workers: int | None = None) -> tuple[list[Repair], list[Problem]]:
    """Mend a dataset; return what was done and what is wrong still.

    Broken piles are rendered again and nothing else; then the index is brought up to date or made anew. It can be
    killed at any moment and run again.

    Raises:
        BrickbenchError: another process holds its index.
    """
    clear_repairs(dataset.root)
    problems = check_dataset(dataset)
    broken = _broken_shards(problems)
    repairs = _render_again(dataset, broken, workers) if broken else []
    others = [problem for problem in problems if problem.shard not in broken]
    in_index = [problem for problem in others if problem.kind in (Kind.BEHIND, Kind.INDEX)]
    if broken:
        in_index += [found for found in check_dataset(dataset, only=broken) if found.kind in (Kind.BEHIND, Kind.INDEX)]
    mended = _mend_index(dataset.root, in_index)
    left = [problem for problem in others if problem.shard is not None and problem not in in_index]
    again = {*broken, *(str(problem.shard) for problem in in_index)}
    return [*repairs, *mended], [*check_settings(dataset.root), *left, *check_dataset(dataset, only=again)]


def check_settings(root: Path) -> list[Problem]:
    """Return what is wrong with ``settings.yaml``, from which piles are rendered again; it is none of photos alone."""
    path = root / SETTINGS_NAME
    if not path.is_file():
        return []
    try:
        RenderRecord.load(path)
    except SettingsError as error:
        way_out = f"Put {path} back as `render run` wrote it: broken piles can be rendered again from nothing else."
        return [Problem(Kind.SETTINGS, None, None, str(error).rstrip("."), way_out)]
    return []


def _broken_shards(problems: Sequence[Problem]) -> dict[str, list[Problem]]:
    """Return the problems of each shard of piles in which files or rows are wrong."""
    broken: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        if problem.kind in (Kind.PICTURE, Kind.ROWS, Kind.SHARD) and str(problem.shard).isdecimal():
            broken[str(problem.shard)].append(problem)
    return dict(sorted(broken.items()))


def _render_again(dataset: DatasetFolder, broken: dict[str, list[Problem]], workers: int | None) -> list[Repair]:
    root = dataset.root
    reason = f"{root} has no {SETTINGS_NAME}, so nobody knows how these piles were made"
    if (root / SETTINGS_NAME).is_file():
        reason = " ".join(problem.what for problem in check_settings(root))
    if reason:
        done = f"not rendered again: {reason}"
        return [Repair(shard, "", _summary(found), done) for shard, found in broken.items()]
    from render.worker import start_blender  # loads Blender

    record = RenderRecord.load(root / SETTINGS_NAME)
    jobs = {shard: _job(dataset, record, shard, found) for shard, found in broken.items()}
    cores = default_workers()
    workers = min(workers or cores, len(jobs))
    setup = partial(start_blender, max(1, cores // workers))
    repairs = []
    with Progress("Repair", len(jobs), "shards") as progress:
        for outcome in run_items(mend, jobs, workers=workers, setup=setup):
            done = f"failed: {outcome.error}" if outcome.value is None else _words(outcome.value)
            piles = ", ".join(map(str, jobs[outcome.key].piles)) if jobs[outcome.key].keep_rows else "all"
            repairs.append(Repair(outcome.key, piles, _summary(broken[outcome.key]), done))
            progress.advance()
    return sorted(repairs, key=lambda repair: str(repair.shard))


def mend(job: MendJob) -> Mended | str:
    """Render the piles of a job again and put them into their shard; return what came of it, or why it was not done."""
    from render.worker import pictures_of

    set_aside = dict(job.set_aside)
    pictures = pictures_of(job.settings, job.seed, job.piles, set_aside)
    try:
        return mend_shard(job.root, job.number, pictures, job.recorded, keep_rows=job.keep_rows, set_aside=set_aside)
    except OtherLabelsError as error:  # the other shards may come out right
        failed = [f"pile {pile}: {reason}" for pile, reason in set_aside.items() if pile not in job.set_aside]
        return f"not done: {'; '.join(failed) or error}"


def _words(mended: Mended | str) -> str:
    if isinstance(mended, str):
        return mended
    made = f"{count_of(mended.pictures, 'picture')} rendered again"
    if mended.other_bytes:
        return (
            f"{made} with the same labels; {mended.other_bytes} of them with other bytes than recorded, "
            "as another machine or version renders them"
        )
    if mended.unrecorded:
        return f"{made}; of {mended.unrecorded} nothing was recorded to hold them against"
    return f"{made}, with the bytes that were recorded"


def _job(dataset: DatasetFolder, record: RenderRecord, shard: str, found: Sequence[Problem]) -> MendJob:
    keep_rows = all(problem.kind is not Kind.SHARD for problem in found)
    if keep_rows:
        rows = read_shard(dataset.root, shard)
        piles = piles_of(rows.images, {str(problem.image_id) for problem in found})
        wrong = pa.array([problem.image_id for problem in found if problem.kind is Kind.ROWS], pa.string())
        chosen = pc.and_(
            pc.is_in(rows.images["pile_index"], value_set=pa.array(piles)),
            pc.invert(pc.is_in(rows.images["image_id"], value_set=wrong)),
        )
        images = rows.images.filter(chosen)
        bricks = rows.instances.filter(pc.is_in(rows.instances["image_id"], value_set=images["image_id"]))
        recorded = Recorded(images, bricks)
    else:
        recorded = _indexed(dataset, shard)
        piles = sorted(set(recorded.images["pile_index"].to_pylist())) or _piles_on_disk(dataset.root, record, shard)
    aside = {} if keep_rows else _set_aside(dataset, shard)
    return MendJob(dataset.root, record.render, record.seed, int(shard), tuple(piles), recorded, keep_rows, aside)


def _set_aside(dataset: DatasetFolder, shard: str) -> dict[int, str]:
    """Return the piles that could not be made when the shard was, with the reason, as far as the index knows."""
    try:
        return dict(dataset.query("SELECT pile_index, reason FROM set_aside WHERE shard = ?", [shard]))
    except (BrickbenchError, duckdb.Error):  # no index, or one from before it had the table
        return {}


def _indexed(dataset: DatasetFolder, shard: str) -> Recorded:
    """Return what the index knows of a shard, nothing if it cannot be read."""
    chosen = f"FROM images WHERE shard = '{shard}'"
    try:
        with dataset.index() as index:
            images = index.sql(f"SELECT image_id, content_hash, pile_index {chosen}").to_arrow_table()
            names = ", ".join(INSTANCES_SCHEMA.names)
            bricks = index.sql(
                f"SELECT {names} FROM instances SEMI JOIN (SELECT image_id {chosen}) USING (image_id)"
            ).to_arrow_table()
    except (BrickbenchError, duckdb.Error):  # no index, or a damaged one
        known = pa.schema({"image_id": pa.string(), "content_hash": pa.string(), "pile_index": pa.int64()})
        return Recorded(known.empty_table(), INSTANCES_SCHEMA.empty_table())
    return Recorded(images, bricks.cast(INSTANCES_SCHEMA))


def _piles_on_disk(root: Path, record: RenderRecord, shard: str) -> list[int]:
    """Return the piles of a shard of which no rows are left: those that its pictures are named after, or all."""
    size = record.render.piles_per_shard
    full = range(int(shard) * size, (int(shard) + 1) * size)
    names = [path.name.partition("-")[0] for path in (shard_folder(root, shard) / "images").glob("*")]
    last = max((int(name) for name in names if name.isdecimal()), default=full[-1])
    is_last = int(shard) == max(pile_shards(root), default=0)
    return [pile for pile in full if not is_last or pile <= last]  # only the last shard may hold fewer piles


def _mend_index(root: Path, problems: Sequence[Problem]) -> list[Repair]:
    stale = [problem for problem in problems if problem.kind is Kind.INDEX]
    behind = [problem for problem in problems if problem.kind is Kind.BEHIND]
    if not stale and not behind:
        return []
    try:
        if stale:
            rebuild_index(root)
        else:
            update_index(root)
    except BrickbenchError as error:
        done = f"not done: {error}"
    else:
        done = f"{INDEX_NAME} made anew from the shards" if stale else f"{INDEX_NAME} brought up to date"
    return [Repair(None, "", _summary(stale or behind), done)]


def _summary(problems: Sequence[Problem]) -> str:
    whats = list(dict.fromkeys(problem.what for problem in problems))
    return whats[0] + (f" and {len(whats) - 1} more" if len(whats) > 1 else "")
