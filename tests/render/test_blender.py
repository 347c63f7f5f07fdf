"""Real Blender at a tiny size: physics, labels against Cycles' own, determinism, the whole run."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import BrickbenchError, SettingsError
from dataset.index import open_index
from dataset.masks import decode_mask
from render import blender
from render.camera import CameraSettings, frame_pile
from render.labels import cast_masks
from render.preview import draw_preview
from render.run import render_dataset
from render.scene import checked, set_up_renderer, staged, viewed
from render.settings import RenderSettings
from render.settled import SettledPile
from render.worker import render_shots, settled_pile, start_blender

TINY = RenderSettings(image_size_px=48, samples=1, bricks_max=3, piles_per_shard=2)
WHOLE = CameraSettings(margin_min=0.05)


@pytest.fixture(scope="module", autouse=True)
def _blender_is_up() -> None:
    start_blender(2)


@pytest.mark.parametrize("index", range(12))
def test_bricks_come_to_rest_on_the_floor_without_sinking_in(index: int) -> None:
    settled = settled_pile(RenderSettings(bricks_min=2), 3, index)
    lowest = [settled.vertices_mm(thing)[:, 2].min() for thing in settled.things()]
    for pose, low in zip(settled.world_from_thing, lowest, strict=True):
        np.testing.assert_allclose(pose[:, :3] @ pose[:, :3].T, np.eye(3), atol=1e-4)
        assert low > -0.2
    assert min(lowest) < 0.2
    # At rest: what lies on the floor or on another brick has its centre of mass low.
    heights = [
        pose[2, :3] @ settled.pile.mesh(thing).centroid_mm + pose[2, 3]
        for thing, pose in enumerate(settled.world_from_thing)
    ]
    assert max(heights) < 60


def test_a_pile_is_the_same_alone_and_after_others() -> None:
    settings = RenderSettings(image_size_px=48, samples=2)
    alone = settled_pile(settings, 0, 4)
    first = next(iter(render_shots(alone, settings)))
    for index in (7, 2):
        next(iter(render_shots(settled_pile(settings, 0, index), settings)))
    again = settled_pile(settings, 0, 4)
    second = next(iter(render_shots(again, settings)))
    np.testing.assert_array_equal(alone.world_from_thing, again.world_from_thing)
    np.testing.assert_array_equal(first.masks.visible, second.masks.visible)
    np.testing.assert_array_equal(first.image, second.image)


def test_no_datablock_is_left_behind() -> None:
    def count() -> dict[str, int]:
        data = blender.bpy.data
        names = ("objects", "lights", "worlds", "cameras", "collections", "images")
        return {name: len(getattr(data, name)) for name in names}

    settings = RenderSettings(image_size_px=32, samples=1)
    list(render_shots(settled_pile(settings, 0, 0), settings))
    before = count()
    for index in range(1, 5):
        list(render_shots(settled_pile(settings, 0, index), settings))
    assert count() == before


def object_index_masks(settled: SettledPile, size: int, scratch: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return ray-cast visible masks and those of Cycles' object-index pass, both (B, H, W)."""
    bpy = blender.bpy
    camera = frame_pile(settled.pile.views[0].camera, settled.corners_mm(), size)
    ours = cast_masks(settled, camera).visible
    set_up_renderer(1)
    scene = bpy.context.scene
    scene.view_layers[0].use_pass_object_index = True
    scene.cycles.use_denoising = False
    # One ray through the middle of each pixel, as ours.
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BOX", 0.01
    # The compositor hands the pass on as a picture: index / 255, not colour managed.
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    layers, divide, out = (tree.nodes.new(f"CompositorNode{kind}") for kind in ("RLayers", "Math", "Composite"))
    divide.operation, divide.inputs[1].default_value = "DIVIDE", 255.0
    tree.links.new(layers.outputs["IndexOB"], divide.inputs[0])
    tree.links.new(divide.outputs[0], out.inputs[0])
    scene.view_settings.view_transform, scene.render.dither_intensity = "Raw", 0.0
    scene.render.filepath = str(scratch / "index.png")
    try:
        view = settled.pile.views[0]
        pinhole = replace(camera, aperture_mm=0.0)
        with blender.quiet(), staged(settled), viewed(view.floor, view.lighting, pinhole):
            scene.render.image_settings.file_format, scene.render.image_settings.color_depth = "PNG", "8"
            bpy.ops.render.render(write_still=True)
    finally:
        scene.use_nodes = False
        scene.view_layers[0].use_pass_object_index = False
        scene.cycles.filter_width, scene.render.dither_intensity = 1.5, 1.0
    theirs = cv2.imread(str(scratch / "index.png"))[:, :, 0].astype(int)
    count = len(settled.pile.bricks)
    assert theirs.max() == count
    return ours, theirs[None] == np.arange(1, count + 1)[:, None, None]


def test_masks_agree_with_cycles_own_object_index(tmp_path: Path) -> None:
    ratios = []
    for index in range(8):
        settled = settled_pile(RenderSettings(bricks_min=3), 11, index)
        ours, theirs = object_index_masks(settled, 200, tmp_path)
        for a, b in zip(ours, theirs, strict=True):
            if a.sum() > 200:
                ratios.append((a & b).sum() / (a | b).sum())
    assert len(ratios) > 20
    assert np.mean(ratios) >= 0.98, np.mean(ratios)
    assert min(ratios) > 0.9


def test_masks_are_consistent() -> None:
    settled = settled_pile(RenderSettings(bricks_min=6, spread=0.3, camera=WHOLE), 2, 5)
    camera = frame_pile(settled.pile.views[0].camera, settled.corners_mm(), 96)
    masks = cast_masks(settled, camera)
    assert masks.visible.sum(axis=0).max() <= 1
    assert not (masks.visible & ~masks.amodal).any()
    assert (masks.amodal.reshape(len(masks.amodal), -1).sum(axis=1) > 0).all()
    assert not (masks.amodal.any(axis=0) & ~masks.visible.any(axis=0)).any()
    border = np.concatenate([masks.amodal[:, 0], masks.amodal[:, -1], masks.amodal[:, :, 0], masks.amodal[:, :, -1]])
    assert not border.any()


def test_one_brick_alone_is_wholly_visible_and_where_it_projects() -> None:
    settled = settled_pile(RenderSettings(bricks_max=1, parts=("3001",), camera=WHOLE), 0, 0)
    points = settled.vertices_mm(0)
    camera = frame_pile(settled.pile.views[0].camera, points, 120)
    masks = cast_masks(settled, camera)
    np.testing.assert_array_equal(masks.visible, masks.amodal)
    rows, columns = np.nonzero(masks.visible[0])
    low, high = camera.project(points).min(axis=0), camera.project(points).max(axis=0)
    np.testing.assert_allclose([columns.min(), rows.min()], low, atol=1.5)
    np.testing.assert_allclose([columns.max() + 1, rows.max() + 1], high, atol=1.5)


def test_a_run_resumes_to_the_same_dataset_whatever_the_workers(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    render_dataset(TINY, whole, count=4, seed=1, workers=1)
    render_dataset(TINY, parts, count=2, seed=1, workers=1)
    (parts / "shards" / ".000001.999.tmp").mkdir()  # what a killed worker leaves
    plan = render_dataset(TINY, parts, count=4, seed=1, workers=2)
    assert plan.missing == (1,)

    def content(root: Path) -> dict[str, bytes]:
        names = sorted(path.relative_to(root) for path in (root / "shards").glob("0*/**/*") if path.is_file())
        return {str(name): (root / name).read_bytes() for name in names}

    assert content(whole) == content(parts)
    assert len(content(whole)) == 2 * 2 + 4

    with open_index(whole) as index:
        assert index.execute("SELECT count(*), count(DISTINCT pile_index) FROM images").fetchone() == (4, 4)
        rows = index.execute(
            "SELECT visible_rle, visible_px, box_xywh_px, width, height FROM instances JOIN images USING (image_id)"
        ).fetchall()
    for rle, visible_px, box, width, height in rows:
        mask = decode_mask(rle, height, width)
        assert mask.sum() == visible_px
        x, y, w, h = box
        assert mask[y : y + h, x : x + w].sum() == visible_px

    with pytest.raises(SettingsError, match=r"was rendered with other settings \(seed 1, now 2\)"):
        render_dataset(TINY, whole, count=4, seed=2)
    with pytest.raises(SettingsError, match=r"samples 1, now 2"):
        render_dataset(TINY.model_copy(update={"samples": 2}), whole, count=4, seed=1)


def test_a_run_killed_before_its_manifest_was_written_goes_on(tmp_path: Path) -> None:
    render_dataset(TINY, tmp_path / "d", count=1, seed=0, workers=1)
    manifest = (tmp_path / "d" / "dataset.yaml").read_bytes()
    (tmp_path / "d" / "dataset.yaml").unlink()
    render_dataset(TINY, tmp_path / "d", count=1, seed=0, workers=1)
    assert (tmp_path / "d" / "dataset.yaml").read_bytes() == manifest
    (tmp_path / "d" / "settings.yaml").unlink()
    with pytest.raises(SettingsError, match=r"holds a dataset without settings\.yaml"):
        render_dataset(TINY, tmp_path / "d", count=1, seed=0, workers=1)


def test_a_short_last_shard_cannot_grow(tmp_path: Path) -> None:
    render_dataset(TINY, tmp_path / "d", count=1, seed=0, workers=1)
    with pytest.raises(SettingsError, match="cannot grow past 1 piles"):
        render_dataset(TINY, tmp_path / "d", count=4, seed=0, workers=1)


def test_a_preview_is_drawn_with_masks(tmp_path: Path) -> None:
    draw_preview(TINY, 0, 2, tmp_path / "p.png")
    sheet = cv2.imread(str(tmp_path / "p.png"))
    assert sheet.shape == (2 * 48 + 2 * 6, 2 * (48 + 6) + 6, 3)
    with pytest.raises(BrickbenchError, match=r"should end in \.png, \.jpg or \.webp"):
        draw_preview(TINY, 0, 2, tmp_path / "p.gif")


def test_pictures_that_can_be_none_are_refused() -> None:
    fine = np.random.default_rng(0).uniform(size=(8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(checked(fine), fine)
    broken = fine.copy()
    broken[2, 3, 1] = np.nan
    with pytest.raises(BrickbenchError, match="holds 1 values that are no numbers; it was refused"):
        checked(broken)
    with pytest.raises(BrickbenchError, match="is blank and was refused"):
        checked(np.full((8, 8, 3), 0.2, dtype=np.float32))
