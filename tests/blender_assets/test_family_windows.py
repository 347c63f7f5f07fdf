"""Windows, hinges and bars."""

from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue

SIZES_MM = {
    "60592": (15.8, 7.8, 19.2 + 1.7),
    "60593": (15.8, 7.8, 28.8 + 1.7),
    "60601": (13.2, 1.5, 15.6),
    "60602": (13.2, 1.5, 25.2),
    "3937": (15.8, 7.8, 8.8),
    "3938": (15.8, 7.8, 6.4 + 1.7),
    "87994": (3.18, 3.18, 23.9),
    "30374": (3.18, 3.18, 31.9),
}


@pytest.mark.parametrize(("part_id", "size_mm"), SIZES_MM.items())
def test_sizes(part_id: str, size_mm: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, size_mm, atol=0.02)


@pytest.mark.parametrize("part_id", ["60592", "60593"])
def test_a_window_is_a_frame_with_two_holes_for_the_pegs(part_id: str, solid: Callable[[str], Manifold]) -> None:
    assert solid(part_id).genus() == 3
    assert len(solid(part_id).slice(10.0).decompose()) == 2


@pytest.mark.parametrize(("frame_id", "pane_id"), [("60592", "60601"), ("60593", "60602")])
def test_the_pane_fits_into_the_front_of_its_frame(
    frame_id: str, pane_id: str, solid: Callable[[str], Manifold]
) -> None:
    # The pane stands on the sill, 3.2 mm up, its lower peg in the hole 2 mm in front of the middle.
    placed = solid(pane_id).translate((0, -2.0, 3.2 - 0.8))
    assert (solid(frame_id) ^ placed).volume() < 0.5


def test_the_hinge_turns(solid: Callable[[str], Manifold]) -> None:
    # Axis on axis the top stands in the base: the pivots fit into the sockets, and it can be tilted back.
    base, top = solid("3937"), solid("3938")
    for tilt_deg in (0, 45):
        turned = top.translate((0, 0, -2.33)).rotate((tilt_deg, 0, 0)).translate((0, 0, 5.6))
        assert (base ^ turned).volume() < 0.02 * base.volume(), tilt_deg


def test_a_bar_is_round(solid: Callable[[str], Manifold]) -> None:
    assert solid("87994").slice(10.0).area() == pytest.approx(np.pi * 1.59**2, rel=0.02)
