"""Round bricks, plates, tiles, corners, cones and dishes."""

from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import CrossSection, Manifold

from blender_assets.catalogue import load_catalogue

SIZES_MM = {
    "3062b": (7.84, 7.84, 11.3),
    "3941": (15.8, 15.8, 11.3),
    "6143": (15.8, 15.8, 11.3),
    "6141": (7.84, 7.84, 4.9),
    "85861": (7.84, 7.84, 4.9),
    "4032": (15.8, 15.8, 4.9),
    "60474": (31.8, 31.8, 4.9),
    "98138": (7.84, 7.84, 3.2),
    "14769": (15.8, 15.8, 3.2),
    "4150": (15.8, 15.8, 3.2),
    "25269": (7.8, 7.8, 3.2),
    "24246": (7.8, 7.8, 3.2),
    "27925": (15.8, 15.8, 3.2),
    "85080": (15.8, 15.8, 11.3),
    "4589": (7.84, 7.84, 11.3),
    "3942c": (15.8, 15.8, 20.9),
    "3062a": (7.84, 7.84, 11.3),
    "2654a": (15.8, 15.8, 4.9),
    "4740": (15.8, 15.8, 4.9),
    "3960": (31.8, 31.8, 8.1),
}

THROUGH_HOLES = {
    **dict.fromkeys(("3062b", "85861", "4589", "4740", "3941", "4032", "6143", "60474", "3942c"), 1),
    **dict.fromkeys(
        ("6141", "98138", "14769", "4150", "25269", "24246", "27925", "85080", "3960", "3062a", "2654a"), 0
    ),
}


@pytest.mark.parametrize(("part_id", "size_mm"), SIZES_MM.items())
def test_sizes_follow_from_studs_and_plates(part_id: str, size_mm: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, size_mm, atol=0.02)


@pytest.mark.parametrize(("part_id", "holes"), THROUGH_HOLES.items())
def test_open_studs_and_axle_holes_go_through(part_id: str, holes: int, solid: Callable[[str], Manifold]) -> None:
    assert solid(part_id).genus() == holes


@pytest.mark.parametrize(
    ("part_id", "z_mm", "studs"), [("3941", 10.5, 4), ("60474", 4.0, 12), ("85080", 10.5, 2), ("2654a", 4.0, 4)]
)
def test_studs_stand_on_top(part_id: str, z_mm: float, studs: int, islands: Callable[[str, float], int]) -> None:
    assert islands(part_id, z_mm) == studs


@pytest.mark.parametrize("part_id", ["3941", "4032", "14769", "3942c"])
def test_the_rim_leaves_room_for_the_studs_below(part_id: str, solid: Callable[[str], Manifold]) -> None:
    for x, y in ((4, 4), (-4, 4), (4, -4), (-4, -4)):
        below = Manifold.cylinder(1.5, 2.3, circular_segments=24).translate((x, y, 0))
        assert (solid(part_id) ^ below).volume() == pytest.approx(0, abs=1e-6)


def test_the_rim_of_the_large_plate_leaves_room_at_the_corners(solid: Callable[[str], Manifold]) -> None:
    for x, y in ((12, 12), (-12, 12), (12, -12), (-12, -12)):
        below = Manifold.cylinder(1.5, 2.3, circular_segments=24).translate((x, y, 0))
        assert (solid("60474") ^ below).volume() == pytest.approx(0, abs=1e-6)


def test_a_cross_or_a_tube_is_below_a_round_tile(solid: Callable[[str], Manifold]) -> None:
    middle = CrossSection.circle(3.4, 24)
    tube, cross = solid("14769").slice(1.0) ^ middle, solid("4150").slice(1.0) ^ middle
    assert tube.num_contour() == 2
    assert cross.num_contour() == 1
    assert cross.area() == pytest.approx(2 * 6.6 * 0.8 - 0.8**2, rel=0.03)


def test_quarters_and_halves_have_the_area_of_their_outline(solid: Callable[[str], Manifold]) -> None:
    # Just below the chamfer of the top: radius 8 (and 4, and 16 less 8) with 0.1 mm of play all round.
    assert solid("25269").slice(2.5).area() == pytest.approx(np.pi * 7.8**2 / 4, rel=0.02)
    assert solid("24246").slice(2.5).area() == pytest.approx(7.8 * 3.9 + np.pi * 3.9**2 / 2, rel=0.02)
    assert solid("27925").slice(2.5).area() == pytest.approx(np.pi * (15.9**2 - 8.1**2) / 4, rel=0.03)


def test_a_corner_brick_is_pocketed_for_three_studs(solid: Callable[[str], Manifold]) -> None:
    for x, y in ((4, 4), (-4, -4), (4, -4)):
        below = Manifold.cylinder(1.5, 2.3, circular_segments=24).translate((x, y, 0))
        # At the ends the rim is as thin as 0.8 mm, and a stud still touches it.
        assert (solid("85080") ^ below).volume() < 0.3


def test_dishes_are_thin_shells(solid: Callable[[str], Manifold]) -> None:
    for part_id, x, wall_mm in (("4740", 6.0, 1.0), ("3960", 10.0, 1.4)):
        post = Manifold.cylinder(20, 0.2, circular_segments=8).translate((x, 0, 0))
        cut = solid(part_id) ^ post
        assert cut.volume() / post.slice(1).area() == pytest.approx(wall_mm, rel=0.1)
