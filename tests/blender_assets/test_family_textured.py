from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue


@pytest.mark.parametrize("part_id", ["30136", "98283", "4216"])
def test_a_textured_brick_fits_a_brick_of_1_x_2(part_id: str, islands: Callable[[str, float], int]) -> None:
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, (15.8, 7.8, 11.3), atol=0.1)
    assert islands(part_id, 10.6) == 2


def test_a_log_brick_is_narrow_between_its_logs(solid: Callable[[str], Manifold]) -> None:
    # Quarter circles: half the width is 2.8 mm between two logs, 2.8 sqrt(2) mm in the middle of one; 0.1 mm of play.
    level = solid("30136").slice(9.0)
    middle = level ^ type(level).square((0.02, 20), center=True)
    low, high = middle.bounds()[1], middle.bounds()[3]
    assert (low, high) == pytest.approx((-2.7, 2.7), abs=0.05)
    assert level.bounds()[3] == pytest.approx(2.8 * 2**0.5 - 0.1, abs=0.05)


def test_masonry_is_set_back_in_its_joints(solid: Callable[[str], Manifold]) -> None:
    part = solid("98283")
    joint, stone = (part.slice(z).bounds() for z in (4.8, 7.2))
    assert stone[3] - joint[3] == pytest.approx(0.8, abs=1e-3)


def test_the_groove_is_open_in_front_only(solid: Callable[[str], Manifold]) -> None:
    level = solid("4216").slice(9.0)
    in_groove = level.translate((0, 3.9)) ^ type(level).square((3.0, 3.8), center=True)
    assert in_groove.area() == pytest.approx(0, abs=1e-6)
    assert level.area() == pytest.approx(15.8 * 7.8 - 3.2 * 2.0 - 2 * 5.25, rel=0.01)  # less two stud holes
