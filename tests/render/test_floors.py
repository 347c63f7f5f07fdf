"""Floors: plain data first, then real Blender at a tiny size."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from blender_assets.colors import linear_rgb
from core.errors import BrickbenchError, SettingsError
from render.blender import bpy, quiet
from render.camera import CameraDraw
from render.edge import Edge, floor_distances_mm
from render.floor_materials import surface_material
from render.floor_pictures import KEPT, LONGEST_PX, surface_images
from render.floors import (
    EDGES_SHARE,
    FLOORS,
    LOOSE_SHARE,
    STYLES,
    Floor,
    list_pictures,
    sample_floor,
    sample_picture_floor,
)
from render.framing import frame_pile
from render.lighting import Lighting
from render.scene import set_up_renderer, take_picture, viewed
from render.sheets import SIZES_MM, Sheet, sample_sheet
from render.surfaces import Surface, sample_surface
from render.textures import registry
from render.textures.registry import SURFACES
from render.worker import start_blender

OVERCAST = Lighting("overcast", 1.0, (1.0, 1.0, 1.0), ())
STRAIGHT_DOWN = CameraDraw(-90.0, 90.0, 0.0, 250.0, 0.0, (0.0, 0.0), 0.0, 0.5)


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
    drawn = [sample_floor(name, np.random.default_rng(seed)) for seed in range(80)]
    assert drawn[5] == sample_floor(name, np.random.default_rng(5))
    assert {floor.style for floor in drawn} == set(STYLES[name])
    surfaces = [surface for floor in drawn for surface in (floor.ground, *(sheet.surface for sheet in floor.sheets))]
    for surface in surfaces:
        for rgb in (surface.base_rgb, surface.second_rgb, surface.third_rgb):
            assert all(0 <= channel <= 0.9 for channel in rgb)
        assert 0 < surface.roughness <= 1
        assert 0.4 < surface.scale < 1.5
        assert (surface.kind, surface.style) in SURFACES
    brightness = [sum(floor.ground.base_rgb) for floor in drawn]
    assert max(brightness) > 1.2 * min(brightness)


def test_every_style_is_drawn_and_every_drawing_is_a_style() -> None:
    assert {(name, style) for name, styles in STYLES.items() for style in styles} == set(SURFACES)


def test_a_style_can_be_asked_for() -> None:
    assert {sample_floor("wood", np.random.default_rng(k), "veneer").style for k in range(9)} == {"veneer"}


def test_light_floors_are_the_most_common_and_dark_ones_exist() -> None:
    base = np.array(
        [sample_floor(name, np.random.default_rng(k)).ground.base_rgb for k in range(200) for name in ("desk", "plain")]
    )
    luminance = base @ [0.2126, 0.7152, 0.0722]
    assert np.mean(luminance > 0.3) > 0.5
    assert 0.05 < np.mean(luminance < 0.1) < 0.3


def test_tables_end_now_and_then_and_some_carry_a_loose_sheet() -> None:
    drawn = [sample_floor("desk", np.random.default_rng(k)) for k in range(400)]
    assert np.mean([floor.edge is not None for floor in drawn]) == pytest.approx(EDGES_SHARE, abs=0.07)
    plain = [floor for floor in drawn if floor.edge is None]
    assert np.mean([len(floor.sheets) for floor in plain]) == pytest.approx(LOOSE_SHARE, abs=0.08)
    assert not any(sample_floor("carpet", np.random.default_rng(k)).edge for k in range(50))


@pytest.mark.parametrize("name", ["paper", "print"])
def test_a_sheet_lies_below_the_middle(name: str) -> None:
    for seed in range(30):
        sheet = sample_floor(name, np.random.default_rng(seed)).sheets[-1]
        assert (sheet.surface.kind, sheet.surface.style) in SIZES_MM
        outline = sheet.on_floor(sheet.outline_mm).astype(np.float32)
        assert cv2.pointPolygonTest(outline, (0.0, 0.0), False) > 0


@pytest.mark.parametrize("key", [("paper", "white"), ("paper", "notebook"), ("print", "package")])
def test_outlines_turn_counter_clockwise_cross_nowhere_and_fill_the_sheet(key: tuple[str, str]) -> None:
    sheet = sample_sheet(sample_surface(*key, np.random.default_rng(0)), np.random.default_rng(1))
    outline = sheet.outline_mm
    x, y = outline.T
    area = 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))  # the shoelace formula
    assert 0.97 * np.prod(sheet.size_mm) < area <= np.prod(sheet.size_mm) + 1e-6
    ends = np.stack([outline, np.roll(outline, -1, axis=0)], axis=1)  # (N, 2, 2)

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
        return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    for k, (a, b) in enumerate(ends):
        for c, d in ends[:k]:
            assert not (side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0)
    np.testing.assert_allclose(np.abs(outline).max(axis=0) * 2, sheet.size_mm)


def test_the_edge_lies_beyond_all_things_and_sheets() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-80, 80, (50, 3))
    below = sample_surface("wood", "planks", rng)
    edge = Edge(30.0, 25.0, 700.0, 20.0, below)
    bare = Floor("desk", "speckled", below, (), edge).placed(points).edge
    assert bare is not None
    assert bare.at_mm == pytest.approx(25 + max(x * np.cos(np.pi / 6) + y / 2 for x, y, _ in points))
    sheet = sample_sheet(sample_surface("paper", "white", rng), rng)
    under = Floor("paper", "white", below, (sheet,), edge).placed(points).edge
    assert under is not None
    assert under.at_mm is not None
    assert under.at_mm >= float((sheet.on_floor(sheet.outline_mm) @ edge.outwards).max()) + 25
    assert Floor("desk", "speckled", below).placed(points).edge is None


def test_srgb_is_decoded() -> None:
    assert linear_rgb("FF8000") == pytest.approx((1.0, 0.2158605, 0.0))  # by hand: ((128/255 + 0.055) / 1.055) ** 2.4


def brightness_is_that_of_its_colours(name: str, style: str, scratch: Path) -> None:
    rng = np.random.default_rng(1)
    surface = sample_surface(name, style, rng)
    seen = radiance_of(Floor(name, style, surface), scratch).reshape(-1, 3)
    assert np.isfinite(seen).all()
    colors = np.array([surface.base_rgb, surface.second_rgb, surface.third_rgb])
    mean = seen.mean(axis=0)
    # Grooves darken, gloss adds a few per cent of white.
    assert (mean > 0.35 * colors.min(axis=0)).all()
    assert (mean < 1.1 * colors.max(axis=0) + 0.08).all()


@pytest.mark.parametrize(("name", "style"), [("desk", "pebbled"), ("cloth", "linen"), ("rug", "upholstery")])
def test_a_floor_has_the_brightness_of_its_colours(name: str, style: str, tmp_path: Path) -> None:
    brightness_is_that_of_its_colours(name, style, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "style"), SURFACES)
def test_every_floor_has_the_brightness_of_its_colours(name: str, style: str, tmp_path: Path) -> None:
    brightness_is_that_of_its_colours(name, style, tmp_path)


def test_a_tray_of_the_floors_material_keeps_its_own_colours() -> None:
    first, second = (sample_surface("wood", "veneer", np.random.default_rng(k)) for k in range(2))
    below, tray = (surface_material(item, role, 2.0)[0] for item, role in ((first, "floor"), (second, "tray")))
    assert below is not tray
    for material, surface in ((below, first), (tray, second)):
        seen = material.node_tree.nodes["base"].outputs[0].default_value[:3]
        np.testing.assert_allclose(seen, surface.base_rgb, rtol=1e-5)


def plain_surface(kind: str, style: str, rgb: float, third: float = 0.0, **placed: object) -> Surface:
    """Return a dull surface of one grey, its third colour another."""
    grey, other = (rgb,) * 3, (third,) * 3
    return replace(Surface(kind, style, 0, grey, grey, other, 0.8, 0.0), **placed)  # type: ignore[arg-type]


def test_a_sheet_has_its_size_in_millimetres(tmp_path: Path) -> None:
    sheet = Sheet(plain_surface("paper", "white", 0.8), (60.0, 40.0), 90.0, (10.0, -5.0))
    floor = Floor("paper", "white", plain_surface("plain", "smooth", 0.02), (sheet,))
    seen = radiance_of(floor, tmp_path, size_px=100)[:, :, 1] > 0.4  # one millimetre a pixel, x to the right, y up
    columns, rows = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    assert (columns[0], columns[-1]) == pytest.approx((40, 79), abs=1)
    assert (rows[0], rows[-1]) == pytest.approx((25, 84), abs=1)


def test_tiles_have_their_size_in_millimetres(tmp_path: Path) -> None:
    tiles = registry.maps("tiles", "glazed", 0)
    joints = tiles.blend[..., 1].mean(axis=0) > 128
    pitch = tiles.size_mm[0] / (joints & ~np.roll(joints, 1)).sum()
    surface = plain_surface("tiles", "glazed", 0.8, 0.02, shift_mm=(pitch / 2, pitch / 2))
    seen = radiance_of(Floor("tiles", "glazed", surface), tmp_path, size_px=200, width_mm=4 * pitch)
    row = seen[95:105, :, 1].mean(axis=0)
    found = np.flatnonzero((row[1:] < 0.5) & (row[:-1] >= 0.5))
    assert len(found) in (3, 4)
    np.testing.assert_allclose(np.diff(found), 50, atol=2)


def test_the_table_ends_where_its_edge_is(tmp_path: Path) -> None:
    below = plain_surface("plain", "smooth", 0.8)
    edge = Edge(0.0, 10.0, 500.0, 20.0, below, at_mm=20.0)
    floor = Floor("plain", "smooth", plain_surface("plain", "smooth", 0.02), (), edge)
    row = radiance_of(floor, tmp_path, size_px=100)[50, :, 1]  # one millimetre a pixel, x to the right
    assert (row[:68] < 0.1).all()
    assert row[72:].mean() > 0.3  # some light is taken by the table


def test_rays_meet_table_side_and_lower_floor() -> None:
    edge = Edge(0.0, 10.0, 500.0, 20.0, plain_surface("plain", "smooth", 0.5), at_mm=100.0)
    towards = np.array([[0.0, 0, -1], [0.6, 0, -0.8], [0.8, 0, -0.6], [1.0, 0, 0], [0, 0, 1]])
    distance, normals = floor_distances_mm(edge, np.array([0.0, 0, 100]), towards)
    # Straight down 100; 75 mm out at 125 on the table; 133 mm out is beyond it, so 600 mm down; level and up: none.
    np.testing.assert_allclose(distance, [100, 125, 1000, np.inf, np.inf])
    np.testing.assert_array_equal(normals[:3], [[0, 0, 1]] * 3)
    back = np.array([[-1.0, 0, -1.1], [-1.0, 0, -3.0], [-1.0, 0, -0.5]])
    back /= np.linalg.norm(back, axis=1, keepdims=True)
    distance, normals = floor_distances_mm(edge, np.array([200.0, 0, 100]), back)
    # 100 mm away is the side, 20 mm high: it is met 10 mm below the top, not 200 below; above it the table is.
    np.testing.assert_allclose(distance[0], np.hypot(100, 110))
    np.testing.assert_array_equal(normals[0], [1, 0, 0])
    np.testing.assert_allclose(distance[1], np.hypot(200, 600))
    np.testing.assert_allclose(distance[2], np.hypot(200, 100))
    np.testing.assert_array_equal(normals[1:], [[0, 0, 1]] * 2)


def test_a_picture_is_shown_in_true_size_decoded_and_mirrored(folder: Path) -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40], pixels[:, 40:] = (255, 0, 0), (0, 0, 128)
    file = write_picture(folder / "a.png", pixels)
    floor = sample_picture_floor(file, 80.0, np.random.default_rng(0))
    assert (floor.name, floor.ground.picture, floor.ground.picture_mm) == ("picture", file, 80.0)
    straight = Floor("picture", "picture", plain_surface("picture", "picture", 0.0, picture=file, picture_mm=80.0))
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
        surface_material(sample_picture_floor(file, 300.0, rng).ground, "floor", 1.0)
        materials = materials or len(bpy.data.materials)
    assert len(bpy.data.materials) == materials
    kept = [image.filepath for image in bpy.data.images]
    assert len(kept) == len(set(kept)) == KEPT
    assert set(files[-3:]) <= set(kept)
    assert files[0] in kept
    assert files[1] not in kept


def test_a_drawn_surface_has_the_detail_of_the_view_and_is_kept(folder: Path) -> None:
    surface = sample_surface("paper", "squared", np.random.default_rng(0))
    fine, normal, size_mm = surface_images(surface, 0.3)
    coarse, _, same_mm = surface_images(surface, 2.0)
    assert size_mm == same_mm
    assert tuple(fine.size) == tuple(normal.size)
    assert 297 / fine.size[0] <= 0.3
    assert 1.0 < 297 / coarse.size[0] <= 2.0
    assert surface_images(surface, 0.3)[0] == fine
    drawn = registry.maps("paper", "squared", surface.variant).blend
    pixels = np.empty(fine.size[0] * fine.size[1] * 4, np.float32)
    fine.pixels.foreach_get(pixels)
    np.testing.assert_allclose(pixels.reshape(drawn.shape), drawn / 255, atol=1e-6)


def test_a_large_picture_is_shrunk_once_and_keeps_its_shape(folder: Path) -> None:
    file = write_picture(folder / "large.jpg", np.zeros((1000, 2000, 3), np.uint8))
    surface_material(sample_picture_floor(file, 300.0, np.random.default_rng(0)).ground, "floor", 1.0)
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
            surface_material(floor.ground, "floor", 1.0)
    assert not bpy.data.images
