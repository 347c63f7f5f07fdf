from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue

# Length, depth with side studs, height with studs.
SIZES_MM = {
    "4070": (7.8, 7.8, 11.3),
    "87087": (7.8, 7.8 + 1.7, 11.3),
    "47905": (7.8, 7.8 + 2 * 1.7, 11.3),
    "11211": (15.8, 7.8 + 1.7, 11.3),
    "30414": (31.8, 7.8 + 1.7, 11.3),
    "22885": (15.8, 7.8 + 1.7, 16 + 1.7),
}


@pytest.mark.parametrize(("part_id", "size_mm"), SIZES_MM.items())
def test_sizes_count_the_side_studs(part_id: str, size_mm: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, size_mm, atol=1e-3)


@pytest.mark.parametrize(
    ("part_id", "on_top", "on_front"),
    [("4070", 1, 1), ("87087", 1, 1), ("47905", 1, 1), ("11211", 2, 2), ("30414", 4, 4), ("22885", 2, 4)],
)
def test_studs_stand_on_the_top_and_on_the_front(
    part_id: str, on_top: int, on_front: int, solid: Callable[[str], Manifold]
) -> None:
    part = solid(part_id)
    _, y0, _, _, _, z1 = part.bounding_box()
    assert len(part.slice(z1 - 0.5).decompose()) == on_top
    front = part.rotate((-90, 0, 0)).slice(-y0 - 0.5)  # x, z at half a millimetre behind the foremost point
    rings = [piece for piece in front.decompose() if piece.num_contour() == 2]
    assert len(rings) == on_front


def test_a_side_stud_lies_half_a_pitch_below_the_top(solid: Callable[[str], Manifold]) -> None:
    # A stud on the side of a brick lies 4 mm below its top: 5.6 mm up.
    front = solid("87087").rotate((-90, 0, 0)).slice(4.5)
    _, z0, _, z1 = front.bounds()
    assert (z0 + z1) / 2 == pytest.approx(5.6, abs=1e-3)


def test_light_falls_through_the_studs_on_opposite_sides(solid: Callable[[str], Manifold]) -> None:
    seen = solid("47905").rotate((90, 0, 0)).project()
    assert seen.num_contour() == 2


def test_the_headlight_has_a_window_behind(solid: Callable[[str], Manifold]) -> None:
    window = Manifold.cube((4.6, 1.0, 4.6), True).translate((0, 3.4, 5.6))
    assert (solid("4070") ^ window).volume() == pytest.approx(0, abs=1e-6)
    assert (solid("87087") ^ window).volume() > 10
