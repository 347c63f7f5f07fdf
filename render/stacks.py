"""Stacks: bricks of a pile that are stuck on one another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_assets.catalogue import Catalogue
from blender_assets.clutch import quarter_turn, seats

SIZES = {2: 0.5, 3: 0.25, 4: 0.13, 5: 0.07, 6: 0.05}
"""How many bricks a stack has, with the probability of each: most are pairs that nobody took apart."""


@dataclass(frozen=True)
class Stack:
    """Bricks that stick together, each on the one before it."""

    bricks: tuple[int, ...]
    stack_from_part: NDArray[np.float64]  # (T, 3, 4), millimetres: in the frame of the lowest


def draw_stacks(part_ids: Sequence[str], catalogue: Catalogue, share: float, rng: np.random.Generator) -> list[Stack]:
    """Return the stacks of a pile: on average `share` of its bricks are in one, as far as their parts fit.

    Where a brick can sit on the one below in several ways, one is drawn, each as likely as it has studs that hold it:
    loose ones come apart. The lowest is any brick with studs.

    Args:
        part_ids: the part of each brick.
        catalogue: knows their studs.
        share: 0..1.
        rng: of the stacks alone.
    """
    free = [int(k) for k in rng.permutation(len(part_ids))]
    left = share * len(part_ids)
    stacks: list[Stack] = []
    while left > 0 and len(free) > 1:
        size = min(int(rng.choice(list(SIZES), p=list(SIZES.values()))), len(free))
        if rng.uniform() * size >= left:
            break
        left -= size
        stack = _build(part_ids, catalogue, free, size, rng)
        if len(stack.bricks) > 1:
            stacks.append(stack)
        free = [k for k in free if k not in stack.bricks]
    return stacks


def _build(
    part_ids: Sequence[str], catalogue: Catalogue, free: Sequence[int], size: int, rng: np.random.Generator
) -> Stack:
    """Return a stack of up to `size` of the `free` bricks, in their order: of one brick if none fits on it."""
    bricks: list[int] = []
    poses: list[NDArray[np.float64]] = []
    for k in free:
        clutch = catalogue.clutch(part_ids[k])
        if not bricks:
            if len(clutch.studs_mm):
                bricks, poses = [k], [np.eye(3, 4)]
            continue
        below = catalogue.clutch(part_ids[bricks[-1]])
        ways = seats(below, clutch, catalogue.mesh(part_ids[k]).size_mm[:2] / 2)
        if not ways:
            continue
        studs = np.array([way.studs for way in ways], dtype=np.float64)
        way = ways[rng.choice(len(ways), p=studs / studs.sum())]
        rotation, offset = poses[-1][:, :3], poses[-1][:, 3]
        shift = rotation @ np.array([*way.offset_mm, below.top_mm]) + offset
        bricks.append(k)
        poses.append(np.column_stack([rotation @ quarter_turn(way.quarter_turns), shift]))
        if len(bricks) == size:
            break
    if not bricks:  # no brick with studs is left
        return Stack((free[0],), np.eye(3, 4)[None])
    return Stack(tuple(bricks), np.array(poses))
