"""The lights of one picture inside Blender."""

import contextlib
from collections.abc import Iterator

import numpy as np

from render.blender import UNIT_MM, bpy, mathutils
from render.camera import Camera
from render.lights import Lighting, kelvin_to_linear_rgb


@contextlib.contextmanager
def lit(lighting: Lighting, camera: Camera) -> Iterator[None]:
    """Light the scene for the length of the block; `camera` says where a flash would be."""
    scene = bpy.context.scene
    world = bpy.data.worlds.new("ambient")
    lamps: list[bpy.types.Light] = []
    objects: list[bpy.types.Object] = []
    try:
        scene.world = world
        world.use_nodes = True
        background = world.node_tree.nodes["Background"]
        ambient = kelvin_to_linear_rgb(lighting.ambient_kelvin) * lighting.ambient_share
        background.inputs["Color"].default_value = (*ambient, 1)
        background.inputs["Strength"].default_value = 1.0
        for lamp in lighting.lamps:
            light = bpy.data.lights.new("lamp", "AREA")
            lamps.append(light)
            light.shape, light.size = "DISK", lamp.diameter_mm / UNIT_MM
            # A lamp of P watts that looks at the floor's middle from distance d gives it P sin(elevation) / (pi d^2);
            # a white floor is then as bright as under an ambient light of 1 when that is pi.
            light.energy = float(np.pi**2 * (lamp.distance_mm / UNIT_MM) ** 2 / np.sin(np.radians(lamp.elevation_deg)))
            light.color = kelvin_to_linear_rgb(lamp.kelvin) * lamp.share
            item = bpy.data.objects.new("lamp", light)
            objects.append(item)
            azimuth, elevation = np.radians([lamp.azimuth_deg, lamp.elevation_deg])
            towards = mathutils.Vector(
                (np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation))
            )
            item.location = towards * lamp.distance_mm / UNIT_MM
            item.rotation_mode = "QUATERNION"
            item.rotation_quaternion = towards.to_track_quat("Z", "Y")
            item.visible_camera = False
            scene.collection.objects.link(item)
        yield
    finally:
        for item in objects:
            bpy.data.objects.remove(item)
        for light in lamps:
            bpy.data.lights.remove(light)
        scene.world = None
        bpy.data.worlds.remove(world)
