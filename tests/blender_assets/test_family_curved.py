from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue

SIZES_MM = {
    "11477": (7.8, 15.8, 6.4),
    "15068": (15.8, 15.8, 6.4),
    "88930": (31.8, 15.8, 6.4),
    "50950": (7.8, 23.8, 9.6),
    "93273": (7.8, 31.8, 6.4),
    "47457": (15.8, 15.8, 8.1),
    "6091": (7.8, 15.8, 12.8),
    "6215": (15.8, 23.8, 11.3),
    "30165": (15.8, 15.8, 11.3),
}


@pytest.mark.parametrize(("part_id", "size_mm"), SIZES_MM.items())
def test_sizes_follow_from_studs_and_plates(part_id: str, size_mm: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, size_mm, atol=0.03)


@pytest.mark.parametrize(("part_id", "z_mm", "studs"), [("47457", 7.4, 2), ("6215", 10.6, 4), ("30165", 10.6, 2)])
def test_studs_stand_on_top(part_id: str, z_mm: float, studs: int, islands: Callable[[str, float], int]) -> None:
    assert islands(part_id, z_mm) == studs


def test_the_curve_is_an_eighth_of_an_ellipse(solid: Callable[[str], Manifold]) -> None:
    # Run 15.8 mm, rise 4.8 mm: half-axes 15.8 / sin 45 and 4.8 / (1 - cos 45); the crest is the back.
    across, upright = 15.8 / np.sin(np.pi / 4), 4.8 / (1 - np.cos(np.pi / 4))
    z = 6.4 - upright * (1 - np.sqrt(1 - (7.9 / across) ** 2))  # above the middle
    assert solid("88930").slice(z).bounds()[1] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(("part_id", "depth_mm"), {"11477": 7.8, "50950": 15.8, "88930": 15.8}.items())
def test_a_curved_slope_stands_on_its_foot(part_id: str, depth_mm: float, solid: Callable[[str], Manifold]) -> None:
    low, high = solid(part_id).slice(0.5).bounds()[1::2]
    assert high - low == pytest.approx(depth_mm, abs=0.01)


def test_the_double_curve_is_symmetric_and_stands_on_two_feet(
    islands: Callable[[str, float], int], solid: Callable[[str], Manifold]
) -> None:
    part = solid("93273")
    assert (part.mirror((0, 1, 0)) - part).volume() == pytest.approx(0, abs=0.01)
    assert islands("93273", 0.5) == 2


def test_a_row_of_tubes_stands_below(islands: Callable[[str, float], int]) -> None:
    assert islands("88930", 0.5) == 1 + 3
    assert islands("6215", 0.5) == 1 + 2
    assert islands("30165", 0.5) == 1 + 1


def test_the_step_carries_a_plate_above_air(solid: Callable[[str], Manifold]) -> None:
    assert solid("6091").slice(3.0).bounds()[3] == pytest.approx(-0.1, abs=1e-3)
    assert solid("6091").slice(9.0).bounds()[3] == pytest.approx(7.9, abs=1e-3)
    assert solid("6091").slice(12.0).bounds()[3] == pytest.approx(-0.1, abs=1e-3)
