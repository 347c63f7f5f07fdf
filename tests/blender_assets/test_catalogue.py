from pathlib import Path

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import Catalogue, load_catalogue
from blender_assets.ldraw.library import LDrawLibrary
from blender_assets.ldraw.lines import LDrawError
from blender_assets.mesh import PartMesh, mesh_from_solid
from blender_assets.part import Part
from blender_assets.plastic import volume_and_centroid
from core.errors import SettingsError

CUBE = """0 BFC CERTIFY CCW
4 16 10 0 -10 10 0 10 -10 0 10 -10 0 -10
4 16 -10 20 10 10 20 10 10 20 -10 -10 20 -10
4 16 -10 20 -10 10 20 -10 10 0 -10 -10 0 -10
4 16 10 20 -10 10 20 10 10 0 10 10 0 -10
4 16 10 20 10 -10 20 10 -10 0 10 10 0 10
4 16 -10 20 10 -10 20 -10 -10 0 -10 -10 0 10
"""
FILES = {
    "10": f"0 Brick  1 x  1\n0 !LDRAW_ORG Part UPDATE 2004-03\n{CUBE}",
    "9": f"0 Hat  Large\n0 !LDRAW_ORG Part UPDATE 2004-03\n0 !CATEGORY Minifig Accessory\n{CUBE}",
    "20": "0 ~Moved to 20b\n0 !LDRAW_ORG Part UPDATE 2004-03\n",
    "20b": f"0 Plate\n0 !LDRAW_ORG Part UPDATE 2004-03\n{CUBE}",
    "30": "0 ~Moved to 9\n",
    "40": "0 ~Hidden Half\n",
    "41": "0 =Other Name\n",
    "42": "0 Other Name\n0 !LDRAW_ORG Part Alias UPDATE 2004-03\n",
    "43": "0 Two Parts\n0 !LDRAW_ORG Shortcut UPDATE 2004-03\n",
    # Its body is damaged, which listing must not see.
    "50": "0 Broken\n0 !LDRAW_ORG Part UPDATE 2004-03\n3 16 0 0\n",
}


def ball() -> Manifold:
    return Manifold.sphere(3.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts" / "s").mkdir(parents=True)
    (tmp_path / "p").mkdir()
    for name, text in FILES.items():
        (tmp_path / "parts" / f"{name}.dat").write_text(text)
    return tmp_path


def catalogue(folder: Path, *, prefer_ldraw: bool = False) -> Catalogue:
    built_in = (Part("10", "Ball", "Ball", ball, ("10x",)), Part("20", "Ball", "Ball", ball))
    return Catalogue(built_in, LDrawLibrary(folder), prefer_ldraw=prefer_ldraw)


def test_built_in_parts_come_first_and_then_the_librarys_own(folder: Path) -> None:
    listed = [(part.part_id, part.name, part.category, part.source) for part in catalogue(folder)]
    assert listed == [
        ("10", "Ball", "Ball", "built-in"),
        ("20", "Ball", "Ball", "built-in"),
        ("9", "Hat Large", "Minifig Accessory", "ldraw"),
        ("43", "Two Parts", "Two", "ldraw"),
        ("50", "Broken", "Broken", "ldraw"),
    ]
    assert len(catalogue(folder)) == 5


def test_numbers_are_found_under_aliases_and_moved_numbers(folder: Path) -> None:
    found = catalogue(folder)
    assert [found[number].part_id for number in ("10", "10x", "20", "20b", "9", "30")] == [
        "10", "10", "20", "20", "9", "9",
    ]  # fmt: skip
    np.testing.assert_allclose(found.mesh("30").size_mm, 8, atol=1e-5)
    assert found.mesh("30") is found.mesh("9")
    np.testing.assert_allclose(found.mesh("20b").size_mm, 6, atol=0.2)


def test_the_library_may_be_preferred_and_numbers_stay(folder: Path) -> None:
    found = catalogue(folder, prefer_ldraw=True)
    for number in ("10", "10x", "20", "20b"):
        assert (found[number].name, found[number].source) == ("Ball", "ldraw")
        np.testing.assert_allclose(found.mesh(number).size_mm, 8, atol=1e-5)
    assert [part.part_id for part in found] == ["10", "20", "9", "43", "50"]


def test_a_damaged_part_is_an_error_when_its_mesh_is_wanted(folder: Path) -> None:
    found = catalogue(folder)
    assert found["50"].name == "Broken"
    with pytest.raises(LDrawError, match=r"50\.dat, line 3: after its type"):
        found.mesh("50")


def test_unknown_numbers_offer_the_nearest(folder: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        catalogue(folder)["20bb"]
    assert str(caught.value) == (
        f"Unknown part '20bb' (did you mean '20b'?): it is neither built in nor in the LDraw library {folder}."
    )
    with pytest.raises(SettingsError) as caught:
        Catalogue([Part("10", "Ball", "Ball", ball)])["101"]
    assert str(caught.value) == (
        "Unknown part '101' (did you mean '10'?); `brickbench parts list` shows the catalogue."
    )


def test_numbers_must_differ() -> None:
    with pytest.raises(ValueError, match="part 1 is in the catalogue twice"):
        Catalogue([Part("1", "Ball", "Ball", ball), Part("1", "Ball", "Ball", ball)])
    with pytest.raises(ValueError, match="alias 1 of part 2 is in the catalogue twice"):
        Catalogue([Part("1", "Ball", "Ball", ball), Part("2", "Ball", "Ball", ball, ("1",))])


def test_a_catalogue_is_loaded_once_and_a_wrong_folder_is_a_wrong_setting(folder: Path, tmp_path: Path) -> None:
    assert load_catalogue() is load_catalogue(None)
    assert load_catalogue(folder) is load_catalogue(folder / "parts" / "..")
    assert load_catalogue(folder)["3001"].source == "built-in"
    assert load_catalogue(folder)["9"].source == "ldraw"
    with pytest.raises(SettingsError, match="is no LDraw library"):
        load_catalogue(tmp_path / "parts")


def opened(mesh: PartMesh, keep: np.ndarray) -> PartMesh:
    return PartMesh(mesh.vertices_mm, mesh.faces[keep], mesh.corner_normals[keep])


def test_volume_and_centroid_of_a_closed_part_are_exact_wherever_it_stands() -> None:
    solid = (Manifold.cube((4, 2, 2)) + Manifold.cube((1, 1, 5))).translate((100, -50, 30))
    mesh = mesh_from_solid(solid)
    # 16 mm3 around (2, 1, 1) and 3 mm3 around (0.5, 0.5, 3.5).
    assert mesh.volume_mm3 == pytest.approx(19, rel=1e-4)
    wanted = (16 * np.array([2, 1, 1]) + 3 * np.array([0.5, 0.5, 3.5])) / 19 + [100, -50, 30]
    np.testing.assert_allclose(mesh.centroid_mm, wanted, atol=1e-3)


def test_a_stud_that_merely_stands_on_a_plate_is_counted() -> None:
    # As LDraw builds: the plate is closed, the stud above is open below.
    plate = mesh_from_solid(Manifold.cube((8, 8, 3.2)))
    stud = mesh_from_solid(Manifold.cylinder(1.6, 2.4, circular_segments=32).translate((4, 4, 3.2)))
    height = stud.vertices_mm[stud.faces][:, :, 2]
    stud = opened(stud, ~(height < 3.3).all(axis=1))
    vertices = np.concatenate([plate.vertices_mm, stud.vertices_mm])
    faces = np.concatenate([plate.faces, stud.faces + len(plate.vertices_mm)])
    volume, centroid = volume_and_centroid(vertices, faces)
    circle = 32 / 2 * np.sin(2 * np.pi / 32) * 2.4**2
    assert volume == pytest.approx(8 * 8 * 3.2 + circle * 1.6, rel=0.01)
    mean_z = (204.8 * 1.6 + circle * 1.6 * 4.0) / (204.8 + circle * 1.6)
    np.testing.assert_allclose(centroid, [4, 4, mean_z], atol=0.03)


def test_where_nothing_is_enclosed_the_convex_hull_stands_in() -> None:
    box = mesh_from_solid(Manifold.cube((2, 4, 6)))
    # Only the side walls: no column crosses any face.
    normals = np.cross(*(box.vertices_mm[box.faces][:, k] - box.vertices_mm[box.faces][:, 0] for k in (1, 2)))
    walls = opened(box, np.abs(normals[:, 2]) < 1e-6)
    assert walls.volume_mm3 == pytest.approx(48)
    np.testing.assert_allclose(walls.centroid_mm, [1, 2, 3], atol=1e-5)
    inside_out = PartMesh(box.vertices_mm, box.faces[:, ::-1], box.corner_normals)
    assert inside_out.volume_mm3 == pytest.approx(48)


def test_a_flat_part_still_weighs_something() -> None:
    square = PartMesh(
        np.array([[0, 0, 0], [8, 0, 0], [8, 8, 0], [0, 8, 0]], dtype=np.float32),
        np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32),
        np.tile(np.array([0, 0, 1], dtype=np.float32), (2, 3, 1)),
    )
    assert square.volume_mm3 == pytest.approx(6.4)
    np.testing.assert_allclose(square.centroid_mm, [4, 4, 0], atol=1e-6)
