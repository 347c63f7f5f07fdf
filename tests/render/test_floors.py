"""Floors: plain data first, then real Blender at a tiny size."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from render.floor_shaders import BUILDERS, floor_material
from render.floor_shaders.pictures import KEPT, LONGEST_PX

from blender_assets.colors import linear_rgb
from core.errors import BrickbenchError, SettingsError
from render.blender import bpy, quiet
from render.camera import CameraDraw, frame_pile
from render.floors import FLOORS, SHEETS, STYLES, Floor, list_pictures, sample_floor, sample_picture_floor
from render.lighting import Lighting
from render.scene import set_up_renderer, take_picture, viewed
from render.worker import start_blender

OVERCAST = Lighting("overcast", 1.0, (1.0, 1.0, 1.0), ())
STRAIGHT_DOWN = CameraDraw(-90.0, 90.0, 0.0, 40.0, 0.0, (0.0, 0.0), 0.0, 0.5)


@pytest.fixture(scope="module", autouse=True)
def _blender_is_up() -> None:
    start_blender(1)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for image in list(bpy.data.images):
        bpy.data.images.remove(image)


def write_picture(path: Path, pixels: np.ndarray) -> str:
    cv2.imwrite(str(path), pixels[:, :, ::-1])
    return str(path)


def radiance_of(
    floor: Floor, scratch: Path, size_px: int = 32, width_mm: float = 100.0, samples: int = 1
) -> np.ndarray:
    """Return what a camera straight above sees of `width_mm` of the floor, without denoising; (H, W, 3)."""
    half = width_mm / 2
    camera = frame_pile(STRAIGHT_DOWN, np.array([[x, y, 0.0] for x in (-half, half) for y in (-half, half)]), size_px)
    with quiet():
        set_up_renderer(samples)
        bpy.context.scene.cycles.use_denoising = False
        with viewed(floor, OVERCAST, camera):
            return take_picture(scratch, 0)


@pytest.mark.parametrize("name", FLOORS)
def test_a_floor_is_a_function_of_its_generator(name: str) -> None:
    drawn = [sample_floor(name, np.random.default_rng(seed)) for seed in range(60)]
    assert drawn[5] == sample_floor(name, np.random.default_rng(5))
    assert {floor.style for floor in drawn} == set(STYLES[name])
    for floor in drawn:
        for rgb in (floor.base_rgb, floor.second_rgb, floor.third_rgb):
            assert all(0 <= channel <= 0.9 for channel in rgb)
        assert 0 < floor.roughness <= 1
        assert min(floor.size_mm) > 0
    brightness = [sum(floor.base_rgb) for floor in drawn]
    assert max(brightness) > 1.2 * min(brightness)


def test_a_style_can_be_asked_for() -> None:
    assert {sample_floor("wood", np.random.default_rng(k), "veneer").style for k in range(9)} == {"veneer"}


def test_light_floors_are_the_most_common_and_dark_ones_exist() -> None:
    base = np.array(
        [sample_floor(name, np.random.default_rng(k)).base_rgb for k in range(200) for name in ("desk", "plain")]
    )
    luminance = base @ [0.2126, 0.7152, 0.0722]
    assert np.mean(luminance > 0.3) > 0.5
    assert 0.05 < np.mean(luminance < 0.1) < 0.3


@pytest.mark.parametrize(("name", "style"), sorted(SHEETS))
def test_a_sheet_lies_below_the_middle(name: str, style: str) -> None:
    for seed in range(30):
        floor = sample_floor(name, np.random.default_rng(seed), style)
        assert all(abs(shift) < size / 2 for shift, size in zip(floor.shift_mm, floor.size_mm, strict=True))


def test_srgb_is_decoded() -> None:
    assert linear_rgb("FF8000") == pytest.approx((1.0, 0.2158605, 0.0))  # by hand: ((128/255 + 0.055) / 1.055) ** 2.4


@pytest.mark.parametrize(("name", "style"), [key for key in BUILDERS if key[0] != "picture"])
def test_every_floor_has_the_brightness_of_its_colours(name: str, style: str, tmp_path: Path) -> None:
    floor = sample_floor(name, np.random.default_rng(1), style)
    seen = radiance_of(floor, tmp_path).reshape(-1, 3)
    assert np.isfinite(seen).all()
    colors = np.array([floor.base_rgb, floor.second_rgb, floor.third_rgb])
    mean = seen.mean(axis=0)
    # Grooves darken, gloss adds a few per cent of white.
    assert (mean > 0.35 * colors.min(axis=0)).all()
    assert (mean < 1.1 * colors.max(axis=0) + 0.08).all()


def test_a_tray_of_the_floors_material_keeps_its_own_colours() -> None:
    first, second = (sample_floor("wood", np.random.default_rng(k), "veneer") for k in range(2))
    below, tray = floor_material(first), floor_material(second, tray=True)
    assert below is not tray
    for material, floor in ((below, first), (tray, second)):
        seen = material.node_tree.nodes["base"].outputs[0].default_value[:3]
        np.testing.assert_allclose(seen, floor.base_rgb, rtol=1e-5)


def test_a_sheet_has_its_size_in_millimetres(tmp_path: Path) -> None:
    white, black = (0.8, 0.8, 0.8), (0.02, 0.02, 0.02)
    floor = Floor("paper", "white", white, white, black, 0.8, (60.0, 40.0), 0.0, (0.0, 0.0))
    sheet = radiance_of(floor, tmp_path, size_px=100)[:, :, 1] > 0.4  # one millimetre a pixel
    assert sheet.any(axis=0).sum() == pytest.approx(60, abs=1)
    assert sheet.any(axis=1).sum() == pytest.approx(40, abs=1)


def test_tiles_have_their_size_in_millimetres(tmp_path: Path) -> None:
    floor = Floor("tiles", "glazed", (0.8,) * 3, (0.8,) * 3, (0.02,) * 3, 0.8, (25.0, 50.0), 0.0, (12.5, 25.0))
    seen = radiance_of(floor, tmp_path, size_px=200)  # two pixels a millimetre
    row = seen[80:120, :, 1].mean(axis=0)
    joints = np.flatnonzero((row[1:] < 0.4) & (row[:-1] >= 0.4))
    np.testing.assert_allclose(np.diff(joints), 50, atol=2)
    assert len(joints) in (3, 4)


def test_a_picture_is_shown_in_true_size_decoded_and_mirrored(folder: Path) -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40], pixels[:, 40:] = (255, 0, 0), (0, 0, 128)
    file = write_picture(folder / "a.png", pixels)
    floor = sample_picture_floor(file, 80.0, np.random.default_rng(0))
    assert (floor.name, floor.picture, floor.picture_mm) == ("picture", file, 80.0)
    straight = Floor(
        "picture", "picture", (0, 0, 0), (0, 0, 0), (0, 0, 0), 1.0, (80.0, 80.0), 0.0, (0.0, 0.0), file, 80.0
    )
    # The picture's left lower corner lies in the middle of the view; left of it is its mirror image.
    seen = radiance_of(straight, folder, size_px=160, width_mm=160.0, samples=4)
    row = seen[80]
    red, blue = row[:, 0] > 0.3, row[:, 2] > 0.1
    assert red[42:118].all()
    assert blue[:38].all()
    assert blue[122:].all()
    # Blue 128 is 0.216 linear, less what the gloss takes, more what it adds.
    assert row[140, 2] == pytest.approx(0.216, abs=0.06)


def test_pictures_do_not_pile_up(folder: Path) -> None:
    files = [write_picture(folder / f"{k:02d}.png", np.full((4, 6, 3), 5 * k, np.uint8)) for k in range(KEPT + 5)]
    rng = np.random.default_rng(0)
    materials = None
    for file in [*files, *files[-3:], files[0]]:
        floor_material(sample_picture_floor(file, 300.0, rng))
        materials = materials or len(bpy.data.materials)
    assert len(bpy.data.materials) == materials
    kept = [image.filepath for image in bpy.data.images]
    assert len(kept) == len(set(kept)) == KEPT
    assert set(files[-3:]) <= set(kept)
    assert files[0] in kept
    assert files[1] not in kept


def test_a_large_picture_is_shrunk_once_and_keeps_its_shape(folder: Path) -> None:
    file = write_picture(folder / "large.jpg", np.zeros((1000, 2000, 3), np.uint8))
    floor_material(sample_picture_floor(file, 300.0, np.random.default_rng(0)))
    assert tuple(bpy.data.images["large.jpg"].size) == (LONGEST_PX, LONGEST_PX // 2)


def test_pictures_are_listed_in_order(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "more.png").mkdir()
    assert list_pictures(str(tmp_path)) == [str(tmp_path / "a.png"), str(tmp_path / "b.JPG")]


def test_errors_are_one_clear_sentence(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"The folder of floor pictures '.*none' is missing"):
        list_pictures(str(folder / "none"))
    with pytest.raises(SettingsError, match=r"holds no \.jpg, \.jpeg, \.png"):
        list_pictures(str(folder))
    (folder / "broken.png").write_bytes(b"this is no picture")
    for name in ("broken.png", "gone.png"):
        floor = sample_picture_floor(str(folder / name), 300.0, np.random.default_rng(0))
        with pytest.raises(BrickbenchError, match=rf"The floor picture '.*{name}' cannot be read; take it out"):
            floor_material(floor)
    assert not bpy.data.images
