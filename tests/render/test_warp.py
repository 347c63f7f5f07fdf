"""Pictures of lenses and hands that move, by real Blender, held against the labels."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from dataset.checks import check_dataset
from dataset.dataset_folder import DatasetFolder
from dataset.export.formats import export_pictures
from dataset.export.selection import select_pictures
from dataset.masks import decode_mask
from dataset.pile_dataset import PileDataset
from render import blender
from render.camera import Camera, CameraSettings, sample_camera
from render.framing import frame_pile
from render.label_maps import NOTHING
from render.labels import cast_labels, cast_masks
from render.lens import Lens
from render.motion import Motion
from render.pile import SettledPile
from render.rows import record_of
from render.run import render_dataset
from render.scene import set_up_renderer, staged, take_picture, viewed
from render.settings import RenderSettings
from render.shots import render_shots, settled_pile
from render.warp import is_still, still_camera, through_lens
from render.worker import start_blender

SIZE = (240, 180)
CALIBRATION = {"image_width": 240, "image_height": 180, "fx": 195, "fy": 201, "cx": 122, "cy": 86}
BARREL = {"k1": -0.31, "k2": 0.12, "p1": 0.006, "p2": -0.004, "k3": -0.02}
CUSHION = {"k1": 0.22, "k2": -0.07, "p1": -0.003, "p2": 0.004, "k3": 0.01}
NEAR = {"distance_min_mm": 60, "distance_max_mm": 60, "margin_min": -0.06, "margin_max": -0.06}


@pytest.fixture(scope="module", autouse=True)
def _blender_is_up() -> None:
    start_blender(2)


@pytest.fixture(scope="module")
def pile() -> SettledPile:
    return settled_pile(
        RenderSettings(distractors_max=0, bricks_min=9, bricks_max=9, parts=("3001", "3068b", "3020")), 0, 1
    )


def camera_of(pile: SettledPile, coefficients: dict[str, float], motion: Motion | None = None) -> Camera:
    """Return a calibrated camera so near that bricks lie all over the picture, and beyond its borders."""
    chosen = CameraSettings.parse({"calibration": CALIBRATION | coefficients} | NEAR)
    draw = replace(sample_camera(chosen, np.random.default_rng(4)), motion=motion)
    return frame_pile(draw, pile.corners_mm(), SIZE)


def coverage(pile: SettledPile, camera: Camera, scratch: Path, samples: int = 128) -> np.ndarray:
    """Return how much of each pixel the bricks cover, (H, W), as the picture has it: they are white, all else black."""
    bpy = blender.bpy
    white = bpy.data.materials.new("white")
    white.use_nodes = True
    tree = white.node_tree
    tree.nodes.clear()
    glow, output = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(glow.outputs[0], output.inputs[0])
    view, sharp = pile.pile.views[0], replace(camera, aperture_mm=0.0)
    layer = bpy.context.scene.view_layers[0]
    set_up_renderer(samples)
    bpy.context.scene.cycles.use_denoising = False
    try:
        with blender.quiet(), staged(pile), viewed(view.floor, view.lighting, sharp):
            layer.material_override = white
            for item in bpy.data.objects:
                item.hide_render = item.type == "MESH" and not item.name.startswith(("brick", "prop", "tray"))
            bpy.context.scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0
            radiance = take_picture(scratch, 0)
    finally:
        layer.material_override = None
        bpy.data.materials.remove(white)
    return through_lens(radiance, sharp)[:, :, 0]


def corners(picture: np.ndarray) -> Iterator[np.ndarray]:
    height, width = picture.shape
    for rows in (slice(0, height // 2), slice(height // 2, height)):
        for columns in (slice(0, width // 2), slice(width // 2, width)):
            yield picture[rows, columns].astype(np.float32)


def covered(pile: SettledPile, camera: Camera) -> np.ndarray:
    """Return how much of each pixel the bricks cover by the labels, (H, W), from four by four rays a pixel."""
    lens, times = camera.lens, 4
    sizes = (lens.width_px, lens.height_px, lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px)
    fine = replace(camera, lens=Lens(*(times * size for size in sizes), lens.distortion))  # type: ignore[arg-type]
    mask = cast_masks(pile, fine).things != NOTHING
    return cv2.resize(mask.astype(np.float32), SIZE, interpolation=cv2.INTER_AREA)


def compare(seen: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the share of their union in which picture and labels differ, and the largest shift of a quarter, in px."""
    wrong = ((seen > 0.5) ^ (labels > 0.5)).sum() / ((seen > 0.5) | (labels > 0.5)).sum()
    soft = [corners(cv2.GaussianBlur(each, (0, 0), 1.0)) for each in (seen, labels)]
    return float(wrong), max(float(np.abs(_shift(a, b)).max()) for a, b in zip(*soft, strict=True))


def _shift(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the shift (2,) from `b` to `a` by least squares of first order."""
    down, across = np.gradient(b)
    slopes = np.stack([across.ravel(), down.ravel()], axis=1)
    return np.linalg.lstsq(slopes, (b - a).ravel(), rcond=None)[0]


@pytest.mark.parametrize("coefficients", [{}, BARREL, CUSHION], ids=["plain", "barrel", "cushion"])
def test_picture_and_masks_agree_to_a_fraction_of_a_pixel(
    pile: SettledPile, coefficients: dict[str, float], tmp_path: Path
) -> None:
    camera = camera_of(pile, coefficients)
    assert not is_still(camera)  # its pixels are not square
    mask = cast_masks(pile, camera).things != NOTHING
    assert 0.05 < mask.mean() < 0.9
    assert min(quarter.mean() for quarter in corners(mask)) > 0.03
    seen = coverage(pile, camera, tmp_path)
    assert ((seen > 0.5) ^ mask).sum() < 0.01 * mask.sum()
    wrong, shift = compare(seen, covered(pile, camera))
    assert wrong < 0.01
    assert shift < 0.05
    if coefficients:  # the distortion moves bricks by far more than the tolerance
        plain = covered(pile, replace(camera, lens=camera.lens.plain))
        assert compare(seen, plain)[0] > 0.05


def test_a_moved_picture_and_its_masks_agree(pile: SettledPile, tmp_path: Path) -> None:
    motion = Motion((40.0, -60.0, 90.0), 0.0, 0.03)  # far faster than a hand
    camera = camera_of(pile, BARREL, motion)
    seen = coverage(pile, camera, tmp_path)
    wrong, shift = compare(seen, covered(pile, camera))
    assert wrong < 0.01
    assert shift < 0.05
    assert compare(seen, covered(pile, replace(camera, motion=None)))[0] > 0.03


def test_motion_blur_moves_no_label_and_blurs_about_it(pile: SettledPile, tmp_path: Path) -> None:
    sharp = camera_of(pile, {})
    # Seven pixels at the middle of the picture.
    moved = replace(sharp, motion=Motion((0.0, np.degrees(7 / 195) / 0.03, 0.0), 0.03, 0.0))
    np.testing.assert_array_equal(cast_masks(pile, moved).things, cast_masks(pile, sharp).things)
    first, second = (coverage(pile, camera, tmp_path) for camera in (sharp, moved))
    mean = cv2.blur(first, (7, 1))
    inner = (slice(20, 160), slice(60, 180))
    assert np.abs(second[inner] - mean[inner]).mean() < 0.2 * np.abs(first[inner] - mean[inner]).mean()
    assert np.abs(_shift(second[inner].astype(np.float32), mean[inner])).max() < 0.05


@pytest.mark.parametrize("motion", [None, Motion((20.0, -30.0, 40.0), 0.02, 0.03)])
def test_boxes_and_shares_hold_where_lines_are_curved(pile: SettledPile, motion: Motion | None) -> None:
    camera = camera_of(pile, BARREL, motion)
    masks, geometry = cast_labels(pile, camera)
    pixels = np.stack(np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5), axis=-1).reshape(-1, 2)
    cut = 0
    for k in pile.present:
        alone = cast_masks(replace(pile, present=(k,)), camera)
        # Alone, all that the full picture's rays meet is the brick: no box has cut its silhouette.
        np.testing.assert_array_equal(alone.things == k, masks.amodal(k))
        assert 0 <= masks.in_frame_fraction[k] <= 1
        inside = camera.project(pile.vertices_mm(k))
        if (inside > 2).all() and (inside < np.array(SIZE) - 2).all():
            assert masks.in_frame_fraction[k] == 1
        elif masks.amodal(k).any() and ((inside < -2) | (inside > np.array(SIZE) + 2)).any():
            cut += 1
            assert masks.in_frame_fraction[k] < 1
    assert cut >= 2
    # The point at a pixel's depth falls on that pixel.
    far = geometry.depth_m.ravel().astype(np.float64) * 1000
    seen = camera.directions(pixels)
    points = seen / -seen[:, 2:] * far[:, None]
    world = (points - camera.camera_from_world[:, 3]) @ camera.camera_from_world[:, :3]
    np.testing.assert_allclose(camera.project(world), pixels, atol=1e-3)


def test_the_still_camera_sees_all_that_is_wanted() -> None:
    lens = Lens(240, 180, 195.0, 201.0, 122.5, 86.5, tuple(BARREL.values()))  # type: ignore[arg-type]
    pose = np.column_stack([np.eye(3), [0.0, 0.0, -300.0]])
    for motion in (None, Motion((30.0, 50.0, -70.0), 0.02, 0.03)):
        camera = Camera(pose, lens, motion=motion)
        still = still_camera(camera).lens
        low, high = camera.view
        ends = still.pixels(np.stack([low, high]))
        assert (ends >= 2).all()
        assert (ends <= np.array([still.width_px, still.height_px]) - 2).all()
        assert still.is_plain
    plain = Camera(pose, Lens(240, 180, 195.0, 195.0, 90.0, 86.5))
    assert is_still(plain)
    assert still_camera(plain) is plain


def test_a_phones_picture_reaches_the_record(tmp_path: Path) -> None:
    settings = RenderSettings.parse(
        {
            "bricks_min": 3, "samples": 1, "image_size_px": [64, 48], "depth": True, "normals": True,
            "camera": {"calibration": CALIBRATION | BARREL, "turn_max_deg_per_s": 5, "readout_ms": 20},
        }
    )  # fmt: skip
    settled = settled_pile(settings, 0, 2)
    shot = next(iter(render_shots(settled, settings)))
    record, data, _ = record_of(settled.pile, shot, settings)
    assert (record.width, record.height) == (64, 48)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (48, 64, 3)
    assert shot.geometry is not None
    assert shot.geometry.depth_m.shape == (48, 64)
    assert shot.geometry.normals.shape == (48, 64, 3)
    assert record.camera_distortion == tuple(BARREL.values())
    assert record.camera_fx_px == pytest.approx(195 * 64 / 240)
    assert record.camera_cy_px == pytest.approx((86 + 0.5) * 48 / 180 - 0.5)
    assert record.camera_turn_deg_per_s == settled.pile.views[0].camera.motion.turn_deg_per_s  # type: ignore[union-attr]
    for brick in record.instances:
        np.testing.assert_array_equal(decode_mask(brick.visible_rle, 48, 64), shot.masks.visible(brick.instance_id))
        np.testing.assert_array_equal(decode_mask(brick.amodal_rle, 48, 64), shot.masks.amodal(brick.instance_id))


@pytest.mark.slow
def test_a_dataset_of_a_calibrated_camera_is_whole_and_opencv_finds_its_bricks(tmp_path: Path) -> None:
    settings = RenderSettings.parse(
        {
            "bricks_max": 4, "samples": 1, "image_size_px": [120, 90], "normals": True, "parts": ["3001", "3068b"],
            "camera": {"calibration": CALIBRATION | BARREL, "margin_min": 0.05, "distance_max_mm": 250},
        }
    )  # fmt: skip
    render_dataset(settings, tmp_path / "d", count=3, seed=0, workers=1)
    dataset = DatasetFolder.open(tmp_path / "d")
    assert list(check_dataset(dataset)) == []
    assert PileDataset(tmp_path / "d", None)[0].image.shape[:2] == (90, 120)
    export_pictures(select_pictures(dataset), "coco", tmp_path / "coco")
    found = 0
    for file in (tmp_path / "coco" / "annotations").glob("instances_*.json"):
        document = json.loads(file.read_text())
        images = {image["id"]: image for image in document["images"]}
        for brick in document["annotations"]:
            camera = images[brick["image_id"]]["camera"]
            vertices = settings.catalogue.mesh(settings.parts[brick["category_id"] - 1]).vertices_mm
            pose, view = np.array(brick["world_from_part"]), np.array(camera["camera_from_world"])
            world = vertices @ pose[:, :3].T + pose[:, 3]
            turn = cv2.Rodrigues(view[:, :3])[0]
            seen, _ = cv2.projectPoints(
                world, turn, view[:, 3], np.array(camera["matrix"]), np.array(camera["distortion"])
            )
            mask = decode_mask(brick["amodal_segmentation"]["counts"], 90, 120)
            rows, columns = np.nonzero(mask)
            ends = [columns.min(), rows.min(), columns.max(), rows.max()]
            np.testing.assert_allclose(ends, [*seen.min(axis=(0, 1)), *seen.max(axis=(0, 1))], atol=1.3)
            found += 1
    assert found >= 3
