"""Bricks of a pile that are stuck together: stacks that are drawn by lot, and whole models."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_assets.catalogue import Catalogue
from blender_assets.clutch import quarter_turn, seats
from blender_assets.mesh import PartMesh
from blender_assets.models import ModelBrick
from render.bodies import Body, Clutches, groups_of, joined_body, single_body

SIZES = {2: 0.5, 3: 0.25, 4: 0.13, 5: 0.07, 6: 0.05}
"""How many bricks a stack has, with the probability of each: most are pairs that nobody took apart."""


TOUCHING_MM = 0.4
"""Bricks of a model whose boxes are nearer than this hold each other; parts have 0.1 mm of play on each side."""


@dataclass(frozen=True)
class Stack:
    """Bricks that stick together."""

    bricks: tuple[int, ...]
    stack_from_part: NDArray[np.float64]  # (T, 3, 4), millimetres: in a frame of all
    clutches: Clutches
    """Which hold each other."""


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
        return Stack((free[0],), np.eye(3, 4)[None], ())
    return Stack(tuple(bricks), np.array(poses), tuple(itertools.pairwise(bricks)))


def model_stack(model: Sequence[ModelBrick], first: int, catalogue: Catalogue) -> Stack:
    """Return a model as a stack whose bricks have the numbers from `first` on.

    Bricks that touch hold each other. What touches nothing is held by the brick before it, so that a model is one body.
    """
    poses = np.array([brick.model_from_part for brick in model])
    boxes = []
    for brick, pose in zip(model, poses, strict=True):
        points = catalogue.mesh(brick.part_id).vertices_mm @ pose[:, :3].T + pose[:, 3]
        boxes.append((points.min(axis=0), points.max(axis=0)))
    low, high = (np.array(column) for column in zip(*boxes, strict=True))
    near = (low[:, None] <= high[None] + TOUCHING_MM).all(axis=2) & (low[None] <= high[:, None] + TOUCHING_MM).all(
        axis=2
    )
    pairs = [(int(a), int(b)) for a, b in np.argwhere(np.triu(near, 1))]
    heads = [group[0] for group in groups_of(range(len(model)), pairs)]
    pairs += [(head - 1, head) for head in heads if head > 0]
    return Stack(tuple(range(first, first + len(model))), poses, tuple((first + a, first + b) for a, b in pairs))


def bodies_of(stacks: Sequence[Stack], meshes: Sequence[PartMesh]) -> list[Body]:
    """Return what falls as one, in the order of the things that have these meshes."""
    bodies = [joined_body(one.bricks, one.stack_from_part, [meshes[k] for k in one.bricks]) for one in stacks]
    stacked = {k for one in stacks for k in one.bricks}
    bodies += [single_body(k, mesh) for k, mesh in enumerate(meshes) if k not in stacked]
    return sorted(bodies, key=lambda body: min(body.things))
