from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue


@pytest.mark.parametrize(("part_id", "length_mm"), {"4865": 15.8, "6231": 7.8}.items())
def test_a_panel_is_as_high_as_a_brick(part_id: str, length_mm: float) -> None:
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, (length_mm, 7.8, 9.6), atol=1e-3)


def test_the_tall_panel_has_hollow_studs_on_a_thin_top(solid: Callable[[str], Manifold]) -> None:
    part = solid("87552")
    np.testing.assert_allclose(load_catalogue().mesh("87552").size_mm, (15.8, 7.8, 19.2 + 1.7), atol=1e-3)
    assert [piece.num_contour() for piece in part.slice(20.0).decompose()] == [2, 2]
    # The wall over the whole length, and a post as deep as it is thick on either side.
    assert part.slice(10.0).area() == pytest.approx(15.8 * 1.6 + 2 * 1.6**2, rel=0.08)


def test_walls_are_about_half_a_plate_thick(solid: Callable[[str], Manifold]) -> None:
    assert solid("4865").slice(6.0).area() == pytest.approx(15.8 * 1.6, rel=0.08)
    assert solid("6231").slice(6.0).area() == pytest.approx(7.8 * 1.6 + (7.8 - 1.6) * 1.6, rel=0.08)


def test_the_corner_is_at_the_back_on_the_left(solid: Callable[[str], Manifold]) -> None:
    level = solid("6231").slice(6.0)
    square = type(level).square((2, 2), center=True)
    assert (level ^ square.translate((3, -3))).area() == pytest.approx(0, abs=1e-6)
    for at in ((-3, -3), (-3, 3), (3, 3)):
        assert (level ^ square.translate(at)).area() > 1
