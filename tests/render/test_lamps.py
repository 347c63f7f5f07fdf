"""Lamps in real Blender, over a white matt floor at a tiny size."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from render import blender
from render.camera import Camera, CameraSettings, sample_camera
from render.framing import frame_pile
from render.lamps import LOWEST_FLASH_MM, lit, place_flash
from render.lens import centred_lens
from render.lighting import LUMINANCE, AreaLight, DistantLight, Flash, Lighting, Occluder
from render.lights import LIGHTINGS, WORLDS, _bundled_folder, sample_lighting
from render.panoramas import UP, read_panorama, upper_half
from render.scene import set_up_renderer, take_picture
from render.worker import start_blender

SIZE_PX = 16
WHITE = (1.0, 1.0, 1.0)
FLOOR = [(-2000, -2000, 0), (2000, -2000, 0), (2000, 2000, 0), (-2000, 2000, 0)]
PATCH = [(46, 46, 1), (60, 46, 1), (60, 60, 1), (46, 60, 1)]
"""A grey thing in the picture's corner: `take_picture` refuses the picture of an evenly lit floor as blank."""

PYRAMID = [(-40, -40, 0), (40, -40, 0), (40, 40, 0), (-40, 40, 0), (0, 0, 40)]
"""Its four sides slope by 45 degrees, and look along -y, x, y and -x."""


@pytest.fixture(scope="module", autouse=True)
def _blender_is_up() -> None:
    start_blender(2)


def looking_down(height_mm: float = 400.0, focal_px: float = 64.0) -> Camera:
    """Return a camera above the origin with x to the right and y up in the picture."""
    return Camera(
        np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -height_mm]]),
        centred_lens(SIZE_PX, SIZE_PX, focal_px),
        0.0,
        height_mm,
    )


@contextlib.contextmanager
def white(*shapes: tuple[list[tuple[float, float, float]], list[tuple[int, ...]]], camera: Camera) -> Iterator[None]:
    """Stage white matt shapes (corners in millimetres, faces) before `camera`."""
    bpy = blender.bpy
    scene = bpy.context.scene
    material = bpy.data.materials.new("white")
    lens = bpy.data.cameras.new("camera")
    viewer = bpy.data.objects.new("camera", lens)
    meshes, items = [], [viewer]
    try:
        material.use_nodes = True
        material.node_tree.nodes.clear()
        surface, output = (material.node_tree.nodes.new(f"ShaderNode{k}") for k in ("BsdfDiffuse", "OutputMaterial"))
        surface.inputs["Color"].default_value = (1, 1, 1, 1)
        material.node_tree.links.new(surface.outputs[0], output.inputs[0])
        for corners, faces in shapes:
            mesh = bpy.data.meshes.new("shape")
            mesh.from_pydata((np.array(corners) / blender.UNIT_MM).tolist(), [], faces)
            if corners is not PATCH:
                mesh.materials.append(material)
            meshes.append(mesh)
            items.append(bpy.data.objects.new("shape", mesh))
        lens.sensor_width, lens.lens = 36.0, camera.lens.fx_px / SIZE_PX * 36.0
        viewer.location = camera.position_mm / blender.UNIT_MM
        for item in items:
            scene.collection.objects.link(item)
        scene.camera = viewer
        scene.render.resolution_x = scene.render.resolution_y = SIZE_PX
        yield
    finally:
        for item in items:
            bpy.data.objects.remove(item)
        for mesh in meshes:
            bpy.data.meshes.remove(mesh)
        bpy.data.cameras.remove(lens)
        bpy.data.materials.remove(material)


def picture(lighting: Lighting, scratch: Path, *, camera: Camera | None = None, pyramid: bool = False,
            samples: int = 64) -> np.ndarray:  # fmt: skip
    """Return the radiance (H, W, 3) of a white floor, or of a white pyramid on it, without denoising or bounces."""
    camera = camera or looking_down()
    shapes = [(FLOOR, [(0, 1, 2, 3)]), (PATCH, [(0, 1, 2, 3)])]
    if pyramid:
        shapes.append((PYRAMID, [(0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)]))
    with blender.quiet(), white(*shapes, camera=camera):
        set_up_renderer(samples)
        cycles = blender.bpy.context.scene.cycles
        cycles.use_denoising, cycles.max_bounces = False, 0
        with lit(lighting, camera):
            return take_picture(scratch, 1)


def plain(lamp: AreaLight | DistantLight) -> Lighting:
    return Lighting("test", 1 - lamp.share, WHITE, (lamp,))


def middle(radiance: np.ndarray) -> np.ndarray:
    a, b = SIZE_PX // 2 - 2, SIZE_PX // 2 + 2
    return radiance[a:b, a:b].mean(axis=(0, 1))


@pytest.mark.parametrize(
    ("name", "environment"), [(name, "fitted") for name in LIGHTINGS] + [(name, "exact") for name in WORLDS]
)
def test_a_white_floor_has_radiance_one_and_the_lights_tint(name: str, environment: str, tmp_path: Path) -> None:
    for seed in range(3):
        lighting = replace(sample_lighting(name, environment, np.random.default_rng(seed)), occluder=None)
        radiance = picture(lighting, tmp_path)
        assert np.isfinite(radiance).all()
        measured = radiance.mean(axis=(0, 1)) if lighting.flash else middle(radiance)
        np.testing.assert_allclose(measured, lighting.light_rgb, rtol=0.08, atol=0.03)


def quadrants(radiance: np.ndarray) -> np.ndarray:
    """Return the means (4, 3) over the sides of the pyramid: those that look along x, y, -x, -y."""
    row, column = np.mgrid[:SIZE_PX, :SIZE_PX] + 0.5 - SIZE_PX / 2
    inside = (np.maximum(abs(row), abs(column)) < 5.5) & (abs(abs(row) - abs(column)) > 1)
    sides = [column > abs(row), -row > abs(column), -column > abs(row), row > abs(column)]
    return np.stack([radiance[inside & side].mean(axis=0) for side in sides])


@pytest.mark.parametrize(("environment", "tolerance"), [("fitted", 0.08), ("exact", 0.2)])  # exact ones are noisy
@pytest.mark.parametrize("name", WORLDS)
def test_slopes_are_lit_as_the_panorama_says(name: str, environment: str, tolerance: float, tmp_path: Path) -> None:
    lighting = sample_lighting(name, environment, np.random.default_rng(5))
    turn = np.radians(sample_panorama_turn(name))
    sky = upper_half(read_panorama(_bundled_folder() / f"{name}.exr"))
    into_panorama = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    normals = np.array([[1, 0, 1], [0, 1, 1], [-1, 0, 1], [0, -1, 1]]) / np.sqrt(2)
    expected = sky.white(normals @ into_panorama.T) / (sky.white(UP)[0] @ LUMINANCE)
    measured = quadrants(picture(lighting, tmp_path, pyramid=True, samples=256))
    assert np.sqrt(((measured - expected) ** 2).mean() / (expected**2).mean()) < tolerance, (measured, expected)


def sample_panorama_turn(name: str) -> float:
    panorama = sample_lighting(name, "exact", np.random.default_rng(5)).panorama
    assert panorama is not None
    return panorama.turn_deg


@pytest.mark.parametrize("azimuth", [0, 90, 180, 270])
def test_lamps_stand_where_they_are_said_to(azimuth: int, tmp_path: Path) -> None:
    for lamp in (
        AreaLight(azimuth, 45, 1000, 100, 100, 0.9, WHITE),
        AreaLight(azimuth, 45, 1000, 300, 50, 0.9, WHITE, disc=False),
        DistantLight(azimuth, 45, 0.53, 0.9, WHITE),
    ):
        sides = quadrants(picture(plain(lamp), tmp_path, pyramid=True))[:, 0]
        assert sides.argmax() == azimuth // 90
        # It faces that side, which therefore gets 1 / sin 45 of what the floor gets; the even light is 0.1.
        assert sides.max() == pytest.approx(0.9 * np.sqrt(2) + 0.1, rel=0.1)


def test_a_lamp_overhead_falls_off_as_the_fourth_power_of_the_cosine(tmp_path: Path) -> None:
    lamp = AreaLight(0, 90, 100, 4, 4, 1.0, WHITE)
    radiance = picture(plain(lamp), tmp_path, samples=256)[:, :, 1]
    column = (np.arange(SIZE_PX) + 0.5 - SIZE_PX / 2) * 400 / 64
    distance2 = column[None] ** 2 + column[:, None] ** 2
    falloff = (1 + distance2 / 100**2) ** -2
    np.testing.assert_allclose(radiance[1:, :-1], falloff[1:, :-1], rtol=0.06)  # without the grey corner


def test_a_shaded_lamp_lights_the_place_it_looks_at_most(tmp_path: Path) -> None:
    lamp = AreaLight(0, 90, 100, 4, 4, 0.9, WHITE, spread_deg=80, aim_mm=(0.0, 30.0))
    radiance = picture(plain(lamp), tmp_path)[:, :, 1]
    assert middle(radiance[:, :, None])[0] == pytest.approx(1, rel=0.08)
    assert radiance[0].mean() > 1.3 * radiance[-1].mean()


def test_the_flash_is_where_the_camera_is(tmp_path: Path) -> None:
    lighting = Lighting("flash", 0.1, WHITE, flash=Flash(15.0, 0.0, 6.0, 0.9, WHITE))
    for height in (150.0, 400.0):
        camera = looking_down(height, 32.0)
        radiance = picture(lighting, tmp_path, camera=camera)[:, :, 1]
        assert radiance.mean() == pytest.approx(1, rel=0.05)
        assert radiance[6:10, 6:10].mean() > 1.08 * radiance[0].mean()
    near = picture(lighting, tmp_path, camera=looking_down(150.0, 32.0))[:, :, 1]
    assert near[:, 8:].mean() > near[:, :8].mean()  # it sits to the right of the lens


@pytest.mark.parametrize(("side_deg", "border"), [(0, np.s_[4:12, 13:]), (90, np.s_[:3, 4:12]), (180, np.s_[4:12, :3])])
def test_the_photographers_shadow_comes_in_over_the_border_that_is_said(
    side_deg: float, border: tuple[slice, slice], tmp_path: Path
) -> None:
    for lamp in (DistantLight(40, 50, 0.53, 0.8, WHITE), AreaLight(200, 60, 1500, 100, 100, 0.8, WHITE)):
        bare = plain(lamp)
        shadowed = replace(bare, occluder=Occluder(side_deg, 0.5, 60.0, 100.0, (0.0, 0.1, -0.1)))
        without, with_it = (picture(light, tmp_path)[:, :, 1] for light in (bare, shadowed))
        assert with_it[border].mean() < 0.5 * without[border].mean()
        assert middle(with_it[:, :, None])[0] == pytest.approx(middle(without[:, :, None])[0], rel=0.15)
        far = with_it[tuple(np.s_[::-1] for _ in range(2))][border]
        assert far.mean() == pytest.approx(without.mean(), rel=0.2)


def test_nothing_is_left_behind_whatever_the_lighting(tmp_path: Path) -> None:
    def count() -> dict[str, int]:
        kept = {}
        for name in dir(blender.bpy.data):
            collection = getattr(blender.bpy.data, name)
            if isinstance(collection, blender.bpy.types.bpy_prop_collection):
                kept[name] = len(collection)
        return kept

    before = count()
    assert before["worlds"] == 0
    for environment in ("fitted", "exact"):
        for name in LIGHTINGS:
            lighting = sample_lighting(name, environment, np.random.default_rng(0))
            lighting = replace(lighting, occluder=Occluder(30, 0.3, 50, 100, (0.0, 0.1)))
            with lit(lighting, looking_down()):
                assert count()["worlds"] == 1
            assert count() == before
    with pytest.raises(RuntimeError, match="stop"), lit(lighting, looking_down()):
        raise RuntimeError("stop")
    assert count() == before


def test_a_picture_is_the_same_after_others(tmp_path: Path) -> None:
    lightings = [sample_lighting(name, "fitted", np.random.default_rng(1)) for name in ("city", "desk_lamp", "flash")]
    first = picture(lightings[0], tmp_path, samples=4)
    for lighting in lightings[1:]:
        picture(lighting, tmp_path, samples=4)
    picture(sample_lighting("forest", "exact", np.random.default_rng(0)), tmp_path, samples=4)
    np.testing.assert_array_equal(first, picture(lightings[0], tmp_path, samples=4))


def test_a_flash_is_above_the_floor_also_where_the_camera_nearly_lies_on_it() -> None:
    rng = np.random.default_rng(0)
    settings = CameraSettings(elevation_min_deg=5, elevation_max_deg=15)
    for _ in range(100):
        camera = frame_pile(sample_camera(settings, rng), rng.uniform([-8, -8, 0], [8, 8, 6], (8, 3)), SIZE_PX)
        flash = sample_lighting("flash", "fitted", rng).flash
        assert flash is not None
        position, radiance = place_flash(flash, camera)
        assert position[2] >= LOWEST_FLASH_MM
        assert 0 < radiance < float("inf")
