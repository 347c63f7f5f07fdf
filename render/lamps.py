"""The lights of one picture inside Blender."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_assets.colors import Rgb
from core.errors import BrickbenchError
from render.blender import UNIT_MM, bpy, mathutils
from render.camera import Camera
from render.lighting import AreaLight, DistantLight, Flash, Lighting, Occluder, panel_white
from render.shadows import outline_mm

Floats = NDArray[np.float64]


@contextlib.contextmanager
def lit(lighting: Lighting, camera: Camera) -> Iterator[None]:
    """Light the scene for the length of the block; `camera` says where the flash and the photographer are."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_world(lighting))
        for lamp in lighting.lamps:
            stack.enter_context(_distant(lamp) if isinstance(lamp, DistantLight) else _area(lamp))
        if lighting.flash is not None:
            stack.enter_context(_flash(lighting.flash, camera))
        if lighting.occluder is not None and lighting.lamps:
            stack.enter_context(_shadow(lighting.occluder, lighting.lamps[0], camera))
        yield


@contextlib.contextmanager
def _world(lighting: Lighting) -> Iterator[None]:
    scene = bpy.context.scene
    world = bpy.data.worlds.new("world")
    image = None
    try:
        scene.world = world
        world.use_nodes = True
        tree = world.node_tree
        background = tree.nodes["Background"]
        if lighting.panorama is None:
            rgb = np.array(lighting.ambient_rgb) * lighting.ambient_share
            background.inputs["Color"].default_value = (*rgb, 1)
        else:
            try:
                image = bpy.data.images.load(lighting.panorama.file)
            except RuntimeError as error:
                raise BrickbenchError(f"Blender cannot read the panorama {lighting.panorama.file}: {error}") from error
            picture, mapping = tree.nodes.new("ShaderNodeTexEnvironment"), tree.nodes.new("ShaderNodeMapping")
            picture.image = image
            mapping.inputs["Rotation"].default_value = mathutils.Euler((0, 0, -np.radians(lighting.panorama.turn_deg)))
            direction = tree.nodes.new("ShaderNodeTexCoord").outputs["Generated"]
            tree.links.new(direction, mapping.inputs["Vector"])
            tree.links.new(mapping.outputs[0], picture.inputs["Vector"])
            tree.links.new(picture.outputs["Color"], background.inputs["Color"])
            background.inputs["Strength"].default_value = lighting.panorama.gain * lighting.ambient_share
            world.cycles.sampling_method = "MANUAL"
            world.cycles.sample_map_resolution = 1024
        yield
    finally:
        scene.world = None
        bpy.data.worlds.remove(world)
        if image is not None:
            bpy.data.images.remove(image)


@contextlib.contextmanager
def _lamp(kind: str, position_mm: Floats, back: Floats, rgb: Rgb, strength: float) -> Iterator[Any]:
    """Add a lamp that looks against `back`; yields its datablock."""
    light = bpy.data.lights.new("lamp", kind)
    item = bpy.data.objects.new("lamp", light)
    try:
        light.energy, light.color = strength, rgb
        item.location = mathutils.Vector(position_mm) / UNIT_MM
        item.rotation_mode = "QUATERNION"
        item.rotation_quaternion = mathutils.Vector(back).to_track_quat("Z", "Y")
        item.visible_camera = False
        bpy.context.scene.collection.objects.link(item)
        yield light
    finally:
        bpy.data.objects.remove(item)
        bpy.data.lights.remove(light)


@contextlib.contextmanager
def _distant(lamp: DistantLight) -> Iterator[None]:
    # Cycles' sun of strength 1 gives irradiance 1 on what faces it; a white floor has irradiance over pi.
    strength = np.pi * lamp.share / np.sin(np.radians(lamp.elevation_deg))
    with _lamp("SUN", lamp.direction * 1000, lamp.direction, lamp.rgb, float(strength)) as light:
        light.angle = float(np.radians(lamp.diameter_deg))
        yield


@contextlib.contextmanager
def _area(lamp: AreaLight) -> Iterator[None]:
    position = lamp.direction * lamp.distance_mm
    back = position - np.array([*lamp.aim_mm, 0.0])
    radiance = lamp.share / lamp.white()
    with _panel(position, back, (lamp.width_mm, lamp.height_mm), lamp.disc, lamp.rgb, radiance) as light:
        light.spread = float(np.radians(lamp.spread_deg))
        yield


@contextlib.contextmanager
def _panel(
    position_mm: Floats, back: Floats, size_mm: tuple[float, float], disc: bool, rgb: Rgb, radiance: float
) -> Iterator[Any]:
    width, height = size_mm[0] / UNIT_MM, size_mm[1] / UNIT_MM
    # An area lamp of P watts has radiance P / (pi area).
    watts = radiance * np.pi * width * height * (np.pi / 4 if disc else 1.0)
    with _lamp("AREA", position_mm, back, rgb, float(watts)) as light:
        light.shape, light.size, light.size_y = "ELLIPSE" if disc else "RECTANGLE", width, height
        yield light


LOWEST_FLASH_MM = 3.0
"""A camera that looks along the floor may have its flash on the side of it that would be below."""


@contextlib.contextmanager
def _flash(flash: Flash, camera: Camera) -> Iterator[None]:
    position, radiance = place_flash(flash, camera)
    size = (flash.diameter_mm, flash.diameter_mm)
    with _panel(position, -camera.forward, size, True, flash.rgb, radiance):
        yield


def place_flash(flash: Flash, camera: Camera) -> tuple[Floats, float]:
    """Return where the flash is, (3,) in mm and never below the floor, and the radiance that gives its share."""
    right, up, _ = camera.camera_from_world[:, :3]
    position = camera.position_mm + flash.right_mm * right + flash.up_mm * up
    position[2] = max(position[2], LOWEST_FLASH_MM)
    size = (flash.diameter_mm, flash.diameter_mm)
    width, height = camera.lens.width_px, camera.lens.height_px
    origins, directions = camera.rays(0, 0, width, height, max(min(width, height) // 12, 1))
    down = directions[:, 2] < -0.02
    floor = (origins - directions * (origins[:, 2] / directions[:, 2])[:, None])[down].astype(np.float64)
    near = floor[np.linalg.norm(floor - camera.position_mm, axis=1) < 3 * camera.focus_mm]
    if not len(near):  # the floor in the picture is far away: what lies before the lens counts
        near = (camera.position_mm + camera.focus_mm * camera.forward)[None] * np.array([1.0, 1.0, 0.0])
    return position, flash.share / panel_white(position, -camera.forward, size, True, floor_mm=near)


@contextlib.contextmanager
def _shadow(occluder: Occluder, lamp: AreaLight | DistantLight, camera: Camera) -> Iterator[None]:
    mesh = bpy.data.meshes.new("photographer")
    item = bpy.data.objects.new("photographer", mesh)
    try:
        outline = outline_mm(occluder, lamp, camera)
        mesh.from_pydata((outline / UNIT_MM).tolist(), [], [tuple(range(len(outline)))])
        item.visible_camera = False
        bpy.context.scene.collection.objects.link(item)
        yield
    finally:
        bpy.data.objects.remove(item)
        bpy.data.meshes.remove(mesh)
