"""Symmetries of parts, held against what anybody sees of them, and of shapes whose groups are known."""

import numpy as np
import pytest
from manifold3d import Manifold
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from blender_assets.catalogue import load_catalogue
from blender_assets.mesh import PartMesh, mesh_from_solid
from blender_assets.symmetry import diameter_mm, find_symmetries


def turns_deg(rotations: NDArray[np.float64]) -> list[int]:
    """Return by how much each rotation turns, sorted."""
    return sorted(np.rint(np.degrees(Rotation.from_matrix(rotations).magnitude())).astype(int).tolist())


@pytest.mark.parametrize(
    ("part_id", "turns", "axes"),
    [
        ("3001", [180], ()),  # a brick of 2 x 4
        ("3003", [90, 90, 180], ()),
        ("3040", [], ()),  # a slope
        ("3062b", [], (2,)),  # a round brick of 1 x 1
        ("3941", [90, 90, 180], ()),  # a round brick with four studs
        ("32062", [90, 90, 180, 180, 180, 180, 180], ()),  # an axle: its cross, and end over end
    ],
)
def test_parts_have_the_symmetries_that_one_sees(part_id: str, turns: list[int], axes: tuple[int, ...]) -> None:
    found = find_symmetries(load_catalogue().mesh(part_id))
    assert (turns_deg(found.rotations), found.axes) == (turns, axes)


@pytest.mark.parametrize(
    ("solid", "rotations", "axes"),
    [
        (Manifold.cube((10, 10, 10), True), 23, ()),
        (Manifold.cube((10, 20, 30), True), 3, ()),
        (Manifold.cylinder(20, 5, 5, 128, True), 1, (2,)),  # end over end: one stands for all
        (Manifold.cylinder(20, 5, 3, 128, True), 0, (2,)),
        (Manifold.cylinder(4, 8, 8, 6, True), 11, ()),  # a hexagonal prism
        (Manifold.sphere(8, 256), 0, (0, 1, 2)),
    ],
)
def test_shapes_have_their_groups(solid: Manifold, rotations: int, axes: tuple[int, ...]) -> None:
    found = find_symmetries(mesh_from_solid(solid))
    assert (len(found.rotations), found.axes) == (rotations, axes)


def test_a_symmetry_maps_the_surface_on_itself_wherever_the_part_lies() -> None:
    mesh = mesh_from_solid(Manifold.cube((8, 16, 24)).translate((3, -40, 7)))
    for rotation in find_symmetries(mesh).rotations:
        centred = mesh.vertices_mm - (mesh.bounds_mm[0] + mesh.bounds_mm[1]) / 2
        turned = {tuple(np.round(vertex, 3) + 0.0) for vertex in centred @ rotation.T}
        assert turned == {tuple(np.round(vertex, 3) + 0.0) for vertex in centred.astype(np.float64)}


def test_the_diameter_is_the_largest_distance_of_two_vertices() -> None:
    mesh: PartMesh = load_catalogue().mesh("3024")
    assert diameter_mm(mesh) == pytest.approx(pdist(mesh.vertices_mm.astype(np.float64)).max())
