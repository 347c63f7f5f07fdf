from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue

SHAPES = {
    "63864": (3, 1),
    "6636": (6, 1),
    "4162": (8, 1),
    "26603": (3, 2),
    "87079": (4, 2),
    "2412b": (2, 1),
    "99563": (2, 1),
}


@pytest.mark.parametrize(("part_id", "shape"), SHAPES.items())
def test_a_tile_is_a_flat_plate(part_id: str, shape: tuple[int, int]) -> None:
    columns, rows = shape
    size = load_catalogue().mesh(part_id).size_mm
    np.testing.assert_allclose(size, (8 * columns - 0.2, 8 * rows - 0.2, 3.2), atol=1e-3)


def test_the_foot_of_a_tile_is_grooved(solid: Callable[[str], Manifold]) -> None:
    part = solid("63864")
    foot, body = (part.slice(z).bounds() for z in (0.2, 1.6))
    np.testing.assert_allclose(np.subtract(foot, body), (0.4, 0.4, -0.4, -0.4), atol=1e-3)


def test_light_falls_through_the_slots_of_a_grille(
    islands: Callable[[str, float], int], solid: Callable[[str], Manifold]
) -> None:
    assert islands("2412b", 3.0) == 3
    projected = solid("2412b").project()
    # Two slots of 1.55 mm, as long as the hollow between the end walls.
    assert 15.8 * 7.8 - projected.area() == pytest.approx(2 * 12.8 * 1.55, rel=0.05)


@pytest.mark.parametrize(("part_id", "size_mm"), {"15573": (15.8, 7.8, 4.9), "87580": (15.8, 15.8, 4.9)}.items())
def test_a_jumper_has_one_hollow_stud_in_its_middle(
    part_id: str, size_mm: tuple[float, float, float], solid: Callable[[str], Manifold]
) -> None:
    mesh = load_catalogue().mesh(part_id)
    np.testing.assert_allclose(mesh.size_mm, size_mm, atol=1e-3)
    ring = solid(part_id).slice(4.0)
    # A ring of 24 corners, radii 2.4 and 1.6: area 12 sin(15 degrees) (2.4^2 - 1.6^2).
    assert ring.area() == pytest.approx(12 * np.sin(np.pi / 12) * (2.4**2 - 1.6**2), rel=1e-3)
    assert ring.bounds() == pytest.approx((-2.4, -2.4, 2.4, 2.4), abs=1e-3)
    assert load_catalogue()["3794"].part_id == "15573"


def test_the_ingot_narrows_by_a_millimetre_and_is_dented(solid: Callable[[str], Manifold]) -> None:
    top = solid("99563").slice(3.15)
    assert top.bounds()[2:] == pytest.approx((6.9, 2.9), abs=0.05)
    assert top.num_contour() == 3


@pytest.mark.parametrize("number", ["3068", "3069", "3070"])
def test_tiles_of_old_moulds_have_the_number_of_the_grooved_one(number: str) -> None:
    assert load_catalogue()[number].part_id == load_catalogue()[f"{number}a"].part_id == f"{number}b"
