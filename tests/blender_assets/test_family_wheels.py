from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import CrossSection, Manifold

from blender_assets.catalogue import load_catalogue

SIZES_MM = {
    "4624": (8.0, 6.0), "6014b": (11.0, 12.0), "55981": (18.0, 14.0),
    "3641": (15.0, 6.0), "6015": (21.0, 12.0), "92402": (30.4, 14.0),
}  # fmt: skip


@pytest.mark.parametrize(("part_id", "size_mm"), SIZES_MM.items())
def test_diameter_and_width_are_those_of_the_name(part_id: str, size_mm: tuple[float, float]) -> None:
    diameter, width = size_mm
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, (diameter, width, diameter), atol=0.05)
    assert load_catalogue()[part_id].name.endswith(f"{diameter:g} x {width:g} mm")


def _upright(part: Manifold) -> Manifold:
    return part.translate((0, 0, -part.bounding_box()[5] / 2)).rotate((90, 0, 0))


@pytest.mark.parametrize(("wheel_id", "tyre_id"), [("4624", "3641"), ("6014b", "6015"), ("55981", "92402")])
def test_a_tyre_fits_its_wheel(wheel_id: str, tyre_id: str, solid: Callable[[str], Manifold]) -> None:
    wheel, tyre = _upright(solid(wheel_id)), _upright(solid(tyre_id))
    shared = (wheel ^ tyre).volume()
    assert shared < 0.03 * wheel.volume()
    # It cannot slip off: pushed sideways it meets a flange.
    assert (wheel ^ tyre.translate((0, 0, 1))).volume() > shared + 5


def test_the_spoked_wheel_has_six_windows_and_a_hub(solid: Callable[[str], Manifold]) -> None:
    assert solid("55981").genus() == 6 + 1


@pytest.mark.parametrize(("tyre_id", "blocks"), [("3641", 16), ("6015", 18), ("92402", 22)])
def test_the_tread_has_two_rows_of_blocks(tyre_id: str, blocks: int, solid: Callable[[str], Manifold]) -> None:
    tyre, (diameter, width) = _upright(solid(tyre_id)), SIZES_MM[tyre_id]
    outside = CrossSection.circle(diameter, 64) - CrossSection.circle(diameter / 2 - 0.3, 256)
    for z in (-width / 4, width / 4):
        assert len((tyre.slice(z) ^ outside).decompose()) == blocks
