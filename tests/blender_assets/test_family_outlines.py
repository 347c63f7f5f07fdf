from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue

# Length, width, height of the body; studs; area of the body seen from above, in square studs.
SHAPES = {
    "2420": (2, 2, 3.2, 3, 3),
    "2357": (2, 2, 9.6, 3, 3),
    "2639": (4, 4, 3.2, 12, 12),
    "2450": (3, 3, 3.2, 6, 9 - 2 * 2 / 2),
    "30357": (3, 3, 3.2, 8, 9 - 4 + np.pi),
    "41769": (4, 2, 3.2, 4, 8 - 4 / 2),
    "41770": (4, 2, 3.2, 4, 8 - 4 / 2),
    "43722": (3, 2, 3.2, 3, 6 - 3 / 2),
    "43723": (3, 2, 3.2, 3, 6 - 3 / 2),
}


@pytest.mark.parametrize(("part_id", "shape"), SHAPES.items())
def test_size_studs_and_area_follow_from_the_footprint(
    part_id: str,
    shape: tuple[int, int, float, int, float],
    islands: Callable[[str, float], int],
    solid: Callable[[str], Manifold],
) -> None:
    length, width, height, studs, area = shape
    size = load_catalogue().mesh(part_id).size_mm
    np.testing.assert_allclose(size, (8 * length - 0.2, 8 * width - 0.2, height + 1.7), atol=0.1)
    assert islands(part_id, height + 1.0) == studs
    seen = solid(part_id).project().area()
    assert seen == pytest.approx(area * 64, rel=0.04)  # play takes 1 to 3 %


@pytest.mark.parametrize(("left", "right"), [("41770", "41769"), ("43723", "43722")])
def test_wings_come_in_mirrored_pairs(left: str, right: str, solid: Callable[[str], Manifold]) -> None:
    one, other = (solid(part_id) for part_id in (left, right))
    assert (one.mirror((0, 1, 0)) - other).volume() == pytest.approx(0, abs=0.1)
    assert (one - other).volume() > 100


def test_the_double_wing_is_a_plate_with_two_wings(islands: Callable[[str, float], int]) -> None:
    np.testing.assert_allclose(load_catalogue().mesh("51739").size_mm, (30.8, 15.8, 4.9), atol=0.1)
    assert islands("51739", 4.2) == 4


def test_an_oblique_wall_leaves_room_for_studs_below(solid: Callable[[str], Manifold]) -> None:
    part = solid("2450")
    notched, whole = part.slice(1.0), part.slice(3.0)
    stud = type(notched).circle(2.4, 24).translate((8.0, 0.0))
    assert (notched ^ stud).area() == pytest.approx(0, abs=1e-6)
    assert (whole ^ stud).area() > 5
