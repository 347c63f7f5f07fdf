"""Dropping a pile: Bullet, by way of Blender's rigid-body world, until every brick lies still."""

import numpy as np
from numpy.typing import NDArray

from blender_assets.catalogue import load_catalogue
from render.blender import UNIT_MM, bpy, mathutils
from render.parts import blender_mesh
from render.pile import Pile
from render.settled import SettledPile

FRAMES_PER_SECOND = 60
SUBSTEPS = 24
"""Solver steps a frame. A brick falling 10 cm moves 1 mm a step: a third of a plate, so nothing tunnels."""

GRAVITY_UNITS_PER_S2 = -9810.0 / UNIT_MM
MAX_FRAMES = 300
STILL_FRAMES = 6
STILL_MM = 0.02
"""A pile is at rest when no corner of any brick moved more than this in a frame, `STILL_FRAMES` in a row."""

FRICTION = 0.55
RESTITUTION = 0.08
DAMPING = (0.2, 0.7)
"""Linear and angular; the angular part stands in for rolling friction, or round bricks would roll for ever."""

MARGIN_UNITS = 0.002
FLOOR_HALF_UNITS = 200.0


class NotAtRestError(Exception):
    """The pile still moved after `MAX_FRAMES`, or a brick left the floor."""


def settle(pile: Pile) -> SettledPile:
    """Let the bricks fall and return where they lie; NotAtRestError if they do not come to rest.

    The scene is left without the bricks and without a rigid-body world, so what comes next does not depend on it.
    """
    scene = bpy.context.scene
    scene.render.fps = FRAMES_PER_SECOND
    scene.gravity = (0, 0, GRAVITY_UNITS_PER_S2)
    scene.frame_start, scene.frame_end = 1, MAX_FRAMES
    scene.frame_set(1)
    bpy.ops.rigidbody.world_add()
    world = scene.rigidbody_world
    world.collection = bpy.data.collections.new("rigid bodies")
    world.substeps_per_frame = SUBSTEPS
    world.solver_iterations = 30
    world.point_cache.frame_start, world.point_cache.frame_end = 1, MAX_FRAMES
    objects, floor_mesh = [], _floor_mesh()
    try:
        objects.append(_add_object("floor", floor_mesh))
        objects[0].location = (0, 0, -FLOOR_HALF_UNITS)
        objects += [_add_object(f"brick {k:04d}", blender_mesh(b.part_id)) for k, b in enumerate(pile.bricks)]
        for body, brick in zip(objects[1:], pile.bricks, strict=True):
            body.location = mathutils.Vector(brick.start_mm) / UNIT_MM
            body.rotation_mode = "QUATERNION"
            body.rotation_quaternion = brick.start_quaternion_wxyz
        bpy.context.view_layer.update()  # a collision hull is made from the evaluated mesh, which must exist by then
        _make_rigid(world, objects[0], "PASSIVE", "BOX")
        for body, brick in zip(objects[1:], pile.bricks, strict=True):
            _make_rigid(world, body, "ACTIVE", "CONVEX_HULL")
            body.rigid_body.mass = load_catalogue().mesh(brick.part_id).volume_mm3 / 1000
        bpy.context.view_layer.update()
        return SettledPile(pile, _run_until_still(pile, objects[1:]))
    finally:
        bpy.ops.rigidbody.world_remove()
        for body in objects:
            bpy.data.objects.remove(body)
        bpy.data.collections.remove(bpy.data.collections["rigid bodies"])
        bpy.data.meshes.remove(floor_mesh)


def _run_until_still(pile: Pile, bodies: "list[bpy.types.Object]") -> NDArray[np.float64]:
    scene = bpy.context.scene
    meshes = [load_catalogue().mesh(brick.part_id) for brick in pile.bricks]
    reach_mm = np.array([np.abs(mesh.vertices_mm - mesh.centroid_mm).max() for mesh in meshes])
    still, before = 0, np.full((len(bodies), 3, 4), np.inf)
    for frame in range(2, MAX_FRAMES + 1):
        scene.frame_set(frame)
        now = np.array([body.matrix_world for body in bodies])[:, :3]
        now[:, :, 3] *= UNIT_MM
        turned = np.abs(now[:, :, :3] - before[:, :, :3]).sum(axis=2).max(axis=1) * reach_mm
        moved = np.abs(now[:, :, 3] - before[:, :, 3]).max(axis=1)
        still = still + 1 if max(turned.max(), moved.max()) < STILL_MM else 0
        before = now
        if still >= STILL_FRAMES:
            break
    else:
        raise NotAtRestError(f"pile {pile.pile_index} still moved after {MAX_FRAMES / FRAMES_PER_SECOND:.0f} s")
    result = now.copy()
    for k, brick in enumerate(pile.bricks):
        result[k, :, 3] -= now[k, :, :3] @ load_catalogue().mesh(brick.part_id).centroid_mm
    heights = [vertices[:, 2] for vertices in SettledPile(pile, result).vertices_mm()]
    lowest = min(float(height.min()) for height in heights)
    if lowest < -0.5 or min(float(height.min()) for height in heights) > 1.0:
        raise NotAtRestError(f"pile {pile.pile_index} came to rest {lowest:.1f} mm off the floor")
    return result


def _add_object(name: str, mesh: "bpy.types.Mesh") -> "bpy.types.Object":
    body = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(body)
    return body


def _make_rigid(world: "bpy.types.RigidBodyWorld", body: "bpy.types.Object", kind: str, shape: str) -> None:
    world.collection.objects.link(body)
    settings = body.rigid_body
    settings.type = kind
    settings.collision_shape = shape
    settings.use_margin, settings.collision_margin = True, MARGIN_UNITS
    settings.friction, settings.restitution = FRICTION, RESTITUTION
    settings.linear_damping, settings.angular_damping = DAMPING
    settings.use_deactivation = False


def _floor_mesh() -> "bpy.types.Mesh":
    h = FLOOR_HALF_UNITS
    corners = [(x, y, z) for x in (-h, h) for y in (-h, h) for z in (-h, h)]
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new("floor box")
    mesh.from_pydata(corners, [], sides)
    return mesh
