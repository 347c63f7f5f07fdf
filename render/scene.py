"""The scene of one settled pile in Blender: bricks, floor, lamps and camera, and its picture."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blender_assets.catalogue import load_catalogue
from core.errors import BrickbenchError
from render.blender import UNIT_MM, bpy, mathutils
from render.camera import Camera
from render.floor_shaders import floor_material
from render.lights import AreaLight, Lighting, kelvin_to_linear_rgb
from render.parts import blender_mesh
from render.settled import SettledPile

BOUNCES = 5
"""Enough for light to leave a brick's hollow; more changes nothing that is seen."""

FLOOR_HALF_MM = 20_000.0


def set_up_renderer(samples: int) -> None:
    """Set Cycles up: `samples` paths a pixel, then OpenImageDenoise with albedo and normals."""
    scene = bpy.context.scene
    cycles, render = scene.cycles, scene.render
    cycles.samples = samples
    cycles.use_adaptive_sampling = False
    cycles.use_light_tree = False  # with one or two lamps, picking one by tree costs a fifth and gains nothing
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    cycles.denoising_prefilter = "FAST"
    cycles.denoising_quality = "BALANCED"
    cycles.max_bounces = cycles.diffuse_bounces = cycles.glossy_bounces = BOUNCES
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.pixel_filter_type = "BLACKMAN_HARRIS"
    render.resolution_percentage = 100
    render.use_persistent_data = False
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    render.image_settings.compression = 0
    render.use_stamp = False
    scene.view_settings.view_transform = "Standard"


@contextlib.contextmanager
def staged(pile: SettledPile) -> Iterator[None]:
    """Put the pile on its floor under its light for the length of the block; then take all of it away."""
    scene = bpy.context.scene
    world = bpy.data.worlds.new("ambient")
    objects: list[bpy.types.Object] = []
    lamps: list[bpy.types.Light] = []
    floor_mesh = bpy.data.meshes.new("floor")
    try:
        h = FLOOR_HALF_MM / UNIT_MM
        floor_mesh.from_pydata([(-h, -h, 0), (h, -h, 0), (h, h, 0), (-h, h, 0)], [], [(0, 1, 2, 3)])
        floor_mesh.materials.append(floor_material(pile.pile.floor))
        objects.append(bpy.data.objects.new("floor", floor_mesh))
        for k, (brick, pose) in enumerate(zip(pile.pile.bricks, pile.world_from_part, strict=True)):
            mesh = blender_mesh(brick.part_id)
            if not mesh.materials:
                mesh.materials.append(_plastic())
            body = bpy.data.objects.new(f"brick {k:04d}", mesh)
            matrix = np.eye(4)
            matrix[:3, :3] = pose[:, :3]
            matrix[:3, 3] = (pose[:, 3] + pose[:, :3] @ load_catalogue().mesh(brick.part_id).centroid_mm) / UNIT_MM
            body.matrix_world = mathutils.Matrix(matrix.tolist())
            body.color = (*brick.color.linear_rgb, 1)
            body["roughness"] = brick.roughness
            body.pass_index = k + 1
            objects.append(body)
        scene.world = world
        for lamp, color, power in _balanced(pile.pile.lighting, world):
            light = bpy.data.lights.new("lamp", "AREA")
            lamps.append(light)
            light.shape, light.size = "DISK", lamp.diameter_mm / UNIT_MM
            light.color, light.energy = color, power
            lamp_object = bpy.data.objects.new("lamp", light)
            azimuth, elevation = np.radians([lamp.azimuth_deg, lamp.elevation_deg])
            towards = mathutils.Vector(
                (np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation))
            )
            lamp_object.location = towards * lamp.distance_mm / UNIT_MM
            lamp_object.rotation_mode = "QUATERNION"
            lamp_object.rotation_quaternion = towards.to_track_quat("Z", "Y")
            lamp_object.visible_camera = False
            objects.append(lamp_object)
        for item in objects:
            scene.collection.objects.link(item)
        scene.view_settings.exposure = pile.pile.lighting.exposure_ev
        yield
    finally:
        for item in objects:
            bpy.data.objects.remove(item)
        for light in lamps:
            bpy.data.lights.remove(light)
        bpy.data.meshes.remove(floor_mesh)
        scene.world = None
        bpy.data.worlds.remove(world)


@contextlib.contextmanager
def looking_through(camera: Camera) -> Iterator[None]:
    """Make `camera` the scene's camera for the length of the block."""
    scene = bpy.context.scene
    data = bpy.data.cameras.new("camera")
    item = bpy.data.objects.new("camera", data)
    try:
        data.sensor_fit, data.sensor_width = "HORIZONTAL", 36.0
        data.lens = camera.focal_px / camera.size_px * 36.0
        data.clip_start, data.clip_end = 0.5, 1e5
        matrix = np.eye(4)
        matrix[:3, :3] = camera.camera_from_world[:, :3].T
        matrix[:3, 3] = camera.position_mm / UNIT_MM
        item.matrix_world = mathutils.Matrix(matrix.tolist())
        scene.collection.objects.link(item)
        scene.camera = item
        scene.render.resolution_x = scene.render.resolution_y = camera.size_px
        yield
    finally:
        scene.camera = None
        bpy.data.objects.remove(item)
        bpy.data.cameras.remove(data)


def take_picture(scratch: Path, noise_seed: int) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) of the staged scene, sRGB; `scratch` is a folder for a temporary file."""
    scene = bpy.context.scene
    scene.cycles.seed = noise_seed
    path = scratch / "picture.png"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None or int(picture.max()) - int(picture.min()) < 8:
        raise BrickbenchError(f"Blender wrote a blank picture to {path}: is the disk full, or memory short?")
    return np.ascontiguousarray(picture[:, :, ::-1])


def _balanced(
    lighting: Lighting, world: "bpy.types.World"
) -> Iterator[tuple[AreaLight, tuple[float, float, float], float]]:
    """Set the ambient light on `world`; yield each lamp with its colour and its power in watts."""
    ambient = kelvin_to_linear_rgb(lighting.ambient_kelvin) * lighting.ambient_share
    lamps = [kelvin_to_linear_rgb(lamp.kelvin) * lamp.share for lamp in lighting.lamps]
    white = sum(lamps, start=ambient)
    correction = (white @ [0.2126, 0.7152, 0.0722] / white) ** lighting.balance
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (*(ambient * correction), 1)
    background.inputs["Strength"].default_value = 1.0
    for lamp, color in zip(lighting.lamps, lamps, strict=True):
        # A lamp of P watts that looks at the floor's middle from distance d gives it P sin(elevation) / (pi d^2);
        # a white floor is then as bright as under an ambient light of 1 when that is pi.
        distance = lamp.distance_mm / UNIT_MM
        power = np.pi**2 * distance**2 / np.sin(np.radians(lamp.elevation_deg))
        red, green, blue = (float(channel) for channel in color * correction)
        yield lamp, (red, green, blue), float(power)


def _plastic() -> "bpy.types.Material":
    """Return ABS plastic; its colour and roughness come from the object, so one shader serves all bricks."""
    material = bpy.data.materials.get("plastic")
    if material is not None:
        return material
    material = bpy.data.materials.new("plastic")
    material.use_nodes = True
    material.use_fake_user = True
    tree = material.node_tree
    surface = tree.nodes["Principled BSDF"]
    surface.inputs["IOR"].default_value = 1.53  # ABS
    color, gloss = tree.nodes.new("ShaderNodeObjectInfo"), tree.nodes.new("ShaderNodeAttribute")
    gloss.attribute_type, gloss.attribute_name = "OBJECT", "roughness"
    tree.links.new(color.outputs["Color"], surface.inputs["Base Color"])
    tree.links.new(gloss.outputs["Fac"], surface.inputs["Roughness"])
    return material
