"""The scene of one settled pile in Blender: bricks, props, floor, lights and camera, and its picture."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender_assets.props import prop_mesh
from render.blender import UNIT_MM, bpy, mathutils
from render.camera import Camera
from render.floor_materials import UV, pattern_uv, surface_material
from render.floors import Floor
from render.ground import laid
from render.lamps import lit
from render.lighting import Lighting
from render.parts import blender_mesh, brick_mesh
from render.pile import SettledPile
from render.plastic import dress, dress_plainly
from render.tray import pattern_places, tray_mesh
from render.warp import still_camera

BOUNCES = 5
"""Enough for light to leave a brick's hollow; more changes nothing that is seen."""

CLEAR_BOUNCES = 10
"""A path through a clear brick crosses two to four walls, each with two surfaces."""

TRAY_PIXEL_MM = 0.5
"""Detail of a tray's surface, which is the same in all views of a pile."""


def set_up_renderer(samples: int) -> None:
    """Set Cycles up: `samples` paths a pixel, then OpenImageDenoise with albedo and normals; linear floats come out."""
    scene = bpy.context.scene
    cycles, render = scene.cycles, scene.render
    cycles.samples = samples
    cycles.use_adaptive_sampling = False
    cycles.use_light_tree = False  # costs a fifth or more; from scene to scene -1.4 to 1.2 dB
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    cycles.denoising_prefilter = "FAST"
    cycles.denoising_quality = "BALANCED"
    cycles.diffuse_bounces = cycles.glossy_bounces = BOUNCES
    cycles.max_bounces = cycles.transmission_bounces = CLEAR_BOUNCES
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.blur_glossy = 0.5  # light that metal and gloss throw on is blurred instead of speckled
    cycles.pixel_filter_type = "BLACKMAN_HARRIS"
    render.resolution_percentage = 100
    render.use_persistent_data = False
    render.use_stamp = False
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode = "RGB"
    render.image_settings.color_depth = "32"
    render.image_settings.exr_codec = "NONE"


@contextlib.contextmanager
def staged(settled: SettledPile) -> Iterator[None]:
    """Put bricks, props and tray in their places for the length of the block; then take all of them away."""
    pile, scene = settled.pile, bpy.context.scene
    objects: list[bpy.types.Object] = []
    tray: bpy.types.Mesh | None = None
    try:
        for thing in settled.things():
            pose = settled.world_from_thing[thing]
            if thing < len(pile.bricks):
                brick = pile.bricks[thing]
                body = bpy.data.objects.new(f"brick {thing:04d}", brick_mesh(pile, brick, stud_logo=pile.stud_logo))
                dress(body, brick.color, brick.roughness, pile.wear, subsurface=pile.subsurface)
                body.pass_index = thing + 1
                # Light falls through it on all else, also what comes from all around; mirrors still show it.
                body.visible_shadow = body.visible_diffuse = thing not in settled.shadowless
            else:
                prop = pile.props[thing - len(pile.bricks)]
                mesh = blender_mesh(f"prop {prop.kind}", prop_mesh(prop.kind))
                body = bpy.data.objects.new(f"prop {thing:04d}", mesh)
                dress_plainly(body, prop.look)
            objects.append(body)
            _place(body, pose[:, :3], pose[:, 3] + pose[:, :3] @ pile.mesh(thing).centroid_mm)
        if pile.tray is not None:
            tray = blender_mesh("tray", tray_mesh(pile.tray))
            body = bpy.data.objects.new("tray", tray)
            material, size_mm = surface_material(pile.tray.surface, "tray", TRAY_PIXEL_MM)
            places = pattern_uv(pattern_places(tray_mesh(pile.tray)), pile.tray.surface, size_mm)
            tray.uv_layers.new(name=UV).data.foreach_set("uv", places.astype(np.float32).ravel())
            tray.materials.append(material)
            _place(body, np.eye(3), tray_mesh(pile.tray).centroid_mm)
            objects.append(body)
        for item in objects:
            scene.collection.objects.link(item)
        yield
    finally:
        for item in objects:
            bpy.data.objects.remove(item)
        if tray is not None:
            bpy.data.meshes.remove(tray)


@contextlib.contextmanager
def viewed(floor: Floor, lighting: Lighting, camera: Camera) -> Iterator[None]:
    """Add floor, lights and camera of one picture for the length of the block.

    Of a lens with distortion, and of a hand that moves, the picture becomes one by `render.warp.through_lens`.
    """
    pixel_mm = camera.focus_mm / camera.lens.fx_px
    with laid(floor, pixel_mm), lit(lighting, camera), _looking_through(still_camera(camera)):
        yield


@contextlib.contextmanager
def _looking_through(camera: Camera) -> Iterator[None]:
    scene = bpy.context.scene
    data = bpy.data.cameras.new("camera")
    item = bpy.data.objects.new("camera", data)
    try:
        data.sensor_fit, data.sensor_width = "HORIZONTAL", 36.0
        lens, width = camera.lens, camera.lens.width_px
        data.lens = lens.fx_px / width * 36.0
        data.shift_x, data.shift_y = 0.5 - lens.cx_px / width, (lens.cy_px - lens.height_px / 2) / width
        data.clip_start, data.clip_end = 0.5, 1e5
        if camera.aperture_mm > 0:
            data.dof.use_dof = True
            data.dof.focus_distance = camera.focus_mm / UNIT_MM
            # Cycles' aperture radius is lens / (2 N) with the lens in millimetres read as thousandths of a unit.
            data.dof.aperture_fstop = data.lens * 1e-3 / (camera.aperture_mm / UNIT_MM)
        _place(item, camera.camera_from_world[:, :3].T, camera.position_mm)
        scene.collection.objects.link(item)
        scene.camera = item
        scene.render.resolution_x, scene.render.resolution_y = lens.width_px, lens.height_px
        yield
    finally:
        scene.camera = None
        bpy.data.objects.remove(item)
        bpy.data.cameras.remove(data)


def take_picture(scratch: Path, noise_seed: int) -> NDArray[np.float32]:
    """Return the radiance (H, W, 3) of the staged scene, scene-linear Rec. 709; `scratch` holds a temporary file.

    Raises:
        RefusedPictureError: the picture is not whole, is blank, or holds values that are no numbers.
    """
    scene = bpy.context.scene
    scene.cycles.seed = noise_seed
    path = scratch / "picture.exr"
    path.unlink(missing_ok=True)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    width, height = scene.render.resolution_x, scene.render.resolution_y
    image = bpy.data.images.load(str(path))
    try:
        if tuple(image.size) != (width, height):  # Blender tells nobody that it could not write all of it
            free_mb = shutil.disk_usage(scratch).free / 1e6
            raise RefusedPictureError(
                f"Blender's picture in {scratch.parent} is not whole, and {free_mb:.1f} MB are free there: "
                "make room, or let TMPDIR name a folder that has some."
            )
        pixels = np.empty(height * width * 4, dtype=np.float32)
        image.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(image)
    return checked(pixels.reshape(height, width, 4)[::-1, :, :3])


class RefusedPictureError(Exception):
    """A picture that cannot be one of a pile; its shard is tried again."""


def checked(radiance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `radiance` (H, W, 3) unless it can be no picture of a pile.

    Raises:
        RefusedPictureError: it holds values that are no numbers, or is blank.
    """
    if not np.isfinite(radiance).all():
        raise RefusedPictureError(
            f"Blender's picture holds {int((~np.isfinite(radiance)).sum())} values that are no numbers; it was refused."
        )
    if float(np.ptp(radiance)) < 0.01:
        raise RefusedPictureError("Blender's picture is blank and was refused: is the disk full, or memory short?")
    return np.ascontiguousarray(radiance)


def _place(item: "bpy.types.Object", rotation: NDArray[np.float64], position_mm: NDArray[np.float64]) -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = position_mm / UNIT_MM
    item.matrix_world = mathutils.Matrix(matrix.tolist())
