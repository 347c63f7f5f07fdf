from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold
from numpy.typing import NDArray

from blender_assets.catalogue import load_catalogue

# Half a stud's square behind (3.9 mm), an axis 8 mm before the middle, and what is before the axis.
SIZES_MM = {
    "61252": (7.8, 3.9 + 8 + 1.6, 6.0),
    "60470": (15.8, 3.9 + 8 + 1.6, 6.4),
    "63868": (7.9 + 12 + 1.6, 7.8, 6.0),
    "60476": (7.8, 3.9 + 8 + 1.6, 11.3),
    "60475": (7.8, 3.9 + 8 + 1.6, 11.3),
    "15712": (7.8, 7.8, 7.2),
    "60478": (7.9 + 12 + 2.4, 7.8, 4.9),
    "48336": (15.8, 3.9 + 8 + 2.4, 4.9),
    "4081b": (7.8, 3.9 + 8 + 3.2, 6.4),
    "88072": (15.8, 3.9 + 8 + 1.6, 9.6),
    "32028": (15.8, 3.9 + 4 + 3.6, 4.9),
}


@pytest.mark.parametrize(("part_id", "size_mm"), SIZES_MM.items())
def test_sizes_follow_from_the_axis_of_the_clip_or_bar(part_id: str, size_mm: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, size_mm, atol=0.03)


@pytest.mark.parametrize("part_id", ["61252", "60470"])
def test_a_bar_fits_into_the_clip_and_cannot_fall_out(part_id: str, solid: Callable[[str], Manifold]) -> None:
    part = solid(part_id)
    _, y0, _, _, y1, _ = part.bounding_box()
    axis_z = 3.0 if part_id == "61252" else 3.2  # the clip's radius: it is the lowest part
    bar = Manifold.cylinder(40, 1.58, circular_segments=24, center=True).rotate((0, 90, 0))
    seated = bar.translate((0, y1 - 3.9 - 8, axis_z))
    assert (part ^ seated).volume() == pytest.approx(0, abs=0.05)
    assert (part ^ seated.translate((0, -1.0, 0))).volume() > 0.1
    assert y0 == pytest.approx(y1 - 3.9 - 8 - 1.6, abs=0.01)


@pytest.mark.parametrize(("part_id", "angles_deg"), {"60476": (0, 90, 0), "60475": (0, 0, 0)}.items())
def test_a_bar_fits_into_the_clip_of_a_brick(
    part_id: str, angles_deg: tuple[int, int, int], solid: Callable[[str], Manifold]
) -> None:
    part = solid(part_id)
    back = part.bounding_box()[4]
    axis_z = 3.2 + (2.4 if part_id == "60476" else 1.6)
    bar = Manifold.cylinder(40, 1.58, circular_segments=24, center=True).rotate(angles_deg)
    assert (part ^ bar.translate((0, back - 3.9 - 8, axis_z))).volume() == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(("part_id", "axis"), [("60478", 0), ("48336", 1)])
def test_a_clip_fits_around_the_bar_of_a_handle(part_id: str, axis: int, solid: Callable[[str], Manifold]) -> None:
    part = solid(part_id)
    low, high = np.array(part.bounding_box()).reshape(2, 3)
    centre = np.array([0.0, 0.0, 2.4])
    centre[axis] = high[axis] - 2.4 if axis == 0 else low[axis] + 2.4
    # A sleeve 2.8 mm wide, of the clip's radii, touches the bar only.
    sleeve = Manifold.cylinder(2.8, 2.9, circular_segments=24, center=True)
    sleeve -= Manifold.cylinder(4.0, 1.62, circular_segments=24, center=True)
    turned = sleeve.rotate((90, 0, 0) if axis == 0 else (0, 90, 0))
    assert (part ^ turned.translate(tuple(centre))).volume() == pytest.approx(0, abs=0.01)


def test_a_bar_goes_through_the_lamp_clip(solid: Callable[[str], Manifold]) -> None:
    seen = solid("4081b").rotate((0, 90, 0)).project()
    assert seen.num_contour() == 2
    hole = min(abs(piece) for piece in (_area(loop) for loop in seen.to_polygons()))
    assert hole == pytest.approx(12 * np.sin(np.pi / 12) * 1.6**2, rel=0.01)


def _area(loop: NDArray[np.float64]) -> float:
    x, y = np.asarray(loop).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
