"""BOP: models projected by the exported poses and cameras alone cover the exported masks, and depth is theirs."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from core.errors import BrickbenchError
from dataset.dataset_folder import DatasetFolder
from dataset.export.formats import export_pictures
from dataset.export.selection import select_pictures
from render.bop import DEPTH_SCALE
from render.run import render_dataset
from render.settings import RenderSettings

SIZE = 96


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small dataset with depth."""
    root = tmp_path_factory.mktemp("bop") / "piles"
    settings = RenderSettings(
        parts=("3001", "3062b", "3040"), bricks_min=4, bricks_max=4, image_size_px=SIZE, samples=1, depth=True
    )
    render_dataset(settings, root, count=2, seed=3, workers=1)
    return root


@pytest.fixture(scope="module")
def exported(rendered: Path) -> Path:
    """Return it as BOP."""
    folder = rendered.parent / "out"
    export_pictures(select_pictures(DatasetFolder.open(rendered)), "bop", folder)
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def scenes(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("*/*/scene_gt.json"))


def projected(model: trimesh.Trimesh, pose: dict[str, Any], camera: dict[str, Any]) -> tuple[Any, Any]:
    """Return pixels (V, 2) of a model's vertices, whose first pixel's centre is 0, and their depth in mm (V,)."""
    points = model.vertices @ np.reshape(pose["cam_R_m2c"], (3, 3)).T + pose["cam_t_m2c"]
    pixels = points @ np.reshape(camera["cam_K"], (3, 3)).T
    return pixels[:, :2] / pixels[:, 2:], points[:, 2]


def silhouette(model: trimesh.Trimesh, pixels: NDArray[np.float64], zoom: int = 8) -> NDArray[np.bool_]:
    """Return where triangles cover pixels' centres, drawn finer."""
    canvas = np.zeros((SIZE * zoom, SIZE * zoom), np.uint8)
    for triangle in pixels[model.faces]:
        cv2.fillConvexPoly(canvas, np.rint((triangle + 0.5) * zoom).astype(np.int32), 1)
    return canvas[zoom // 2 :: zoom, zoom // 2 :: zoom] > 0


def test_models_lie_where_the_masks_say(exported: Path) -> None:
    seen = 0
    for scene in scenes(exported):
        cameras, poses, infos = (read(scene / f"scene_{name}.json") for name in ("camera", "gt", "gt_info"))
        for number, bodies in poses.items():
            for k, (pose, info) in enumerate(zip(bodies, infos[number], strict=True)):
                model = trimesh.load(exported / "models" / f"obj_{pose['obj_id']:06d}.ply", process=False)
                name = f"{int(number):06d}_{k:06d}.png"
                whole, visible = (cv2.imread(str(scene / kind / name), 0) > 0 for kind in ("mask", "mask_visib"))
                pixels, depths = projected(model, pose, cameras[number])
                drawn = silhouette(model, pixels)
                assert (drawn & whole).sum() / (drawn | whole).sum() > 0.9
                assert not (visible & ~whole).any()
                assert info["px_count_visib"] == visible.sum()
                assert info["visib_fract"] == pytest.approx(visible.sum() / info["px_count_all"])
                if visible.any():
                    low, high = np.argwhere(visible).min(axis=0), np.argwhere(visible).max(axis=0) + 1
                    assert info["bbox_visib"] == [low[1], low[0], high[1] - low[1], high[0] - low[0]]
                    depth = cv2.imread(str(scene / "depth" / f"{int(number):06d}.png"), -1)[visible] * DEPTH_SCALE
                    assert depths.min() - 0.1 <= depth.min()
                    assert depth.max() <= depths.max() + 0.1
                    seen += 1
                left, top, width, height = info["bbox_obj"]
                ends = np.floor(pixels.min(axis=0) + 0.5), np.ceil(pixels.max(axis=0) + 0.5)
                np.testing.assert_array_equal(ends, ([left, top], [left + width, top + height]))
    assert seen >= 4


def test_models_have_what_pose_errors_need(exported: Path) -> None:
    rows = read(exported / "models" / "models_info.json")
    assert set(rows) == {"1", "2", "3"}
    for number, row in rows.items():
        model = trimesh.load(exported / "models" / f"obj_{int(number):06d}.ply", process=False)
        np.testing.assert_allclose([row["min_x"], row["min_y"], row["min_z"]], model.bounds[0], atol=1e-3)
        np.testing.assert_allclose(
            [row["size_x"], row["size_y"], row["size_z"]], np.ptp(model.bounds, axis=0), atol=1e-3
        )
        assert row["diameter"] <= np.linalg.norm(np.ptp(model.bounds, axis=0)) + 1e-3
        assert b"property float nx" in (exported / "models" / f"obj_{int(number):06d}.ply").read_bytes()
    (turn,) = rows["1"]["symmetries_discrete"]  # a brick of 2 x 4, half a turn about its studs
    np.testing.assert_allclose(np.reshape(turn, (4, 4)), np.diag((-1.0, -1.0, 1.0, 1.0)), atol=1e-6)
    assert rows["2"]["symmetries_continuous"] == [{"axis": [0.0, 0.0, 1.0], "offset": [0.0, 0.0, 0.0]}]
    assert not {"symmetries_discrete", "symmetries_continuous"} & set(rows["3"])  # a slope


def test_the_world_is_the_same_for_all_bricks_of_a_picture(exported: Path, rendered: Path) -> None:
    """A pose in the world, from the index, is that in the camera after the camera's own."""
    for scene in scenes(exported):
        cameras, poses = read(scene / "scene_camera.json"), read(scene / "scene_gt.json")
        for number, camera in cameras.items():
            rotation = np.reshape(camera["cam_R_w2c"], (3, 3))
            np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
            assert np.linalg.det(rotation) > 0
            world = [rotation.T @ (np.array(pose["cam_t_m2c"]) - camera["cam_t_w2c"]) for pose in poses[number]]
            assert (np.array(world)[:, 2] > 0).all()  # above the floor
            rows = DatasetFolder.open(rendered).query(
                "SELECT count(*) FROM instances WHERE image_id = ? AND amodal_px > 0", [camera["brickbench_id"]]
            )
            assert rows == [(len(poses[number]),)]


def test_camera_json_stands_for_the_sensor(exported: Path) -> None:
    row = read(exported / "camera.json")
    assert (row["width"], row["height"], row["depth_scale"]) == (SIZE, SIZE, DEPTH_SCALE)
    assert row["fx"] == pytest.approx(row["fy"])


def test_what_bop_does_not_hold_is_told(exported: Path, rendered: Path, tmp_path: Path) -> None:
    selection = select_pictures(DatasetFolder.open(rendered))
    settings = rendered / "settings.yaml"
    kept = settings.read_bytes()
    settings.unlink()
    try:
        with pytest.raises(BrickbenchError, match=r"has no settings\.yaml, so the shapes"):
            export_pictures(selection, "bop", tmp_path / "out")
    finally:
        settings.write_bytes(kept)
