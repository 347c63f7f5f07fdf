"""Meshes of one's own: units, axes, colours, mass, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from PIL import Image
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from blender_assets.catalogue import load_catalogue
from blender_assets.colors import FINISHES, color_by_name, linear_rgb
from blender_assets.commands import parts
from blender_assets.mesh import PartMesh, seen_colors
from blender_assets.own.reader import read_own_mesh
from blender_assets.own.settings import OwnMesh, OwnMeshError, load_meshes
from core.errors import SettingsError

RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 255)


def wedge() -> trimesh.Trimesh:
    """Return a wedge of 10 x 20 x 30, x up to the right only at its foot: no two axes and no two ways look alike."""
    corners = np.array([(x, y, z) for x in (0, 10) for y in (0, 20) for z in (0, 30) if x == 0 or z == 0], dtype=float)
    return trimesh.convex.convex_hull(corners)


def read(path: Path, **settings: object) -> PartMesh:
    return read_own_mesh("mine", OwnMesh.parse({"file": str(path), **settings})).mesh


@pytest.mark.parametrize("ending", ["obj", "stl", "ply", "glb"])
def test_a_mesh_stands_on_the_floor_in_millimetres_whatever_its_format(tmp_path: Path, ending: str) -> None:
    wedge().export(tmp_path / f"w.{ending}")
    mesh = read(tmp_path / f"w.{ending}", unit="mm", up="z")
    np.testing.assert_allclose(mesh.bounds_mm, [[-5, -10, 0], [5, 10, 30]], atol=1e-4)
    assert mesh.volume_mm3 == pytest.approx(3000, rel=1e-5)
    np.testing.assert_allclose(mesh.centroid_mm, [10 / 3 - 5, 0, 10], atol=1e-4)
    assert mesh.mass_g == pytest.approx(3000 * 1.05e-3)
    assert mesh.paint is None
    assert (len(mesh.vertices_mm), len(mesh.faces)) == (6, 8)


def test_units_and_axes(tmp_path: Path) -> None:
    wedge().export(tmp_path / "w.stl")
    large = read(tmp_path / "w.stl", unit="cm", up="y")
    np.testing.assert_allclose(large.size_mm, [100, 300, 200], rtol=1e-5)
    # z (towards the viewer) becomes -y: the thick end, at z = 0, lies at the back.
    back = large.vertices_mm[large.vertices_mm[:, 1] > 0]
    assert np.ptp(back[:, 0]) == pytest.approx(100, rel=1e-5)
    assert OwnMesh(file="w.stl", unit="in").unit_mm == 25.4
    small = wedge()
    small.apply_scale(0.001)
    small.export(tmp_path / "w.glb")
    np.testing.assert_allclose(read(tmp_path / "w.glb").size_mm, [10, 30, 20], atol=1e-3)


def test_faces_keep_the_colours_of_the_file(tmp_path: Path) -> None:
    box = trimesh.creation.box((10, 20, 30))
    up = box.face_normals[:, 2] > 0.9
    box.visual.face_colors = np.where(up[:, None], RED, (0, 0, 255, 100))
    box.export(tmp_path / "b.ply")
    mesh = read(tmp_path / "b.ply")
    assert mesh.paint is not None
    assert mesh.paint.covers_all
    top = mesh.corner_normals[:, 0, 2] > 0.9
    np.testing.assert_allclose(mesh.paint.rgb[top], [[1, 0, 0]] * 2)
    np.testing.assert_allclose(mesh.paint.rgb[~top], [[0, 0, 1]] * 10)
    assert {FINISHES[k] for k in mesh.paint.finish[top]} == {"solid"}
    assert {FINISHES[k] for k in mesh.paint.finish[~top]} == {"transparent"}
    for other in ("drawn", "Red"):
        assert read(tmp_path / "b.ply", color=other).paint is None


def test_materials_are_srgb_in_wavefront_and_linear_in_gltf(tmp_path: Path) -> None:
    box = trimesh.creation.box((10, 20, 30))
    box.visual = TextureVisuals(material=PBRMaterial(baseColorFactor=[0.5, 0.25, 0.0, 1.0], metallicFactor=0.9))
    box.export(tmp_path / "b.glb")
    (tmp_path / "m.mtl").write_text("newmtl paint\nKd 0.5 0.25 0.0\nnewmtl glass\nKd 1 1 1\nd 0.3\n")
    solid = wedge()
    vertices = "".join(f"v {x} {y} {z}\n" for x, y, z in solid.vertices)
    faces = [f"f {a + 1} {b + 1} {c + 1}\n" for a, b, c in solid.faces]
    text = f"mtllib m.mtl\n{vertices}usemtl paint\n{''.join(faces[:5])}usemtl glass\n{''.join(faces[5:])}"
    (tmp_path / "m.obj").write_text(text)
    gltf, wavefront = read(tmp_path / "b.glb", unit="mm"), read(tmp_path / "m.obj")
    assert gltf.paint is not None
    assert wavefront.paint is not None
    np.testing.assert_allclose(gltf.paint.rgb, np.tile([0.5, 0.25, 0], (12, 1)), atol=1 / 255)
    assert {FINISHES[k] for k in gltf.paint.finish} == {"metallic"}
    painted = np.array([FINISHES[k] == "solid" for k in wavefront.paint.finish])
    assert painted.sum() == 5
    np.testing.assert_allclose(wavefront.paint.rgb[painted], np.tile(linear_rgb("804000"), (5, 1)), atol=0.01)


@pytest.mark.parametrize("turned", [False, True])
def test_a_texture_stays_where_it_is(tmp_path: Path, turned: bool) -> None:
    # Left half red, right half blue; the picture runs along y, from 0 to 20, of every face.
    picture = Image.new("RGB", (8, 8), "red")
    picture.paste((0, 0, 255), (4, 0, 8, 8))
    solid = wedge()
    faces = solid.faces[:, ::-1] if turned else solid.faces
    corners = solid.vertices[faces].reshape(-1, 3)
    uv = 0.05 + 0.9 * np.column_stack([corners[:, 1] / 20, corners[:, 2] / 30])
    loose = trimesh.Trimesh(corners, np.arange(len(corners)).reshape(-1, 3), process=False)
    material = PBRMaterial(baseColorTexture=picture, baseColorFactor=[0.5, 1.0, 1.0, 1.0], metallicFactor=0)
    loose.visual = TextureVisuals(uv=uv, material=material)
    loose.export(tmp_path / "t.glb")
    mesh = read(tmp_path / "t.glb", unit="mm", up="z")
    face = np.arange(len(mesh.faces)).repeat(3)
    place = np.tile([[0.7, 0.2, 0.1], [0.1, 0.7, 0.2], [0.2, 0.1, 0.7]], (len(mesh.faces), 1))
    y = np.einsum("rk,rk->r", place, mesh.vertices_mm[mesh.faces[face], 1])
    seen = seen_colors(mesh, color_by_name("Green"), face, place)
    np.testing.assert_allclose(seen[y < -0.1], np.tile([0.5, 0, 0], ((y < -0.1).sum(), 1)), atol=0.01)
    np.testing.assert_allclose(seen[y > 0.1], np.tile([0, 0, 1], ((y > 0.1).sum(), 1)), atol=0.01)
    assert 0 < (y > 0.1).sum() < len(y)


def test_a_surface_with_holes_is_used_with_a_warning(tmp_path: Path) -> None:
    box = trimesh.creation.box((10, 20, 30))
    box.update_faces(np.arange(12) != 0)
    box.export(tmp_path / "b.stl")
    own = OwnMesh(file=str(tmp_path / "b.stl"))
    found = read_own_mesh("mine", own)
    assert " ".join(found.remarks) == (
        f"The mesh {own.file} of part mine is not watertight: its picture and masks are right, its centre of mass is "
        f"measured by columns through it or its convex hull. Its mass was measured as {found.mesh.mass_g:.2f} g; "
        "mass_g sets it."
    )
    assert found.mesh.mass_g == pytest.approx(6000 * 1.05e-3, rel=0.5)
    heavy = read_own_mesh("mine", OwnMesh(file=own.file, mass_g=12.5))
    assert heavy.mesh.mass_g == 12.5
    assert "mass_g" not in heavy.remarks[0]


def test_faces_that_are_turned_inwards_are_turned_outwards(tmp_path: Path) -> None:
    inside_out, mixed = wedge(), wedge()
    inside_out.faces = inside_out.faces[:, ::-1]
    mixed.faces = np.concatenate([mixed.faces[:3, ::-1], mixed.faces[3:]])
    for number, solid in enumerate((inside_out, mixed)):
        solid.export(tmp_path / f"{number}.ply")
        found = read_own_mesh("mine", OwnMesh(file=str(tmp_path / f"{number}.ply")))
        assert found.remarks == ()
        assert found.mesh.volume_mm3 == pytest.approx(3000, rel=1e-5)
        middle = found.mesh.vertices_mm[found.mesh.faces].mean(axis=1) - found.mesh.centroid_mm
        assert ((found.mesh.corner_normals[:, 0] * middle).sum(axis=1) > 0).all()


def flat() -> trimesh.Trimesh:
    return trimesh.Trimesh([(0, 0, 0), (9, 0, 1), (9, 9, 1), (0, 9, 0)], [(0, 1, 2), (0, 2, 3)])


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (None, {}, r"The mesh .*x\.stl of part mine is not there; paths start at the current folder\."),
        (
            wedge,
            {"unit": "m"},
            r"Part mine is 30 m long: is its unit right\? .* was read in m; a part has 1 to 600",
        ),
        (lambda: wedge().apply_scale(0.001), {}, r"Part mine is 0\.03 mm long: is its unit right\?"),
        (flat, {}, r"is flat; it cannot fall\. Give it a thickness\."),
        (lambda: b"solid\nendsolid\n", {}, r"The mesh .*x\.stl of part mine holds no face\."),
    ],
)
def test_what_can_be_no_part_is_refused(
    tmp_path: Path, make: object, settings: dict[str, object], message: str
) -> None:
    made = make() if callable(make) else None
    if isinstance(made, bytes):
        (tmp_path / "x.stl").write_bytes(made)
    elif made is not None:
        made.export(tmp_path / "x.stl")
    with pytest.raises(OwnMeshError, match=message):
        read(tmp_path / "x.stl", **settings)


@pytest.mark.parametrize("ending", ["ply", "glb"])
def test_a_damaged_file_is_named(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"x.{ending}").write_text("hello")
    with pytest.raises(OwnMeshError, match=rf"The mesh .*x\.{ending} of part mine cannot be read: "):
        read(tmp_path / f"x.{ending}")


@pytest.mark.parametrize(
    ("meshes", "message"),
    [
        ({"a": {"file": "x.fbx"}}, r"a mesh file ends with \.obj, \.stl, \.ply, \.glb"),
        ({"a": {"file": "x.stl", "unit": "km"}}, r"meshes\.a\.unit"),
        ({"a": {"file": "x.stl", "color": "Redd"}}, r"unknown colour 'Redd' \(did you mean 'Red'\?\)"),
        ({"a/b": {"file": "x.stl"}}, r"'a/b' should be of letters, digits, dots, hyphens and underscores"),
        ({}, r"names no mesh; it should hold `meshes: \{NAME: \{file: gear\.stl\}\}`\."),
    ],
)
def test_mistakes_in_settings_are_named(tmp_path: Path, meshes: object, message: str) -> None:
    (tmp_path / "s.yaml").write_text(json.dumps({"meshes": meshes}))
    with pytest.raises(SettingsError, match=message):
        load_meshes(tmp_path / "s.yaml")


def test_own_meshes_join_the_catalogue_and_are_listed(tmp_path: Path) -> None:
    wedge().export(tmp_path / "w.stl")
    wedge_settings = {"file": str(tmp_path / "w.stl"), "color": "red", "name": "Wedge 1", "category": "Home-made"}
    (tmp_path / "s.yaml").write_text(json.dumps({"meshes": {"w1": wedge_settings}, "bricks_max": 3}))
    part = load_catalogue(meshes=load_meshes(tmp_path / "s.yaml"))["w1"]
    assert (part.name, part.category, part.source) == ("Wedge 1", "Home-made", "own")
    assert part.color is not None
    assert part.color.name == "Red"
    words = ["sheet", "--parts", "w1", "-o", str(tmp_path / "w1.png"), "--meshes", str(tmp_path / "s.yaml")]
    CliRunner().invoke(parts, words, catch_exceptions=False)
    with Image.open(tmp_path / "w1.png") as page:
        pixels = np.asarray(page.convert("RGB")).astype(int)
    assert ((pixels[..., 0] > 100) & (pixels[..., 1] < 60)).mean() > 0.03  # drawn in its own red, not in yellow
    (tmp_path / "s.yaml").write_text(json.dumps({"meshes": {"3001": wedge_settings}}))
    with pytest.raises(SettingsError, match=r"There is a part 3001 already; call the mesh .*w\.stl otherwise\."):
        load_catalogue(meshes=load_meshes(tmp_path / "s.yaml"))
