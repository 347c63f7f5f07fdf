from collections.abc import Callable

import numpy as np
import pytest

from blender_assets.catalogue import load_catalogue

# Columns, rows, height of the body.
SHAPES = {
    "3009": (6, 1, 9.6),
    "3008": (8, 1, 9.6),
    "6111": (10, 1, 9.6),
    "2456": (6, 2, 9.6),
    "3007": (8, 2, 9.6),
    "3006": (10, 2, 9.6),
    "6112": (12, 1, 9.6),
    "60479": (12, 1, 3.2),
    "4282": (16, 2, 3.2),
    "3245c": (2, 1, 19.2),
    "3666": (6, 1, 3.2),
    "3460": (8, 1, 3.2),
    "4477": (10, 1, 3.2),
    "3034": (8, 2, 3.2),
    "3832": (10, 2, 3.2),
    "11212": (3, 3, 3.2),
    "3032": (6, 4, 3.2),
    "3035": (8, 4, 3.2),
    "3028": (12, 6, 3.2),
}


@pytest.mark.parametrize(("part_id", "shape"), SHAPES.items())
def test_sizes_studs_and_tubes_follow_from_the_name(
    part_id: str, shape: tuple[int, int, float], islands: Callable[[str, float], int]
) -> None:
    columns, rows, height = shape
    size = load_catalogue().mesh(part_id).size_mm
    np.testing.assert_allclose(size, (8 * columns - 0.2, 8 * rows - 0.2, height + 1.7), atol=1e-3)
    assert islands(part_id, height + 1.0) == columns * rows
    supports = (columns - 1) * (rows - 1) if rows > 1 else columns - 1
    if part_id == "3245c":
        supports = 0  # ribs, grown together with the walls
    assert islands(part_id, 1.0) == 1 + supports


def test_weights_are_those_of_real_parts() -> None:
    # Bricks of ABS, 1.05 g/cm3: 1 x 1 0.43 g, 1 x 2 0.80 g, 2 x 2 1.2 g.
    for part_id, grams in {"3005": 0.43, "3004": 0.80, "3003": 1.2}.items():
        assert load_catalogue().mesh(part_id).volume_mm3 * 1.05e-3 == pytest.approx(grams, rel=0.1)


def test_the_tall_brick_has_one_entry_for_all_its_mould_variants() -> None:
    assert load_catalogue()["3245a"] is load_catalogue()["3245"] is load_catalogue()["3245c"]
