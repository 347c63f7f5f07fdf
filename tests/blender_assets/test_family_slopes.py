from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue

# Width (x) and depth (y) in studs, studs on the top.
SHAPES = {
    "3040b": (1, 2, 1),
    "3039": (2, 2, 2),
    "3037": (4, 2, 4),
    "3045": (2, 2, 1),
    "4286": (1, 3, 1),
    "3298": (2, 3, 2),
    "60477": (1, 4, 1),
}


@pytest.mark.parametrize(("part_id", "shape"), SHAPES.items())
def test_size_and_studs_follow_from_the_name(
    part_id: str, shape: tuple[int, int, int], islands: Callable[[str, float], int]
) -> None:
    columns, rows, studs = shape
    size = load_catalogue().mesh(part_id).size_mm
    np.testing.assert_allclose(size, (8 * columns - 0.2, 8 * rows - 0.2, 11.3), atol=1e-3)
    assert islands(part_id, 10.6) == studs


@pytest.mark.parametrize(("part_id", "degrees"), {"3039": 45.0, "3298": 26.57, "60477": 18.43, "60481": 65.56}.items())
def test_the_front_falls_at_its_angle(part_id: str, degrees: float, solid: Callable[[str], Manifold]) -> None:
    # From the front's upright lip of 1.6 mm to the flat row: 8 mm up over 8, 16 and 24 mm; 17.6 mm over 8.
    fronts = [solid(part_id).slice(z).bounds()[1] for z in (4.0, 6.0)]
    assert np.degrees(np.arctan2(2.0, fronts[1] - fronts[0])) == pytest.approx(degrees, abs=1)


@pytest.mark.parametrize(("part_id", "pins"), {"3040b": 1, "4286": 2, "60477": 3, "3039": 1, "3298": 2}.items())
def test_pins_and_tubes_stand_in_a_row_below(part_id: str, pins: int, islands: Callable[[str, float], int]) -> None:
    assert islands(part_id, 0.5) == 1 + pins


def test_the_convex_corner_falls_to_two_sides(solid: Callable[[str], Manifold]) -> None:
    x0, y0, x1, y1 = solid("3045").slice(9.0).bounds()
    assert (x0, y1) == pytest.approx((-7.9, 7.9), abs=1e-3)
    assert (x1, y0) == pytest.approx((0.6, -0.6), abs=0.1)


@pytest.mark.parametrize(
    ("part_id", "size_mm"),
    {
        "54200": (7.8, 7.8, 6.24),
        "85984": (15.8, 7.8, 6.24),
        "61409": (7.8, 15.8, 6.2),
        "92946": (7.8, 15.8, 9.6),
    }.items(),
)
def test_sizes_of_slopes_that_are_no_bricks(part_id: str, size_mm: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, size_mm, atol=0.05)


def test_light_falls_through_the_four_slots(solid: Callable[[str], Manifold]) -> None:
    # 1.6 mm of each slot is open from above, over the width between the walls.
    open_area = 7.8 * 15.8 - solid("61409").project().area()
    assert open_area == pytest.approx(4 * 1.6 * 4.8, rel=0.05)


def test_half_of_the_slope_with_a_cutout_is_a_plate(solid: Callable[[str], Manifold]) -> None:
    assert solid("92946").slice(3.5).bounds()[3] == pytest.approx(4 + 2.4, abs=0.01)  # the stud
    assert solid("92946").slice(6.0).bounds()[3] == pytest.approx(0, abs=0.01)  # the wedge's back
