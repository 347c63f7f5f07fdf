import numpy as np
import pytest

from blender_assets.catalogue import load_catalogue
from blender_assets.dimensions import STUD_HEIGHT_MM
from blender_assets.mesh import PartMesh

# One part in five, and all of them in the slow tests.
EVERY = pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])

# Measured sizes of the real parts, stud included: length, width, height in millimetres.
REAL_SIZES_MM = {
    "3001": (31.8, 15.8, 9.6 + 1.7),
    "3003": (15.8, 15.8, 9.6 + 1.7),
    "3005": (7.8, 7.8, 9.6 + 1.7),
    "3020": (31.8, 15.8, 3.2 + 1.7),
    "3795": (47.8, 15.8, 3.2 + 1.7),
    "2431": (31.8, 7.8, 3.2),
    "3039": (15.8, 15.8, 9.6 + 1.7),
    "54200": (7.8, 7.8, 6.24),
    "3941": (15.8, 15.8, 9.6 + 1.7),
    "4589": (7.8, 7.8, 9.6 + 1.7),
}


def test_there_are_several_families_and_at_least_a_dozen_parts() -> None:
    assert len(load_catalogue()) >= 85
    assert {part.category for part in load_catalogue()} >= {"Brick", "Plate", "Tile", "Slope", "Brick, round"}


@EVERY
def test_parts_are_closed_surfaces_that_look_outwards(every: int) -> None:
    for part in list(load_catalogue())[::every]:
        solid = part.build()
        assert solid.status().name == "NoError", part.part_id
        assert len(solid.decompose()) == 1, part.part_id
        mesh = load_catalogue().mesh(part.part_id)
        edges = np.sort(mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all(), part.part_id
        assert mesh.volume_mm3 == pytest.approx(solid.volume(), rel=1e-3), part.part_id
        assert mesh.volume_mm3 > 50, part.part_id


@EVERY
def test_parts_stand_on_the_floor_and_are_hollow_below(every: int) -> None:
    for part in list(load_catalogue())[::every]:
        mesh = load_catalogue().mesh(part.part_id)
        low, high = mesh.bounds_mm
        assert low[2] == pytest.approx(0, abs=1e-4), part.part_id
        np.testing.assert_allclose((low + high)[:2], 0, atol=0.05, err_msg=part.part_id)
        length, width, _ = mesh.size_mm
        # A solid block of this footprint and body would weigh much more.
        studless = part.category.startswith(("Tile", "Technic", "Bar", "Glass", "Wheel", "Tyre")) or "2/3" in part.name
        body_height = high[2] - (0 if studless else STUD_HEIGHT_MM)
        assert mesh.volume_mm3 < 0.95 * length * width * body_height, part.part_id


@pytest.mark.parametrize(("part_id", "size_mm"), REAL_SIZES_MM.items())
def test_sizes_are_those_of_the_real_part(part_id: str, size_mm: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, size_mm, atol=0.05)


def test_a_brick_weighs_what_a_real_one_weighs() -> None:
    # A 2 x 4 brick weighs 2.32 g; ABS has 1.05 g/cm3.
    assert load_catalogue().mesh("3001").volume_mm3 * 1.05e-3 == pytest.approx(2.32, rel=0.06)


@pytest.mark.parametrize("part_id", ["3001", "3022", "3039", "3941", "54200"])
def test_shading_normals_are_unit_and_keep_large_faces_flat(part_id: str) -> None:
    mesh = load_catalogue().mesh(part_id)
    np.testing.assert_allclose(np.linalg.norm(mesh.corner_normals, axis=2), 1, atol=1e-3)
    triangles = mesh.vertices_mm[mesh.faces].astype(float)
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    area = np.linalg.norm(cross, axis=1) / 2
    bottom_or_side = (area > 20)[:, None, None] * mesh.corner_normals
    flat = (cross / np.maximum(2 * area, 1e-12)[:, None])[:, None] * (area > 20)[:, None, None]
    assert np.abs(bottom_or_side - flat).max() < 0.08


def test_a_unit_cube_has_known_volume_centroid_and_normals() -> None:
    from manifold3d import Manifold

    from blender_assets.mesh import mesh_from_solid

    cube = mesh_from_solid(Manifold.cube((2.0, 2.0, 2.0)))
    assert cube.volume_mm3 == pytest.approx(8)
    np.testing.assert_allclose(cube.centroid_mm, 1)
    assert isinstance(cube, PartMesh)
    # Corners of 90 degrees are sharp: every corner normal is its face's own.
    assert set(np.unique(np.abs(cube.corner_normals).round(5))) == {0.0, 1.0}
