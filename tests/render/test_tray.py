"""Trays: what physics knows agrees with what is seen; bricks come to rest inside."""

import numpy as np
import pytest
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from render.settings import RenderSettings
from render.shots import settled_pile
from render.tray import FILLET_MM, KINDS, Tray, pattern_places, sample_tray, tray_mesh
from render.worker import start_blender


def tray_of(kind: str, seed: int) -> Tray:
    rng = np.random.default_rng(seed)
    while (tray := sample_tray([14.0] * 12, 1.0, rng)).kind != kind:
        pass
    return tray


def heights_seen_from_above(tray: Tray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    mesh = tray_mesh(tray)
    scene = EmbreeScene()
    kept = TriangleMesh(scene, mesh.vertices_mm, mesh.faces)
    origins = np.column_stack([x, y, np.full(len(x), 500.0)]).astype(np.float32)
    down = np.tile(np.array([0, 0, -1], np.float32), (len(x), 1))
    distance = scene.run(origins, down, query="INTERSECT", output=True)["tfar"]
    del kept
    return np.where(distance < 1e4, 500 - distance, np.nan)


def heights_of_boxes(tray: Tray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    height = np.full(len(x), np.nan)
    for (cx, cy, cz), (a, b, c) in tray.walls():
        inside = (np.abs(x - cx) <= a) & (np.abs(y - cy) <= b)
        height[inside] = np.fmax(height[inside], cz + c)
    return height


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_the_boxes_of_physics_enclose_the_inside_that_is_seen(kind: str, seed: int) -> None:
    tray = tray_of(kind, seed)
    rng = np.random.default_rng(seed)
    x = rng.uniform(-tray.length_mm / 2, tray.length_mm / 2, 4000)
    y = rng.uniform(-tray.width_mm / 2, tray.width_mm / 2, 4000)
    seen, known = heights_seen_from_above(tray, x, y), heights_of_boxes(tray, x, y)
    assert not np.isnan(seen).any()
    to_wall = np.minimum(tray.length_mm / 2 - np.abs(x), tray.width_mm / 2 - np.abs(y))
    free = to_wall > FILLET_MM
    beside_corners = free & (
        (tray.length_mm / 2 - np.abs(x) > tray.corner_mm) | (tray.width_mm / 2 - np.abs(y) > tray.corner_mm)
    )
    np.testing.assert_allclose(seen[beside_corners], tray.wall_mm, atol=1e-3)
    np.testing.assert_allclose(known[beside_corners], tray.wall_mm, atol=1e-3)
    # In rounded corners the steps are off by half a step, either way alike.
    assert np.mean((seen > tray.wall_mm + FILLET_MM) != (known > tray.wall_mm + FILLET_MM)) < 0.005


@pytest.mark.parametrize("kind", KINDS)
def test_walls_are_as_high_and_as_thick_as_the_mesh(kind: str) -> None:
    tray = tray_of(kind, 9)
    at = np.array([tray.length_mm / 2 + tray.wall_mm / 2]), np.array([0.0])
    np.testing.assert_allclose(heights_seen_from_above(tray, *at), heights_of_boxes(tray, *at), atol=0.6)
    assert tray_mesh(tray).vertices_mm[:, 2].min() == pytest.approx(0, abs=1e-3)
    size = tray_mesh(tray).size_mm
    assert size[0] >= tray.length_mm + 2 * tray.wall_mm - 1e-3
    assert size[1] >= tray.width_mm + 2 * tray.wall_mm - 1e-3


@pytest.mark.parametrize("seed", range(20))
def test_a_tray_fits_what_falls_into_it(seed: int) -> None:
    radii = [40.0, 10.0, 6.0]
    tray = sample_tray(radii, 1.0, np.random.default_rng(seed))
    assert tray == sample_tray(radii, 1.0, np.random.default_rng(seed))
    area = tray.area(max(radii))
    assert area.half_length_mm + max(radii) <= tray.length_mm / 2
    assert area.half_width_mm + max(radii) <= tray.width_mm / 2
    assert area.drop_mm > tray.wall_mm
    assert tray.height_mm - tray.wall_mm <= 0.34 * tray.width_mm or tray.height_mm - tray.wall_mm <= 25
    assert all(0 <= channel <= 0.9 for channel in tray.surface.base_rgb)


@pytest.mark.parametrize("index", range(3))
def test_bricks_come_to_rest_inside(index: int) -> None:
    start_blender(1)
    settled = settled_pile(RenderSettings(arrangements={"tray": 1}, bricks_min=8, bricks_max=12), 1, index)
    tray = settled.pile.tray
    assert tray is not None
    for thing in settled.things():
        vertices = settled.vertices_mm(thing)
        assert vertices[:, 2].min() > tray.wall_mm - 0.3
        pose = settled.world_from_thing[thing]
        middle = pose[:, :3] @ settled.pile.mesh(thing).centroid_mm + pose[:, 3]
        assert (np.abs(middle[:2]) < (tray.length_mm / 2, tray.width_mm / 2)).all()


def test_a_pattern_goes_up_the_walls_without_a_break() -> None:
    mesh = tray_mesh(tray_of("wooden", 2))
    corners = mesh.vertices_mm[mesh.faces].reshape(-1, 3).astype(float)
    places = pattern_places(mesh).reshape(-1, 3, 2)
    sides = corners.reshape(-1, 3, 3)
    normals = np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    flat, along_x, along_y = (np.abs(normals[:, axis]) > 0.999 for axis in (2, 0, 1))
    for faces in (flat, along_x, along_y):  # nothing is stretched: lengths on the pattern are those in space
        assert faces.any()
        for a, b in ((0, 1), (1, 2), (2, 0)):
            here = np.linalg.norm(places[faces, a] - places[faces, b], axis=1)
            np.testing.assert_allclose(here, np.linalg.norm(sides[faces, a] - sides[faces, b], axis=1), atol=0.05)
