"""Every part of a real library; skipped where there is none beside the project."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from blender_assets.ldraw import lines
from blender_assets.ldraw.library import LDrawLibrary
from blender_assets.mesh import PartMesh
from blender_assets.rays import RayCaster

LDRAW = Path(__file__).parents[2].parent / "shared" / "ldraw"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not LDRAW.is_dir(), reason="there is no LDraw library in ../shared/ldraw"),
]

PART_IDS = list(LDrawLibrary(LDRAW).part_ids()) if LDRAW.is_dir() else []

# A size in a title: studs, and a height in bricks for the third number.
SYSTEM = re.compile(
    r"^(?P<kind>Brick|Plate|Tile|Slope Brick \d+|Slope Brick Curved|Arch|Panel|Window|Technic Brick|Cone)"
    r" (?P<one>\d+) x (?P<two>\d+)(?: x (?P<three>[\d./]+))?"
)
LENGTH = re.compile(r"^(?:Technic Axle|Technic Beam|Bar) (?P<studs>\d+)")

# Something stands out at a side, or below the plate, that the title's numbers leave out.
PROTRUDING = re.compile(
    r"Studs? [Oo]n (Side|(One|1) Side|Two Opposite)|Handle|Clip|Vertical Bar|Rail|Peghole|with Plate"
)


@pytest.fixture(scope="module")
def library() -> LDrawLibrary:
    return LDrawLibrary(LDRAW)


@pytest.fixture(scope="module")
def meshes(library: LDrawLibrary) -> dict[str, PartMesh]:
    return {part_id: library.mesh(part_id) for part_id in PART_IDS}


def test_every_part_loads_with_a_sound_surface(meshes: dict[str, PartMesh]) -> None:
    assert len(meshes) >= 190
    for part_id, mesh in meshes.items():
        assert np.isfinite(mesh.vertices_mm).all(), part_id
        np.testing.assert_allclose(np.linalg.norm(mesh.corner_normals, axis=2), 1, atol=1e-3, err_msg=part_id)
        low, high = mesh.bounds_mm
        np.testing.assert_allclose([*(low + high)[:2], low[2]], 0, atol=1e-4, err_msg=part_id)
        used = np.unique(mesh.faces)
        assert len(used) == len(mesh.vertices_mm), part_id
        assert len(np.unique(np.sort(mesh.faces, axis=1), axis=0)) > 0.98 * len(mesh.faces), part_id


def test_most_edges_have_a_face_on_either_side(meshes: dict[str, PartMesh]) -> None:
    shares = []
    for mesh in meshes.values():
        edges = np.sort(mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        shares.append(float((np.unique(edges, axis=0, return_counts=True)[1] == 2).mean()))
    # Studs and tubes stand on faces without being joined to them, so few parts are closed.
    assert min(shares) > 0.55
    assert np.mean(shares) > 0.87


def test_faces_look_outwards(meshes: dict[str, PartMesh]) -> None:
    rng = np.random.default_rng(0)
    for part_id, mesh in meshes.items():
        corners = mesh.vertices_mm[mesh.faces].astype(np.float64)
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        low, high = mesh.bounds_mm
        directions = rng.normal(size=(1000, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        targets = low + rng.random((1000, 3)) * (high - low)
        origins = targets - directions * np.linalg.norm(high - low) * 1.5
        caster = RayCaster(mesh.vertices_mm, mesh.faces)
        # Whoever comes from outside meets a front first …
        face, distance, _ = caster.first_hits(origins, directions)
        met = face >= 0
        fronts = (normals[face[met]] * directions[met]).sum(axis=1) < 0
        assert fronts.mean() > 0.995, part_id  # a ray may slip through a T-junction
        # … and whoever goes on from there, in any direction off the surface, meets a front again.
        points = origins[met] + directions[met] * (distance[met, None] - 2e-3)
        onward = rng.normal(size=points.shape)
        onward /= np.linalg.norm(onward, axis=1, keepdims=True)
        onward *= np.sign((onward * normals[face[met]]).sum(axis=1))[:, None]
        second, _, _ = caster.first_hits(points[fronts], onward[fronts])
        again = second >= 0
        if again.sum() > 30:
            back_to_front = (normals[second[again]] * onward[fronts][again]).sum(axis=1) < 0
            assert back_to_front.mean() > 0.98, part_id


def test_the_plastic_has_a_volume_between_nothing_and_the_box(meshes: dict[str, PartMesh]) -> None:
    for part_id, mesh in meshes.items():
        low, high = mesh.bounds_mm
        assert 0.03 < mesh.volume_mm3 / np.prod(mesh.size_mm) <= 1, part_id
        assert ((mesh.centroid_mm > low) & (mesh.centroid_mm < high)).all(), part_id


def test_a_brick_of_a_library_weighs_nearly_what_a_real_one_weighs(meshes: dict[str, PartMesh]) -> None:
    # 2.32 g of ABS at 1.05 g/cm3; LDraw's walls are a little thicker than moulded ones.
    assert meshes["3001"].volume_mm3 * 1.05e-3 == pytest.approx(2.32, rel=0.15)


def _height_mm(kind: str, three: str | None) -> float:
    if three is not None:
        top, _, bottom = three.partition("/")
        return 9.6 * float(top) / float(bottom or 1)
    return 3.2 if kind in ("Plate", "Tile") else 9.6


def test_sizes_are_those_of_the_titles(library: LDrawLibrary, meshes: dict[str, PartMesh]) -> None:
    checked = 0
    for part_id, mesh in meshes.items():
        name = library.header(library.resolve(part_id)).name
        length, width, height = (float(side) for side in mesh.size_mm)
        bar = LENGTH.match(name)
        if bar is not None:
            # A beam ends 0.4 mm before the edge of its last stud, at either end.
            wanted = 8.0 * int(bar["studs"]) - (0.8 if "Beam" in name else 0.0)
            assert max(length, width, height) == pytest.approx(max(wanted, 8.0), abs=0.01), (part_id, name)
            checked += 1
        match = SYSTEM.match(name)
        if match is None or PROTRUDING.search(name):
            continue
        footprint = sorted((8.0 * int(match["one"]), 8.0 * int(match["two"])))
        assert sorted((length, width)) == pytest.approx(footprint, abs=0.1), (part_id, name)
        if match["kind"] != "Slope Brick Curved" or match["three"]:
            body = _height_mm(match["kind"], match["three"])
            # With studs on top or without.
            assert min(abs(height - body), abs(height - body - 1.6)) < 0.25, (part_id, name, height)
        checked += 1
    assert checked > 100


@pytest.mark.parametrize("part_id", ["3001", "3039", "3062b", "2780", "3648b", "4070", "60474", "85970"])
def test_winding_is_recovered_where_no_file_vouches_for_it(
    part_id: str, meshes: dict[str, PartMesh], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without its BFC statements a quarter of the library's surface looks inwards as it stands.
    monkeypatch.setattr(lines._Winding, "apply", lambda self, words: None)
    loose, certified = LDrawLibrary(LDRAW).mesh(part_id), meshes[part_id]
    centres, normals = zip(*(_centres_and_normals(mesh) for mesh in (loose, certified)), strict=True)
    size = np.abs(normals[0]), np.abs(normals[1])
    gap, nearest = cKDTree(np.hstack([centres[1], size[1]])).query(np.hstack([centres[0], size[0]]))
    same = gap < 0.02
    assert same.mean() > 0.9
    agree = (normals[0] * normals[1][nearest]).sum(axis=1) > 0
    area = np.linalg.norm(normals[0], axis=1)
    assert area[same & agree].sum() > 0.99 * area[same].sum()


def _centres_and_normals(mesh: PartMesh) -> tuple[np.ndarray, np.ndarray]:
    corners = mesh.vertices_mm[mesh.faces].astype(np.float64)
    return corners.mean(axis=1), np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
