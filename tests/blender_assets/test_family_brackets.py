from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue

# Height with studs; studs on top, on the front.
SHAPES = {
    "99780": (8.0, 2, 2),
    "99781": (8.0 + 1.7, 2, 2),
    "99207": (16.0, 2, 4),
    "44728": (16.0 + 1.7, 2, 4),
}


@pytest.mark.parametrize(("part_id", "shape"), SHAPES.items())
def test_a_bracket_is_a_plate_with_a_panel(
    part_id: str, shape: tuple[float, int, int], solid: Callable[[str], Manifold]
) -> None:
    height, on_top, on_front = shape
    # Depth: half a brick behind, half a brick and its clearance, panel and stud in front.
    depth = 3.9 + 4.2 + 1.6 + 1.7
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, (15.8, depth, height), atol=0.06)
    part = solid(part_id)
    front = part.rotate((-90, 0, 0)).slice(depth / 2 - 0.5)
    assert len(front.decompose()) == on_front
    level = (3.2 if part_id in ("99780", "99207") else height - 1.7) + 0.9
    behind = part.slice(level) ^ type(front).square((20, 20), center=True).translate((0, 8.5))
    assert len(behind.decompose()) == on_top


@pytest.mark.parametrize(("part_id", "radius_mm"), {"99207": 0.8, "44728": 1.6}.items())
def test_the_free_corners_of_the_panel_are_round(
    part_id: str, radius_mm: float, solid: Callable[[str], Manifold]
) -> None:
    part = solid(part_id)
    end_z = 15.9 if part_id == "99207" else 0.1
    width = part.slice(end_z).bounds()[2] * 2
    # 0.1 mm from the end of a corner of radius r the half-width is less by r - sqrt(r^2 - (r - 0.1)^2).
    lost = radius_mm - np.sqrt(radius_mm**2 - (radius_mm - 0.1) ** 2)
    assert width == pytest.approx(15.8 - 2 * lost, abs=0.35)


def test_the_stepped_plate_has_six_studs(
    solid: Callable[[str], Manifold], islands: Callable[[str, float], int]
) -> None:
    np.testing.assert_allclose(load_catalogue().mesh("99206").size_mm, (15.8, 15.8 + 1.7, 8.1), atol=1e-3)
    assert islands("99206", 7.2) == 2
    assert islands("99206", 4.5) >= 3  # the step, two studs behind it
    assert len(solid("99206").rotate((-90, 0, 0)).slice(8.2).decompose()) == 2
