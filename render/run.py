"""Rendering a dataset: which shards are missing, who makes them, and the index at the end."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, model_validator

from blender_assets.own.settings import file_hash
from core.engine import LOCAL, Engine, run_items
from core.errors import BrickbenchError, SettingsError
from core.files import require_writable
from core.progress import Progress
from core.settings import Settings
from dataset.dataset_folder import DatasetFolder
from dataset.index import update_index
from dataset.kept_piles import clear_kept_piles
from dataset.manifest import MANIFEST_NAME, Manifest, PartInfo
from dataset.shards import pile_shard, pile_shards, read_shard
from render.floors import list_pictures
from render.journal import RunJournal, Share, this_render
from render.lights import list_panoramas
from render.pile import sample_pile
from render.settings import RenderSettings
from render.watch import PileWatch

SETTINGS_NAME = "settings.yaml"
WORKERS_A_GPU = 2
"""One prepares its scene on the processor while the other's rays are on the GPU."""
GENERATION = 5
"""Grows when the pictures of a seed come out otherwise than before, as by other physics: 1 up to version 0.3, 4 in 0.7.

Settings that an earlier version could not keep, such as a camera so low that nothing fits into view, do not count.
"""


class RenderRecord(Settings):
    """What ``settings.yaml`` in a dataset says of its making: enough to make any of its piles again."""

    seed: int
    """Seed of the piles."""

    render: RenderSettings
    """The resolved settings."""

    generation: int = 1
    """`GENERATION` when they were made."""

    file_sha256: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each file that `render.meshes` and `render.models` name."""

    @model_validator(mode="before")
    @classmethod
    def _pass_over_what_is_gone(cls, values: Any) -> Any:
        """Read records of generations before 5, whose cameras had a field of view: nothing is added to them anyway."""
        render = values.get("render") if isinstance(values, dict) else None
        camera = render.get("camera") if isinstance(render, dict) else None
        if isinstance(render, dict) and isinstance(camera, dict) and values.get("generation", 1) < 5:
            kept = {name: value for name, value in camera.items() if not str(name).startswith("field_of_view_")}
            return values | {"render": render | {"camera": kept}}
        return values


COUNTED = 200


@dataclass(frozen=True)
class Plan:
    """What a render has to do."""

    piles: int
    pictures: int
    """With twins: about, as the first `COUNTED` piles have them."""

    shards: int
    """Of all shares."""
    shards_there: int
    missing: tuple[int, ...]
    set_aside: Mapping[int, str] = field(default_factory=dict)
    """Piles that could not be made, with the reason, once it was tried."""


def plan_render(settings: RenderSettings, root: Path, count: int, share: Share = (1, 1)) -> Plan:
    """Return what is missing for `count` piles in the dataset `root`, which need not exist yet.

    With a `share` (K, N) only every N-th shard from the K-th on counts as missing: N renders divide the work.
    """
    if not 1 <= share[0] <= share[1]:
        raise SettingsError(f"The share should be K of N with K from 1 to N, such as 1/4; it is {share[0]}/{share[1]}.")
    shards = -(-count // settings.piles_per_shard)
    made = set(pile_shards(root)) & set(range(shards))
    missing = tuple(k for k in range(share[0] - 1, shards, share[1]) if k not in made)
    return Plan(count, _pictures(settings, count), shards, len(made), missing)


def default_workers() -> int:
    """Return one worker a core: Cycles on two threads is less than twice as fast, and scene updates use one anyway."""
    return len(os.sched_getaffinity(0))


def _pictures(settings: RenderSettings, count: int) -> int:
    if settings.twins == "none":
        return count * settings.views
    looked_at = min(count, COUNTED)
    parts = [len({brick.part_id for brick in sample_pile(settings, 0, k).bricks}) for k in range(looked_at)]
    pictures = sum(1 + min(number, settings.twins_max) for number in parts) / looked_at
    return round(pictures * count) * settings.views


def render_dataset(
    settings: RenderSettings,
    root: Path,
    *,
    count: int,
    seed: int,
    workers: int | None = None,
    device: str = "auto",
    engine: Engine = LOCAL,
    share: Share = (1, 1),
    say: Callable[[str], None] | None = None,
) -> Plan:
    """Render piles 0 to `count` - 1 of `seed` into `root`; go on where an earlier run was stopped.

    Returns what was planned at the start. With the same settings and seed the dataset is the same
    whatever the engine, the number of workers and however often the run was interrupted.

    Args:
        settings: decide the piles, together with `seed`.
        root: the dataset's folder; on a cluster one that all nodes share.
        count: piles in all.
        seed: of the piles.
        workers: how many render at a time; None takes two a GPU on this machine, or else leaves it to the engine.
        device: one of `render.devices.DEVICES`; ``auto`` is the best that each worker finds.
        engine: where workers run.
        share: (K, N) makes every N-th shard from the K-th on, so that N renders divide the work among them; what one
            of several made comes into the index by `dataset.index.update_index` when all have ended.
        say: is told in a sentence what a user should know of the piles.

    Raises:
        SettingsError: `root` was made with other settings, another seed, or cannot grow to `count`.
        BrickbenchError: there is no such device, `root` cannot be written, a shard failed twice or the index could not
            be written; all other shards are there then.
    """
    from render.blender import sweep_scratch
    from render.devices import count_gpus, require_device  # loads Blender, which planning does without
    from render.worker import ShardJob, render_shard, start_blender

    if engine.is_here:
        require_device(device)
        gpus = 0 if workers else count_gpus(device)
        workers = min(WORKERS_A_GPU * gpus, len(os.sched_getaffinity(0))) if gpus else workers
    _look_at_files(settings, say)
    require_writable(root)
    _claim(settings, root, seed)
    _check_growth(settings, root, count)
    plan = plan_render(settings, root, count, share)
    if plan.missing:
        _require_generation(root)
    crew = engine.crew(workers, len(plan.missing))
    setup = partial(start_blender, crew.threads, device)
    size = settings.piles_per_shard
    jobs = {
        f"shard {k:06d}": ShardJob(
            root, settings, seed, k, range(k * size, min((k + 1) * size, count)), share, this_render()
        )
        for k in plan.missing
    }
    failures: dict[str, list[str]] = {}  # keys of the shards by reason: a full disk is one reason for many
    todo = sum(len(job.pile_indices) for job in jobs.values())
    total = count if share == (1, 1) else todo
    with (
        RunJournal(
            root, share, piles=count, piles_per_shard=size, todo=len(jobs), engine=engine.title, workers=crew.workers
        ) as journal,
        Progress("Rendering", total, "piles", done=total - todo) as progress,
    ):
        with PileWatch(root, share, jobs, progress) as watch:
            while jobs:
                again: dict[str, ShardJob] = {}
                for outcome in run_items(render_shard, jobs, workers=crew.workers, setup=setup, engine=engine):
                    job = jobs[outcome.key]
                    if outcome.value is not None:
                        watch.finish(job.shard_index, outcome.value.piles)
                        journal.set_aside(outcome.value.set_aside)
                        continue
                    pile = journal.died_twice_at(job.shard_index)
                    if pile is not None and pile not in job.set_aside:
                        aside = {**job.set_aside, pile: f"its worker died at it twice ({outcome.error})"}
                        again[outcome.key] = replace(job, set_aside=aside)
                        continue
                    reason = journal.fail(job.shard_index, str(outcome.error), outcome.attempts)
                    failures.setdefault(f"{reason}.", []).append(outcome.key)
                jobs = again  # without the pile that took two workers down
        if share == (1, 1):
            _bring_into_index(root, failures, say)
    sweep_scratch()
    clear_kept_piles(root)
    if failures:
        raise BrickbenchError(
            f"Of {plan.shards} shards {len(pile_shards(root))} are there. {_reasons(failures)} "
            "Run the same command again to make what is missing."
        )
    return replace(plan, set_aside={one.pile: one.reason for one in journal.facts.set_aside})


def _look_at_files(settings: RenderSettings, say: Callable[[str], None] | None) -> None:
    """Read what a user's files are about, so that a mistake is told before Blender starts, and say what is odd."""
    if settings.environment_pictures:
        list_panoramas(settings.environment_pictures)
    if settings.floor_pictures:
        list_pictures(settings.floor_pictures)
    for remark in settings.catalogue.remarks():
        if say is not None:
            say(remark)


def _bring_into_index(root: Path, failures: dict[str, list[str]], say: Callable[[str], None] | None) -> None:
    try:
        update_index(root)
        if say is not None:
            _report_attempts(root, say)
    except BrickbenchError as error:
        failures[str(error)] = []


def _reasons(failures: dict[str, list[str]]) -> str:
    """Return one sentence for each reason, with the shards that failed for it."""
    sentences = []
    for reason, keys in failures.items():
        named = ", ".join(sorted(keys)[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
        sentences.append(f"{named} failed: {reason}" if keys else reason)
    return " ".join(sentences)


def _report_attempts(root: Path, say: Callable[[str], None]) -> None:
    sql = "SELECT count(DISTINCT pile_index) FROM images WHERE attempts > 1"
    ((piles,),) = DatasetFolder.open(root).query(sql)
    if piles:
        say(f"{piles} piles came to rest only from further start poses (column attempts).")


def _claim(settings: RenderSettings, root: Path, seed: int) -> None:
    """Write the settings and the manifest of a new dataset, or check that an old one was made with the same."""
    hashes = {file: file_hash(file) for file in (*settings.models, *(own.file for own in settings.meshes.values()))}
    record = RenderRecord(seed=seed, render=settings, generation=GENERATION, file_sha256=hashes)
    path = root / SETTINGS_NAME
    if path.exists():
        before = RenderRecord.load(path)
        changed = [file for file, digest in hashes.items() if before.file_sha256.get(file) != digest]
        differing = _differences(before, record) or [f"{file} has changed" for file in changed]
        if differing:
            raise SettingsError(
                f"{root} was rendered with other settings ({'; '.join(differing)}). "
                "Give those again to go on, or choose another folder."
            )
    else:
        _require_photos_only(root)
        record.save(path)
    former = Manifest.load_folder(root) if (root / MANIFEST_NAME).exists() else None
    if former is not None and former.seed is not None:
        return  # it may have been edited since: labels and splits are the dataset's
    catalogue = settings.catalogue
    parts = {
        part_id: PartInfo(part_id=part_id, name=catalogue[part_id].name, category=catalogue[part_id].category)
        for part_id in settings.parts
    }
    if former is not None:
        parts = {part.part_id: part for part in former.parts} | parts  # class_index of a photo's part stays
    split_rule = settings.split_rule if former is None else former.split_rule
    Manifest(seed=seed, parts=tuple(parts.values()), label_rule=settings.label_rule, split_rule=split_rule).save_folder(
        root
    )


def _require_generation(root: Path) -> None:
    """Raise SettingsError if piles made now would not be those that the earlier ones of `root` belong to."""
    made = RenderRecord.load(root / SETTINGS_NAME).generation
    if made != GENERATION:
        raise SettingsError(
            f"{root} was begun with {'an earlier' if made < GENERATION else 'a later'} Brickbench, whose piles come "
            "out otherwise. Finish it with that version, or render into another folder."
        )


def _require_photos_only(root: Path) -> None:
    """Raise SettingsError if `root`, which has no settings.yaml, holds piles all the same."""
    if pile_shards(root) or ((root / MANIFEST_NAME).exists() and Manifest.load_folder(root).seed is not None):
        raise SettingsError(
            f"{root} holds a dataset without {SETTINGS_NAME}, so it cannot grow; choose another folder."
        )


def _differences(before: RenderRecord, now: RenderRecord) -> list[str]:
    old, new = ({"seed": r.seed} | r.render.model_dump(mode="json") for r in (before, now))
    # Splits belong to the dataset once it is there: `brickbench dataset split` may have changed them.
    return [f"{name} {_short(old[name])}, now {_short(new[name])}" for name in new
            if name != "split_rule" and old[name] != new[name]]  # fmt: skip


def _short(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
    return text if len(text) <= 60 else text[:57] + "…"


def _check_growth(settings: RenderSettings, root: Path, count: int) -> None:
    made = pile_shards(root)
    if not made:
        return
    last = made[-1]
    rows = read_shard(root, pile_shard(last))
    piles = {*rows.images["pile_index"].to_pylist(), *rows.set_aside}
    short_by = settings.piles_per_shard - len(piles)
    end = (last + 1) * settings.piles_per_shard - short_by
    if short_by and count > end:
        raise SettingsError(
            f"{root} ends with a shard of {len(piles)} piles instead of {settings.piles_per_shard}, so it cannot grow "
            f"past {end} piles; render into another folder (a --count that is a multiple of "
            f"{settings.piles_per_shard} can grow)."
        )
