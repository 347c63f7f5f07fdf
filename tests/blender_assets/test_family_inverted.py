from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue

SHAPES = {"3665": (1, 2), "3660": (2, 2), "3747": (2, 3)}


@pytest.mark.parametrize(("part_id", "shape"), SHAPES.items())
def test_an_inverted_slope_stands_on_its_last_row(
    part_id: str, shape: tuple[int, int], islands: Callable[[str, float], int], solid: Callable[[str], Manifold]
) -> None:
    columns, rows = shape
    np.testing.assert_allclose(
        load_catalogue().mesh(part_id).size_mm, (8 * columns - 0.2, 8 * rows - 0.2, 11.3), atol=1e-3
    )
    assert islands(part_id, 10.6) == columns * rows
    foot, above = (solid(part_id).slice(z).bounds() for z in (0.3, 7.9))
    assert foot[3] - foot[1] == pytest.approx(7.8 + 0.3 * (rows - 1), abs=0.1)  # 0.3 mm up the slope
    assert above[3] - above[1] == pytest.approx(8 * rows - 0.2, abs=0.3)


@pytest.mark.parametrize(("part_id", "open_studs"), {"3665": 1, "3660": 2, "3747": 4}.items())
def test_studs_over_the_overhang_are_hollow(part_id: str, open_studs: int, solid: Callable[[str], Manifold]) -> None:
    columns, rows = SHAPES[part_id]
    polygon = 12 * np.sin(np.pi / 12)  # area of a 24-gon of radius 1
    expected = polygon * (columns * rows * 2.4**2 - open_studs * 1.6**2)
    assert solid(part_id).slice(11.0).area() == pytest.approx(expected, rel=0.01)


def test_numbers_of_the_moulds_are_known() -> None:
    assert load_catalogue()["3665a"].part_id == "3665"
    assert load_catalogue()["3747b"].part_id == "3747"
