"""Parts as files, read back by trimesh."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner

from blender_assets.catalogue import load_catalogue
from blender_assets.colors import color_by_name
from blender_assets.commands import parts
from blender_assets.mesh import PartMesh
from blender_assets.paint import Paint

RED = color_by_name("Red")


def export(tmp_path: Path, kind: str, part_id: str = "3003") -> trimesh.Scene:
    path = tmp_path / f"part.{kind}"
    words = ["export", part_id, "--format", kind, "-o", str(path), "--color", "Red"]
    done = CliRunner().invoke(parts, words, catch_exceptions=False)
    assert done.stderr == f"Wrote {path}.\n"
    return trimesh.load_scene(path)


@pytest.mark.parametrize(("kind", "metres", "up"), [("obj", 1, 2), ("stl", 1, 2), ("glb", 1e-3, 1)])
def test_a_part_is_read_back_as_it_was(tmp_path: Path, kind: str, metres: float, up: int) -> None:
    mesh = load_catalogue().mesh("3003")
    found = export(tmp_path, kind).to_mesh()
    size = np.ptp(found.bounds, axis=0) / metres
    np.testing.assert_allclose(size, mesh.size_mm if up == 2 else mesh.size_mm[[0, 2, 1]], atol=1e-4)
    assert found.bounds[0][up] == pytest.approx(0, abs=1e-6)
    found.merge_vertices(merge_norm=True, merge_tex=True)
    assert found.is_watertight
    assert found.volume / metres**3 == pytest.approx(mesh.volume_mm3, rel=1e-4)


@pytest.mark.parametrize("kind", ["obj", "glb"])
def test_smooth_normals_and_the_colour_come_along(tmp_path: Path, kind: str) -> None:
    ours = load_catalogue().mesh("3003").corner_normals.reshape(-1, 3)
    (found,) = export(tmp_path, kind).geometry.values()
    theirs = np.asarray(found.vertex_normals)
    theirs = theirs if kind == "obj" else theirs[:, [0, 2, 1]] * [1, -1, 1]
    distance = np.linalg.norm(theirs[:, None] - np.unique(ours.round(4), axis=0)[None], axis=2).min(axis=1)
    assert distance.max() < 2e-3
    if kind == "obj":
        np.testing.assert_array_equal(found.visual.vertex_colors, [[0xB4, 0, 0, 255]] * len(found.vertices))
    else:
        np.testing.assert_allclose(found.visual.material.baseColorFactor[:3] / 255, RED.linear_rgb, atol=1 / 255)
        assert found.visual.material.metallicFactor == 0


def test_each_colour_of_a_part_is_a_material(tmp_path: Path) -> None:
    from blender_assets.export import part_file

    plain = load_catalogue().mesh("3005")
    finish = np.full(len(plain.faces), -1, dtype=np.int8)
    finish[:10], finish[10:20] = 1, 2
    rgb = np.zeros((len(plain.faces), 3), dtype=np.float32)
    rgb[:20] = (0.0, 0.2, 0.6)
    mesh = PartMesh(plain.vertices_mm, plain.faces, plain.corner_normals, Paint(rgb, finish))
    (tmp_path / "p.glb").write_bytes(part_file(mesh, RED, "glb"))
    looks: dict[int, list[tuple[float, ...]]] = {}
    for piece in trimesh.load_scene(tmp_path / "p.glb").geometry.values():
        material = piece.visual.material
        look = (*np.round(material.baseColorFactor / 255, 1), material.metallicFactor)
        looks.setdefault(len(piece.faces), []).append(look)
    assert sorted(looks[10]) == [(0.0, 0.2, 0.6, 0.5, 0), (0.0, 0.2, 0.6, 1.0, 0.85)]
    assert looks[len(plain.faces) - 20] == [(*np.round(RED.linear_rgb, 1), 1.0, 0)]
