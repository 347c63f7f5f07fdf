"""Objects of Blender's rigid-body world: boxes that stay, bodies that fall."""

from dataclasses import dataclass

from blender_assets.mesh import ABS_G_PER_MM3
from render.blender import UNIT_MM, bpy, mathutils
from render.bodies import Body
from render.layout import Point
from render.parts import hull_mesh
from render.pile import Pile, SettledPile

FRICTION = 0.75
RESTITUTION = 0.2
DAMPING = (0.2, 0.7)
"""Linear and angular; the angular part stands in for rolling friction, or round bricks would roll for ever. Each
further attempt goes a third of the way to standing still, so that in the end a bar rolls out as well."""

MASS_UNIT_G = 1000 * ABS_G_PER_MM3
"""Bullet's masses are given in that of a cubic centimetre of ABS."""

MARGIN_UNITS = 0.002


@dataclass(frozen=True)
class Rigid:
    """An object in the scene, and what it is to Bullet."""

    item: "bpy.types.Object"
    kind: str
    """``ACTIVE`` falls, ``PASSIVE`` stays."""

    shape: str
    """Collision shape. ``COMPOUND`` is that of its children together."""

    mass_g: float = 1000 * ABS_G_PER_MM3


def fixed_box(number: int, centre_mm: Point, mesh: "bpy.types.Mesh") -> Rigid:
    """Return a box that stays where it is."""
    item = _add_object(f"fixed {number}", mesh)
    item.location = mathutils.Vector(centre_mm) / UNIT_MM
    return Rigid(item, "PASSIVE", "BOX")


def moving_body(before: SettledPile, body: Body) -> Rigid:
    """Return a body where its first thing says that it is; one of several things has no shape without its `members`."""
    pile, single = before.pile, len(body.things) == 1
    mesh = hull_mesh(pile, body.things[0]) if single else _no_mesh()
    item = _add_object(f"body {body.things[0]:04d}", mesh)
    pose, inner = before.world_from_thing[body.things[0]], body.body_from_thing[0]
    axes = pose[:, :3] @ inner[:, :3].T
    item.location = mathutils.Vector(pose[:, 3] - axes @ inner[:, 3]) / UNIT_MM
    item.rotation_mode = "QUATERNION"
    item.rotation_quaternion = mathutils.Matrix(axes.tolist()).to_quaternion()
    mass_g = sum(pile.mesh(thing).mass_g for thing in body.things)
    return Rigid(item, "ACTIVE", "CONVEX_HULL" if single else "COMPOUND", mass_g)


def members(pile: Pile, body: Body, head: Rigid) -> list[Rigid]:
    """Return the hulls of the things of a body, as children of its object; none for a body of one thing."""
    found = []
    for thing, pose in zip(body.things, body.body_from_thing, strict=True) if len(body.things) > 1 else ():
        item = _add_object(f"member {thing:04d}", hull_mesh(pile, thing))
        item.parent = head.item
        item.location = mathutils.Vector(pose[:, 3] + pose[:, :3] @ pile.mesh(thing).centroid_mm) / UNIT_MM
        item.rotation_mode = "QUATERNION"
        item.rotation_quaternion = mathutils.Matrix(pose[:, :3].tolist()).to_quaternion()
        found.append(Rigid(item, "ACTIVE", "CONVEX_HULL", pile.mesh(thing).mass_g))
    return found


def make_rigid(world: "bpy.types.RigidBodyWorld", one: Rigid, attempt: int) -> None:
    """Put an object into the world; each further `attempt` at a pile has more damping."""
    world.collection.objects.link(one.item)
    settings = one.item.rigid_body
    settings.type = one.kind
    settings.collision_shape = one.shape
    settings.mass = one.mass_g / MASS_UNIT_G
    settings.use_margin, settings.collision_margin = True, MARGIN_UNITS
    settings.friction, settings.restitution = FRICTION, RESTITUTION
    linear, angular = (1 - (1 - damping) * (2 / 3) ** attempt for damping in DAMPING)
    settings.linear_damping, settings.angular_damping = linear, angular
    settings.use_deactivation = False


def box_mesh(half_mm: Point) -> "bpy.types.Mesh":
    """Return the mesh of a box with these half sizes around the origin."""
    a, b, c = (half / UNIT_MM for half in half_mm)
    corners = [(x, y, z) for x in (-a, a) for y in (-b, b) for z in (-c, c)]
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new("fixed box")
    mesh.from_pydata(corners, [], sides)
    return mesh


def _no_mesh() -> "bpy.types.Mesh":
    return bpy.data.meshes.get("several bricks") or bpy.data.meshes.new("several bricks")


def _add_object(name: str, mesh: "bpy.types.Mesh") -> "bpy.types.Object":
    body = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(body)
    return body
