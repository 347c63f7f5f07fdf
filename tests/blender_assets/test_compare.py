from pathlib import Path

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue
from blender_assets.compare import compare
from blender_assets.ldraw.library import LDrawLibrary
from blender_assets.mesh import PartMesh, mesh_from_solid

LDRAW = Path(__file__).parents[2].parent / "shared" / "ldraw"


def block(*size: float, at: tuple[float, float, float] = (0, 0, 0)) -> Manifold:
    return Manifold.cube(size, True).translate(at)


def mesh(*solids: Manifold) -> PartMesh:
    return mesh_from_solid(sum(solids[1:], solids[0]))


def test_a_part_agrees_with_itself_wherever_it_stands() -> None:
    one = mesh(block(16, 8, 10), block(4, 4, 2, at=(4, 0, 6)))
    other = PartMesh(one.vertices_mm + np.float32(7), one.faces, one.corner_normals)
    found = compare(one, other)
    np.testing.assert_allclose(found.size_difference_mm, 0, atol=1e-5)
    np.testing.assert_allclose(found.silhouette_iou, 1, atol=2e-3)
    assert (found.quarter_turns, found.ok) == (0, True)


def test_a_known_difference_in_outline() -> None:
    # An L against its box: seen along y a quarter of the outline is missing.
    corner = mesh(block(20, 20, 20) - block(10, 40, 10, at=(5, 0, 5)))
    found = compare(corner, mesh(block(20, 20, 20)))
    np.testing.assert_allclose(found.silhouette_iou, [1, 0.75, 1], atol=3e-3)
    assert not found.ok


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_quarter_turn_is_found(turns: int) -> None:
    part = block(16, 8, 10) + block(4, 4, 4, at=(6, 2, 7)) + block(2, 2, 3, at=(-7, 3, 6))
    found = compare(mesh_from_solid(part.rotate((0, 0, 90 * turns))), mesh_from_solid(part))
    assert (found.quarter_turns, found.ok) == (turns, True)


def test_play_is_allowed_and_more_is_not() -> None:
    nominal = mesh(block(32, 16, 11))
    assert compare(mesh(block(31.8, 15.8, 11.1)), nominal).ok
    too_short = compare(mesh(block(31.7, 15.8, 11)), nominal)
    np.testing.assert_allclose(too_short.size_difference_mm, [-0.3, -0.2, 0], atol=1e-5)
    assert not too_short.ok


@pytest.mark.slow
@pytest.mark.skipif(not LDRAW.is_dir(), reason="there is no LDraw library in ../shared/ldraw")
def test_built_in_parts_have_the_sizes_and_outlines_of_ldraws() -> None:
    library, compared = LDrawLibrary(LDRAW), 0
    for part in load_catalogue():
        number = library.first_known((part.part_id, *part.aliases))
        if number is not None:
            found = compare(load_catalogue().mesh(part.part_id), library.mesh(number))
            assert np.abs(found.size_difference_mm).max() <= 0.2 + 1e-3, (part.part_id, found)
            assert found.silhouette_iou.min() >= 0.97, (part.part_id, found)
            compared += 1
    assert compared > 100
