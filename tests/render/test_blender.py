"""Real Blender at a tiny size: physics, labels against Cycles' own, determinism, the whole run."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.engine import Outcome
from core.errors import BrickbenchError, SettingsError
from dataset.index import open_index
from dataset.manifest import Manifest, PartInfo, SplitRule
from dataset.masks import decode_mask
from render import blender, rows, shots, worker
from render.camera import CameraSettings
from render.framing import frame_pile
from render.label_maps import NOTHING
from render.labels import cast_labels, cast_masks
from render.physics import NotAtRestError, settle
from render.pile import Pile, SettledPile, sample_pile
from render.run import GENERATION, render_dataset
from render.scene import RefusedPictureError, checked, set_up_renderer, staged, viewed
from render.settings import RenderSettings
from render.shots import render_shots, settled_pile
from render.trial import draw_preview
from render.worker import start_blender

LDRAW = Path(__file__).parents[2].parent / "shared" / "ldraw"
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
    np.testing.assert_array_equal(first.masks.things, second.masks.things)
    np.testing.assert_array_equal(first.image, second.image)


def test_no_datablock_is_left_behind() -> None:
    def count() -> dict[str, int]:
        data = blender.bpy.data
        names = ("objects", "lights", "worlds", "cameras", "collections")
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
    ours = cast_masks(settled, camera).things
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
    numbers = np.arange(count)[:, None, None]
    return ours[None] == numbers, theirs[None] - 1 == numbers


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
    things = range(len(masks.silhouettes))
    amodal = np.array([masks.amodal(k) for k in things])
    for k in things:
        assert not (masks.visible(k) & ~amodal[k]).any()
        np.testing.assert_array_equal(masks.visible_crop(k).whole(96, 96), masks.visible(k))
    assert (amodal.reshape(len(amodal), -1).sum(axis=1) > 0).all()
    np.testing.assert_array_equal(amodal.any(axis=0), masks.things != NOTHING)
    border = np.concatenate([amodal[:, 0], amodal[:, -1], amodal[:, :, 0], amodal[:, :, -1]])
    assert not border.any()


def test_one_brick_alone_is_wholly_visible_and_where_it_projects() -> None:
    settled = settled_pile(RenderSettings(bricks_max=1, parts=("3001",), camera=WHOLE), 0, 0)
    points = settled.vertices_mm(0)
    camera = frame_pile(settled.pile.views[0].camera, points, 120)
    masks = cast_masks(settled, camera)
    np.testing.assert_array_equal(masks.visible(0), masks.amodal(0))
    rows, columns = np.nonzero(masks.visible(0))
    low, high = camera.project(points).min(axis=0), camera.project(points).max(axis=0)
    np.testing.assert_allclose([columns.min(), rows.min()], low, atol=1.5)
    np.testing.assert_allclose([columns.max() + 1, rows.max() + 1], high, atol=1.5)


def test_a_run_resumes_to_the_same_dataset_whatever_the_workers(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    render_dataset(TINY, whole, count=4, seed=1, workers=1)
    render_dataset(TINY, parts, count=2, seed=1, workers=1)
    (parts / "shards" / ".000001.tmp" / "host-999").mkdir(parents=True)  # what a killed worker leaves
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

    record = (whole / "settings.yaml").read_text(encoding="utf-8")
    (whole / "settings.yaml").write_text(record.replace(f"generation: {GENERATION}\n", ""), encoding="utf-8")
    render_dataset(TINY, whole, count=4, seed=1)  # nothing is missing
    shutil.rmtree(whole / "shards" / "000001")
    with pytest.raises(SettingsError, match=r"an earlier Brickbench, whose piles come out otherwise\. Finish"):
        render_dataset(TINY, whole, count=4, seed=1)
    older = record.replace(f"generation: {GENERATION}", "generation: 4")
    older = older.replace("    distance_min_mm: 250.0", "    field_of_view_min_deg: 28.0")
    (whole / "settings.yaml").write_text(older, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"an earlier Brickbench, whose piles come out otherwise\. Finish"):
        render_dataset(TINY, whole, count=4, seed=1)
    (whole / "settings.yaml").write_text(record.replace(f"generation: {GENERATION}", "generation: 9"), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"was begun with a later Brickbench"):
        render_dataset(TINY, whole, count=4, seed=1)


@pytest.mark.slow
def test_a_run_killed_before_its_manifest_was_written_goes_on(tmp_path: Path) -> None:
    render_dataset(TINY, tmp_path / "d", count=1, seed=0, workers=1)
    manifest = (tmp_path / "d" / "dataset.yaml").read_bytes()
    (tmp_path / "d" / "dataset.yaml").unlink()
    render_dataset(TINY, tmp_path / "d", count=1, seed=0, workers=1)
    assert (tmp_path / "d" / "dataset.yaml").read_bytes() == manifest
    (tmp_path / "d" / "settings.yaml").unlink()
    with pytest.raises(SettingsError, match=r"holds a dataset without settings\.yaml"):
        render_dataset(TINY, tmp_path / "d", count=1, seed=0, workers=1)


@pytest.mark.slow
def test_piles_join_a_dataset_of_photos_and_its_classes_keep_their_numbers(tmp_path: Path) -> None:
    root = tmp_path / "d"
    photo_parts = tuple(PartInfo(part_id=name, name=name, category="photo") for name in ("3003", "mug"))
    Manifest(parts=photo_parts, split_rule=SplitRule(train=0.5, val=0.5, test=0.0)).save_folder(root)
    render_dataset(TINY, root, count=1, seed=4, workers=1)
    manifest = Manifest.load_folder(root)
    assert [part.part_id for part in manifest.parts[:2]] == ["3003", "mug"]
    assert manifest.parts[0].name == "Brick 2 x 2"  # the catalogue knows more of it than the photos did
    assert {part.part_id for part in manifest.parts} == {"mug", *TINY.parts}
    assert (manifest.seed, manifest.split_rule.val) == (4, 0.5)


@pytest.mark.slow
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
    with pytest.raises(RefusedPictureError, match="holds 1 values that are no numbers; it was refused"):
        checked(broken)
    with pytest.raises(RefusedPictureError, match="is blank and was refused"):
        checked(np.full((8, 8, 3), 0.2, dtype=np.float32))


def test_a_pile_that_does_not_come_to_rest_gets_other_poses_and_this_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restless(pile: Pile) -> SettledPile:
        if pile.attempt < fail_until:
            raise NotAtRestError("it rolls")
        return settle(pile)

    monkeypatch.setattr(shots, "settle", restless)
    fail_until = 3
    settled = settled_pile(TINY, 0, 0)
    assert settled.pile.attempt == 3
    plain = sample_pile(TINY, 0, 0)
    assert [brick.part_id for brick in settled.pile.bricks] == [brick.part_id for brick in plain.bricks]
    assert settled.pile.views == plain.views
    record, _ = rows.record_of(settled.pile, next(iter(render_shots(settled, TINY))), TINY)[:2]
    assert record.attempts == 4
    fail_until = 99
    with pytest.raises(NotAtRestError, match="it rolls"):
        settled_pile(TINY, 0, 0)


def test_a_heap_is_higher_than_a_scatter_and_stays_together() -> None:
    def heights(arrangement: str) -> list[float]:
        settings = RenderSettings.parse({"bricks_min": 8, "parts": ["3001", "3003"], "arrangements": [arrangement]})
        piles = [settled_pile(settings, 2, k) for k in range(4)]
        return [float(np.mean(pile.world_from_thing[:, 2, 3])) for pile in piles]

    assert np.mean(heights("heaped")) > np.mean(heights("scattered")) + 1.0


def test_props_fall_among_the_bricks_and_hide_them_without_being_labelled() -> None:
    settings = RenderSettings.parse(
        {"bricks_min": 3, "distractors_max": 6, "distractors_share": 1, "arrangements": ["heaped"], "samples": 1}
    )
    index = next(k for k in range(50) if len(sample_pile(settings, 0, k).props) >= 4)
    settled = settled_pile(settings, 0, index)
    assert len(settled.world_from_thing) == len(settled.pile.bricks) + len(settled.pile.props)
    camera = frame_pile(settled.pile.views[0].camera, settled.corners_mm(), 96)
    masks, geometry = cast_labels(settled, camera)
    assert len(masks.silhouettes) == len(settled.world_from_thing)
    assert masks.things.max() >= len(settled.pile.bricks)  # props have a place in the map
    bricks = settled.world_from_thing[: len(settled.pile.bricks)]
    alone = replace(settled, pile=replace(settled.pile, props=()), world_from_thing=bricks)
    without = cast_masks(alone, camera)
    for k in range(len(settled.pile.bricks)):
        assert not (masks.visible(k) & ~without.visible(k)).any()
        np.testing.assert_array_equal(masks.amodal(k), without.amodal(k))
    assert np.isfinite(geometry.depth_m).all()


@pytest.mark.slow
def test_hundreds_of_bricks_come_to_rest() -> None:
    settings = RenderSettings.parse(
        {"bricks_min": 120, "bricks_max": 120, "arrangements": ["heaped"], "parts": ["3001", "3020"]}
    )
    settled = settled_pile(settings, 0, 0)
    assert len(settled.present) == 120
    assert min(settled.vertices_mm(thing)[:, 2].min() for thing in settled.things()) > -0.5


@pytest.mark.slow
def test_a_heap_of_five_hundred_small_bricks_lies_on_the_floor() -> None:
    parts = ["3005", "3004", "3024", "3023", "3070b", "3069b", "3003", "3022"]
    settings = RenderSettings.parse(
        {"bricks_min": 500, "bricks_max": 500, "arrangements": ["heaped"], "parts": parts, "image_size_px": [160, 120]}
    )
    settled = settled_pile(settings, 0, 0)
    assert min(settled.vertices_mm(thing)[:, 2].min() for thing in settled.things()) > -0.3
    camera = frame_pile(settled.pile.views[0].camera, settled.corners_mm(), settings.image_size_px)
    masks = cast_masks(settled, camera)
    assert len(np.unique(masks.things)) > 200
    assert masks.things.max() > 400


def test_stud_logos_change_the_mesh_and_no_label() -> None:
    plain = RenderSettings(parts=("3003",), bricks_max=1, image_size_px=64, samples=1)
    logo = plain.model_copy(update={"stud_logo": True})
    shots = [next(iter(render_shots(settled_pile(s, 0, 1), s))) for s in (plain, logo)]
    np.testing.assert_array_equal(shots[0].masks.things, shots[1].masks.things)
    names = {mesh.name: len(mesh.polygons) for mesh in blender.bpy.data.meshes}
    assert names["part 3003 with logo"] > names["part 3003"] + 4 * 100


def test_depth_of_field_blurs_the_picture_and_moves_no_label() -> None:
    base = {"image_size_px": 64, "samples": 4, "sensor": {"gain_max": 0}, "camera": {"aperture_max_mm": 0}}
    sharp = settled_pile(RenderSettings.parse(base), 0, 3)
    view = sharp.pile.views[0]
    wide = replace(view, camera=replace(view.camera, aperture_mm=80.0))
    blurred = replace(sharp, pile=replace(sharp.pile, views=(wide,)))
    settings = RenderSettings.parse(base)
    first, second = (next(iter(render_shots(pile, settings))) for pile in (sharp, blurred))
    np.testing.assert_array_equal(first.masks.things, second.masks.things)
    detail = [float(cv2.Laplacian(shot.image[:, :, 1], cv2.CV_64F).var()) for shot in (first, second)]
    assert detail[1] < 0.6 * detail[0], detail


@pytest.mark.slow
@pytest.mark.skipif(not LDRAW.is_dir(), reason="needs an LDraw library at ../shared/ldraw")
def test_parts_of_an_ldraw_library_are_rendered_under_the_number_that_was_asked_for(tmp_path: Path) -> None:
    settings = RenderSettings.parse(
        TINY.model_dump() | {"parts": ["3660", "53451", "3023"], "ldraw": str(LDRAW), "bricks_min": 3}
    )
    render_dataset(settings, tmp_path / "d", count=2, seed=0, workers=1)
    with open_index(tmp_path / "d") as index:
        used = {row[0] for row in index.execute("SELECT DISTINCT part_id FROM instances").fetchall()}
        named = dict(index.execute("SELECT part_id, name FROM parts").fetchall())
    assert used <= set(named) == {"3660", "53451", "3023"}
    assert "Horn" in named["53451"]


def test_shards_that_fail_are_named_by_reason_and_the_others_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcomes(function: object, jobs: dict[str, worker.ShardJob], **_: object) -> Iterator[Outcome[worker.Made]]:
        for number, (key, job) in enumerate(jobs.items()):
            if number:
                yield Outcome(key, None, "OSError: [Errno 28] No space left on device", 2)
            else:
                yield Outcome(key, worker.render_shard(job), None, 1)

    monkeypatch.setattr("render.run.run_items", outcomes)
    with pytest.raises(BrickbenchError) as caught:
        render_dataset(TINY, tmp_path / "d", count=10, seed=0, workers=1)
    assert str(caught.value) == (
        "Of 5 shards 1 are there. shard 000001, shard 000002, shard 000003 and 1 more failed: "
        "OSError: [Errno 28] No space left on device. Run the same command again to make what is missing."
    )
    with open_index(tmp_path / "d") as index:
        assert index.execute("SELECT count(*) FROM images").fetchall() == [(2,)]
