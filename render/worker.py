"""What a worker process does: it keeps one Blender alive and renders shard after shard."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from threadpoolctl import threadpool_limits

from dataset.kept_piles import KeptPiles
from dataset.shards import Picture, pile_shard, read_shard, shard_folder, write_shard
from render import blender
from render.devices import choose_device, chosen_device, once_a_node
from render.journal import ShardJournal, Share
from render.physics import NotAtRestError
from render.rows import record_of
from render.settings import RenderSettings
from render.shots import render_shots, settled_pile

PILE_FAULTS = (NotAtRestError, ArithmeticError, LookupError, ValueError)
"""What a pile's own numbers can raise: it would on any machine, so the pile is set aside and its shard goes on.

What a machine lacks (memory, disk, a Blender that works) is no fault of the pile: its shard is tried again elsewhere.
"""


@dataclass(frozen=True)
class ShardJob:
    """One shard to make: a pure work item."""

    root: Path
    settings: RenderSettings
    seed: int
    shard_index: int
    pile_indices: range
    share: Share = (1, 1)
    """Of the render that it belongs to."""
    render: str = ""
    """Its name, as of `render.journal.this_render`."""
    set_aside: Mapping[int, str] = field(default_factory=dict)
    """Piles that are not even begun, with the reason: each took its worker down again and again."""


@dataclass(frozen=True)
class Made:
    """What became of a shard: how many piles it was to have, and which of them could not be made, with the reason."""

    piles: int
    set_aside: Mapping[int, str]


def start_blender(threads: int, device: str = "cpu") -> None:
    """Make this process ready to render with `threads` CPU threads, on `device`, one of `render.devices.DEVICES`.

    The first process on a machine that takes a GPU compiles its kernels, and the others wait for it.

    Raises:
        BrickbenchError: this machine has no such device.
    """
    # A second thread of BLAS, woken by any larger product, spins on for a while: a core that another worker needs.
    threadpool_limits(1, user_api="blas")
    with blender.quiet():
        blender.reset(threads)
        choose_device(device)
    if chosen_device() != "cpu":
        once_a_node(f"kernels of Blender {blender.bpy.app.version_string} for {chosen_device()}", take_first_picture)


def take_first_picture() -> None:
    """Render one small picture, for which Cycles loads or compiles what it needs for any."""
    settings = RenderSettings(image_size_px=32, samples=1, bricks_min=1, bricks_max=1)
    for _ in render_shots(settled_pile(settings, 0, 0), settings):
        pass


def render_shard(job: ShardJob) -> Made:
    """Render one shard into its dataset and return what became of it; one that is there already stays.

    Each finished pile is kept until the shard is whole, so whoever goes on with the shard begins where this one ended.

    Raises:
        RuntimeError: none of several piles could be made, which is no fault of theirs; no shard is written then.
    """
    kept = KeptPiles(job.root, job.shard_index)
    if shard_folder(job.root, pile_shard(job.shard_index)).is_dir():  # a worker was lost before it could say so
        kept.clear()
        return Made(len(job.pile_indices), read_shard(job.root, pile_shard(job.shard_index)).set_aside)
    journal = ShardJournal(job.root, job.share, job.shard_index, chosen_device(), job.render)
    set_aside = dict(job.set_aside)

    def pictures() -> Iterator[Picture]:
        for pile_index in job.pile_indices:
            if pile_index in set_aside:
                continue
            journal.begin_pile(pile_index)
            made = kept.read(pile_index)
            if made is None:
                made = list(pictures_of(job.settings, job.seed, [pile_index], set_aside))
                if pile_index not in set_aside:
                    kept.keep(pile_index, made)
            yield from made
        journal.end_piles()
        if len(set_aside) == len(job.pile_indices) > 1:
            raise RuntimeError(f"none of its {len(set_aside)} piles could be made; of one {min(set_aside.items())[1]}")

    with journal:
        write_shard(job.root, job.shard_index, pictures(), set_aside)
    kept.clear()
    return Made(len(job.pile_indices), set_aside)


def pictures_of(
    settings: RenderSettings, seed: int, pile_indices: Iterable[int], set_aside: dict[int, str]
) -> Iterator[Picture]:
    """Yield the pictures of some piles, all of a pile or none.

    A pile that cannot be made, whoever makes it, is put into `set_aside` with the reason; those in it are left out.
    """
    for pile_index in pile_indices:
        if pile_index in set_aside:
            continue
        try:
            settled = settled_pile(settings, seed, pile_index)
            made = [record_of(settled.pile, shot, settings) for shot in render_shots(settled, settings)]
        except PILE_FAULTS as error:
            set_aside[pile_index] = f"{type(error).__name__}: {error}"
            continue
        yield from made
