"""Meshes of one's own in piles: physics, picture, labels, index, and the watch over their files."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from core.errors import SettingsError
from dataset.index import open_index
from dataset.manifest import Manifest
from render.pile import sample_pile
from render.run import render_dataset
from render.settings import ALL_PARTS, RenderSettings
from render.shots import render_shots, settled_pile
from render.worker import start_blender

SENSOR = {"gain_max": 0, "jpeg_quality_min": 100, "jpeg_quality_max": 100}


@pytest.fixture(scope="module", autouse=True)
def _blender_is_up() -> None:
    start_blender(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    box = trimesh.creation.box((40, 40, 4))
    box.visual.face_colors = np.where(np.abs(box.face_normals[:, 2:]) > 0.9, (255, 0, 0, 255), (0, 0, 255, 255))
    box.export(tmp_path / "tile.ply")
    trimesh.creation.cylinder(5, 20).export(tmp_path / "rod.stl")
    return tmp_path


def own(folder: Path, **more: object) -> RenderSettings:
    meshes = {"tile": {"file": str(folder / "tile.ply"), "mass_g": 9}, "rod": {"file": str(folder / "rod.stl")}}
    return RenderSettings.parse({"meshes": meshes, **more})


def test_own_parts_join_the_built_in_ones_unless_parts_are_named(folder: Path) -> None:
    assert own(folder).parts == (*ALL_PARTS, "tile", "rod")
    assert own(folder, parts=["rod", "tile"]).parts == ("rod", "tile")
    with pytest.raises(SettingsError, match="meshes names 'tile', which is not in parts; add it there"):
        own(folder, parts=["rod", "3001"])
    settings = RenderSettings.parse(
        {"meshes": {"rod": {"file": str(folder / "rod.stl"), "color": "Green"}}, "parts": ["rod"]}
    )
    assert {brick.color.name for k in range(5) for brick in sample_pile(settings, 0, k).bricks} == {"Green"}


def test_a_mesh_with_colours_shows_them_and_lies_as_heavy_as_it_is_said_to_be(folder: Path) -> None:
    settings = own(
        folder, parts=["tile", "rod"], part_shares={"rod": 0}, bricks_max=1, image_size_px=96, samples=4,
        wear_max=0, lightings=["window"], backgrounds=["plain"], sensor=SENSOR,
        camera={"elevation_min_deg": 75, "elevation_max_deg": 85},
    )  # fmt: skip
    settled = settled_pile(settings, 0, 0)
    assert settled.vertices_mm(0)[:, 2].min() == pytest.approx(0, abs=0.2)
    assert settled.pile.mesh(0).mass_g == 9
    shot = next(iter(render_shots(settled, settings)))
    inside = shot.image[shot.masks.visible(0)].astype(int)
    assert len(inside) > 500
    red = (inside[:, 0] > 1.5 * inside[:, 1]) & (inside[:, 0] > 1.5 * inside[:, 2])
    assert red.mean() > 0.8  # it lies flat, and its faces above and below are red, its edges blue


def test_own_parts_are_classes_and_a_changed_file_is_noticed(folder: Path) -> None:
    settings = own(
        folder,
        parts=["tile", "rod", "3003"],
        bricks_min=3,
        bricks_max=3,
        image_size_px=48,
        samples=1,
        piles_per_shard=1,
    )
    root = folder / "d"
    told: list[str] = []
    render_dataset(settings, root, count=1, seed=0, workers=1, say=told.append)
    assert [(part.part_id, part.category) for part in Manifest.load_folder(root).parts] == [
        ("tile", "Own"), ("rod", "Own"), ("3003", "Brick"),
    ]  # fmt: skip
    with open_index(root) as index:
        rows = index.execute("SELECT part_id, color_id FROM instances").fetchall()
    assert len(rows) == 3
    for part_id, color_id in rows:
        assert (color_id is None) == (part_id == "tile")
    trimesh.creation.cylinder(6, 20).export(folder / "rod.stl")
    with pytest.raises(SettingsError, match=r"was rendered with other settings \(.*rod\.stl has changed\)"):
        render_dataset(settings, root, count=2, seed=0, workers=1)
    assert not any("watertight" in sentence for sentence in told)


def test_a_mesh_with_holes_is_told_and_a_missing_one_ends_the_render_before_it_begins(folder: Path) -> None:
    rod = trimesh.load_mesh(folder / "rod.stl")
    rod.update_faces(np.arange(len(rod.faces)) > 3)
    rod.export(folder / "open.stl")
    (remark,) = RenderSettings.parse({"meshes": {"open": {"file": str(folder / "open.stl")}}}).catalogue.remarks()
    assert "of part open is not watertight" in remark
    (folder / "rod.stl").unlink()
    with pytest.raises(Exception, match=r"rod\.stl of part rod is not there"):
        render_dataset(own(folder), folder / "e", count=1, seed=0, workers=1)
    assert not (folder / "e").exists()
