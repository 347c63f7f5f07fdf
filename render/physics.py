"""Dropping a pile: Bullet, by way of Blender's rigid-body world, until every brick lies still."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from render.blender import UNIT_MM, bpy, mathutils
from render.bodies import Body
from render.layout import Point
from render.pile import Brick, Pile, Prop, SettledPile
from render.rigid import Rigid, box_mesh, fixed_box, make_rigid, members, moving_body

FRAMES_PER_SECOND = 20
"""How often poses are looked at: each look costs a quarter of a millisecond."""

SUBSTEPS = 48
"""Solver steps a frame. A brick falling 10 cm moves 2 mm a step, less than a plate is thick, so nothing tunnels."""

SLOW_MM_PER_S, SLOW_SUBSTEPS = 300.0, 12
"""Solver steps of a frame before which nothing moved faster than this: then 1.3 mm a step at most. Most of a fall is
bricks coming to rest, so physics takes a third of the time; they lie as deep as before (0.14 mm)."""

CROWD = 200
"""Among more things than these each frame has twice the solver steps: in a heap of 500 or 1,000 small bricks one was
pressed some 4 mm into the floor without that, and 0.12 mm with it."""

ITERATIONS = 10
"""Of the solver, a step."""

GRAVITY_UNITS_PER_S2 = -9810.0 / UNIT_MM
MAX_FRAMES = 100
STILL_FRAMES = 2
STILL_MM = 0.06
"""A pile is at rest when no corner of any brick moved more than this in a frame, `STILL_FRAMES` in a row."""

CREEP_MM = 0.45
CREEP_FRAMES = 40
CREEP_SHARE = 0.97
"""After this many frames this share of the bricks may move so much, and the others `SLIP_MM`: among a hundred bricks a
few always shift by some tenths of a millimetre a frame, which Bullet's contacts never end and no picture shows."""

SLIP_MM = 3.0
FENCED_FRAMES = 40
"""So long a heap stays inside its fence; it comes to rest without it."""

FENCE_MM = 3000.0
"""Thickness and half height of a fence: higher than anything starts to fall."""

FLOOR_HALF_MM = 2000.0

FixedBox = tuple[Point, Point]
"""Centre and half sizes of a box that does not move, in millimetres."""


class NotAtRestError(Exception):
    """The pile still moved after `MAX_FRAMES`, or a brick left the floor."""


def settle(pile: Pile) -> SettledPile:
    """Let bricks and props fall and return where they lie; NotAtRestError if they do not come to rest.

    The scene is left without them and without a rigid-body world, so what comes next does not depend on it.
    """
    fallers: tuple[Brick | Prop, ...] = (*pile.bricks, *pile.props)
    starts = np.empty((len(fallers), 3, 4))
    for k, thing in enumerate(fallers):
        rotation = np.array(mathutils.Quaternion(thing.start_quaternion_wxyz).to_matrix())
        starts[k, :, :3] = rotation
        starts[k, :, 3] = np.array(thing.start_mm) - rotation @ pile.mesh(k).centroid_mm
    settled = SettledPile(pile, starts, tuple(range(len(pile.bricks))))
    if pile.fence_mm is None:
        return _fall(settled)
    return _fall(_fall(settled, _fence(pile.fence_mm)))


def resettle(settled: SettledPile) -> SettledPile:
    """Return the pile after what is present has moved on from where it lies, as when something was taken away."""
    return _fall(settled)


def _fence(half_mm: tuple[float, float]) -> list[FixedBox]:
    a, b = half_mm
    t, h = FENCE_MM / 2, FENCE_MM
    sides = [((s * (a + t), 0.0, h), (t, b + FENCE_MM, h)) for s in (-1, 1)]
    return sides + [((0.0, s * (b + t), h), (a, t, h)) for s in (-1, 1)]


def _fall(before: SettledPile, fence: Sequence[FixedBox] = ()) -> SettledPile:
    pile, bodies = before.pile, before.bodies()
    scene = bpy.context.scene
    scene.render.fps = FRAMES_PER_SECOND
    scene.gravity = (0, 0, GRAVITY_UNITS_PER_S2)
    scene.frame_start, scene.frame_end = 1, MAX_FRAMES
    scene.frame_set(1)
    bpy.ops.rigidbody.world_add()
    world = scene.rigidbody_world
    world.collection = bpy.data.collections.new("rigid bodies")
    world.substeps_per_frame = SUBSTEPS * _finer(bodies)
    world.solver_iterations = ITERATIONS
    world.point_cache.frame_start, world.point_cache.frame_end = 1, MAX_FRAMES
    fixed = [((0.0, 0.0, -FLOOR_HALF_MM), (FLOOR_HALF_MM,) * 3), *(pile.tray.walls() if pile.tray else ()), *fence]
    boxes = [box_mesh(half_mm) for _, half_mm in fixed]
    rigids: list[Rigid] = []
    try:
        rigids += [
            fixed_box(k, centre_mm, mesh) for k, ((centre_mm, _), mesh) in enumerate(zip(fixed, boxes, strict=True))
        ]
        rigids += [moving_body(before, body) for body in bodies]
        for body, head in zip(bodies, rigids[len(fixed) :], strict=True):
            rigids += members(pile, body, head)
        bpy.context.view_layer.update()  # a collision shape is made from the evaluated mesh, which must exist by then
        for one in rigids:
            make_rigid(world, one, pile.attempt)
        bpy.context.view_layer.update()
        poses = before.world_from_thing.copy()
        for body, now in zip(bodies, _run_until_still(pile, bodies, len(fixed), fenced=bool(fence)), strict=True):
            turned = now[:, :3] @ body.body_from_thing
            turned[:, :, 3] += now[:, 3]
            poses[list(body.things)] = turned
    finally:
        bpy.ops.rigidbody.world_remove()
        for one in rigids:
            bpy.data.objects.remove(one.item)
        bpy.data.collections.remove(bpy.data.collections["rigid bodies"])
        for mesh in boxes:
            bpy.data.meshes.remove(mesh)
    settled = replace(before, world_from_thing=poses)
    if not fence:
        _check_on_floor(settled)
    return settled


def _run_until_still(pile: Pile, moving: Sequence[Body], fixed: int, *, fenced: bool) -> NDArray[np.float64]:
    """Return the poses (N, 3, 4) of the frames of bodies at rest: those of the objects after the `fixed` ones."""
    scene = bpy.context.scene
    world = scene.rigidbody_world
    objects = world.collection.objects
    reach_mm = np.array([_reach_mm(pile, body) for body in moving])
    columns = np.empty((len(objects), 4, 4), dtype=np.float32)
    still, before = 0, np.full((len(moving), 3, 4), np.inf)
    for frame in range(2, MAX_FRAMES + 1):
        scene.frame_set(frame)
        objects.foreach_get("matrix_world", columns.ravel())
        now = columns[fixed : fixed + len(moving)].transpose(0, 2, 1)[:, :3].astype(np.float64)
        now[:, :, 3] *= UNIT_MM
        turned = np.abs(now[:, :, :3] - before[:, :, :3]).sum(axis=2).max(axis=1) * reach_mm
        moved = np.abs(now[:, :, 3] - before[:, :, 3]).max(axis=1)
        moved = np.maximum(turned, moved)
        still = still + 1 if _is_still(moved, frame) else 0
        slow = moved.max() < SLOW_MM_PER_S / FRAMES_PER_SECOND
        world.substeps_per_frame = (SLOW_SUBSTEPS if slow else SUBSTEPS) * _finer(moving)
        before = now
        if still >= STILL_FRAMES or (fenced and frame >= FENCED_FRAMES):
            break
    else:
        raise NotAtRestError(f"pile {pile.pile_index} still moved after {MAX_FRAMES / FRAMES_PER_SECOND:.0f} s")
    return now


def _reach_mm(pile: Pile, body: Body) -> float:
    """Return how far, along an axis of its frame, a point of a body is from its centre of mass."""
    return max(
        float(np.abs(pile.mesh(thing).vertices_mm @ pose[:, :3].T + pose[:, 3]).max())
        for thing, pose in zip(body.things, body.body_from_thing, strict=True)
    )


def _finer(bodies: Sequence[Body]) -> int:
    return 2 if len(bodies) > CROWD else 1


def _is_still(moved_mm: NDArray[np.float64], frame: int) -> bool:
    if frame < CREEP_FRAMES:
        return bool(moved_mm.max() < STILL_MM)
    return bool(np.quantile(moved_mm, CREEP_SHARE) < CREEP_MM and moved_mm.max() < SLIP_MM)


def _check_on_floor(settled: SettledPile) -> None:
    tray = settled.pile.tray
    ground_mm = tray.wall_mm if tray else 0.0
    things = settled.things()
    lowest = min(float(settled.vertices_mm(thing)[:, 2].min()) for thing in things)
    if not -0.5 < lowest - ground_mm < 3.0:
        raise NotAtRestError(f"pile {settled.pile.pile_index} came to rest {lowest - ground_mm:.1f} mm off its ground")
    if tray is not None:
        centres = [settled.vertices_mm(thing).mean(axis=0) for thing in things]
        if (np.abs(centres)[:, :2] > (tray.length_mm / 2, tray.width_mm / 2)).any():
            raise NotAtRestError(f"in pile {settled.pile.pile_index} something fell out of the tray")
