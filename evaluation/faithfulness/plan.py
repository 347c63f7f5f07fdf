"""What a run's maps lack, and the work items that this comes to: the same whoever does them, and how many do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from core.errors import BrickbenchError, SettingsError
from core.settings import Settings, near_matches
from evaluation.faithfulness.registry import find_faithfulness
from evaluation.faithfulness.scorer import MAPS_AT_ONCE, Noise, Slice, WorkItem
from evaluation.faithfulness.twins import Regions
from evaluation.score_store import FAITHFULNESS_PREFIX, SCORES, kept_rows, score_file
from explain.store import Attribution, read_shard, shard_files

GROUPS_AN_ITEM = 4
"""Groups of `MAPS_AT_ONCE` maps in a work item: of measures that change pixels they take 1 to 10 seconds on a core."""
EXPLAIN_ANEW = ("stability", "randomisation")
"""Kinds of measures that take seconds a map with slow methods: there one group is an item."""

Level = tuple[str, str, str]
"""Measure, picture and part: what a level of chance belongs to."""


@dataclass(frozen=True)
class Job:
    """One file of maps, what is known of them, and what they lack."""

    shard: Path
    out: Path
    rows: list[Attribution]
    """The maps that were asked for."""
    kept: dict[str, pa.Table]
    """By measure, the scores that are there, also of maps that were not asked for."""
    lacking: dict[str, dict[str, Attribution]]
    """By measure and attribution_id."""


def find_jobs(
    run_folder: Path,
    checkpoint: str,
    methods: Sequence[str] | None,
    limit: int | None,
    metrics: Mapping[str, Settings],
    *,
    force: bool,
) -> list[Job]:
    """Return the files of maps that were asked for, with what each lacks.

    Raises:
        SettingsError: no such method among the maps, or other settings than those of the scores that are there.
        BrickbenchError: the run has no maps of the checkpoint, or a file is damaged.
    """
    shards = {shard: read_shard(shard) for shard in shard_files(run_folder)}
    everything = [row for rows in shards.values() for row in rows if row.checkpoint == checkpoint]
    if not everything:
        raise BrickbenchError(
            f"{run_folder} has no maps of {checkpoint}: make them with `brickbench explain run {run_folder}`."
        )
    there = sorted({row.method for row in everything})
    for name in methods or ():
        if name not in there:
            raise SettingsError(
                f"{run_folder} has no maps of method {name!r}{near_matches(name, there)}; it has {', '.join(there)}."
            )
    wanted = set(sorted({row.image_id for row in everything})[:limit])
    jobs = []
    for shard, every in shards.items():
        rows = [
            row
            for row in every
            if row.checkpoint == checkpoint and row.image_id in wanted and (methods is None or row.method in methods)
        ]
        if rows:
            out = score_file(run_folder, SCORES, shard, FAITHFULNESS_PREFIX)
            kept = kept_rows(out, every, metrics, force=force, again={row.attribution_id for row in rows})
            scored = {
                name: set(kept[name].column("attribution_id").to_pylist()) if name in kept else () for name in metrics
            }
            lacking = {
                name: {row.attribution_id: row for row in rows if row.attribution_id not in scored[name]}
                for name in metrics
            }
            jobs.append(Job(shard, out, rows, kept, lacking))
    return jobs


def known_levels(jobs: Sequence[Job], metrics: Mapping[str, Settings]) -> dict[Level, float]:
    """Return the levels of chance that were measured for scores that are there: all methods share them."""
    levels = {}
    for job in jobs:
        for name in metrics:
            if name in job.kept and find_faithfulness(name).chance_of_noise:
                columns = (job.kept[name].column(column).to_pylist() for column in ("attribution_id", "chance"))
                chance = dict(zip(*columns, strict=True))
                for row in job.rows:
                    if row.attribution_id in chance:
                        level = chance[row.attribution_id]
                        levels[name, row.image_id, row.part_id] = np.nan if level is None else level
    return levels


def work_items(
    jobs: Sequence[Job], metrics: Mapping[str, Settings], levels: Mapping[Level, float], regions: Mapping[str, Regions]
) -> dict[str, WorkItem]:
    """Return what is to be done, by key: measure after measure, each beginning with its levels of chance.

    Args:
        jobs: from `find_jobs`.
        metrics: what is asked for.
        levels: those that are known.
        regions: by picture, from `twins.load_regions`.
    """
    items: dict[str, WorkItem] = {}
    for name in metrics:
        if find_faithfulness(name).chance_of_noise:
            pairs = _lacking_pairs(jobs, name, levels)
            for part in _parts(len(pairs), name):
                items[f"{name} of noise from {part.start}"] = Noise(name, tuple(pairs[part]))
        for job in jobs:
            rows = tuple(job.lacking[name].values())
            for part in _parts(len(rows), name):
                needed = {row.image_id for row in rows[part]} if find_faithfulness(name).kind == "twins" else set()
                held = {image_id: found for image_id, found in regions.items() if image_id in needed}
                items[f"{name} of {job.shard.parent.name}/{job.shard.stem} from {part.start}"] = Slice(
                    name, rows[part], held
                )
    return items


def _lacking_pairs(jobs: Sequence[Job], metric: str, levels: Mapping[Level, float]) -> list[tuple[str, str]]:
    """Return the pictures and parts, sorted, of maps that lack a score and whose level of chance is unknown."""
    rows = [row for job in jobs for row in job.lacking[metric].values()]
    return sorted({(row.image_id, row.part_id) for row in rows if (metric, row.image_id, row.part_id) not in levels})


def _parts(count: int, metric: str) -> Iterator[slice]:
    """Yield slices of ``range(count)`` that are whole groups but for the last, so that groups stay the same ones."""
    size = MAPS_AT_ONCE * (1 if find_faithfulness(metric).kind in EXPLAIN_ANEW else GROUPS_AN_ITEM)
    for start in range(0, count, size):
        yield slice(start, start + size)
