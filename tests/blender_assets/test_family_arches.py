from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue

# Length, height, and the radius of the opening, whose top is 3.2 mm below that of the body, in millimetres.
ARCHES = {
    "4490": (23.8, 11.3, 4.0),
    "3659": (31.8, 11.3, 8.0),
    "3455": (47.8, 11.3, 23.2),
    "3308": (63.8, 20.9, 26.0),
}


@pytest.mark.parametrize(("part_id", "expected"), ARCHES.items())
def test_sizes_and_opening(
    part_id: str, expected: tuple[float, float, float], solid: Callable[[str], Manifold]
) -> None:
    length, height, radius = expected
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, (length, 7.8, height), atol=0.01)
    feet = solid(part_id).slice(0.3).decompose()
    assert len(feet) == 2
    centre = height - 1.7 - 3.2 - radius
    half = np.sqrt(radius**2 - max(0.3 - centre, 0) ** 2)
    assert min(abs(x) for foot in feet for x in foot.bounds()[0::2]) == pytest.approx(half, abs=0.05)


@pytest.mark.parametrize("part_id", ARCHES)
def test_the_crown_is_a_plate_thick(part_id: str, solid: Callable[[str], Manifold]) -> None:
    part, top = solid(part_id), ARCHES[part_id][1] - 1.7
    low, _, high, _ = part.rotate((0, 90, 0)).slice(0.0).bounds()  # cut in the middle, z along x
    assert low == pytest.approx(top - 3.2, abs=0.03)
    assert high == pytest.approx(ARCHES[part_id][1] if part_id == "4490" else top, abs=0.01)  # a stud in the middle


@pytest.mark.parametrize("part_id", ARCHES)
def test_feet_are_hollow(part_id: str, solid: Callable[[str], Manifold]) -> None:
    assert [foot.num_contour() for foot in solid(part_id).slice(1.0).decompose()] == [2, 2]
