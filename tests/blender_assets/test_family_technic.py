"""Technic bricks, beams, axles, pins, bushes and gears."""

from collections.abc import Callable

import numpy as np
import pytest
from manifold3d import CrossSection, Manifold
from numpy.typing import NDArray

from blender_assets.catalogue import load_catalogue
from blender_assets.families import gears, pins, technic_bricks
from blender_assets.solids import along_x, along_y, grounded
from blender_assets.technic import AXLE_ARM_MM, AXLE_RADIUS_MM, axle_outline

SIZES_MM = {
    "3700": (15.8, 7.8, 11.3),
    "3702": (63.8, 7.8, 11.3),
    "18654": (7.2, 7.2, 7.8),
    "40490": (8 * 8 + 7.2, 7.2, 7.8),
    "32140": (3 * 8 + 7.2, 8 + 7.2, 7.8),
    # Arms of 5 and 3 steps, the second turned so that 5 steps of it are 3 along and 4 across.
    "6629": ((5 + 3 * 0.6) * 8 + 7.2, 3 * 0.8 * 8 + 7.2, 7.8),
    "41677": (8 + 7.2, 7.2, 3.9),
    "32062": (15.8, 4.8, 4.8),
    "3707": (63.8, 4.8, 4.8),
    "87083": (31.8, 6.3, 6.3),
    "3673": (15.8, 6.3, 6.3),
    "6558": (23.8, 6.3, 6.19),
    "4274": (7.9 + 1.6, 6.3, 6.3),
    "3749": (15.8, 6.3, 6.3),
    "3713": (7.8, 7.2, 7.2),
    "32034": (23.8, 7.8, 7.2),
    "32014": (11.9 + 3.6, 7.8, 11.9 + 3.6),
    "32064a": (15.8, 7.8, 11.3),
    "3647": (9.96, 7.8, 9.96),
    "3648b": (25.92, 7.8, 25.92),
}

PIN_HOLES = {"6541": 1, "3700": 1, "32000": 2, "3701": 3, "3894": 5, "3702": 7, "2730": 9, "3895": 11}
BEAM_HOLES = {"18654": 1, "43857": 2, "32523": 3, "32316": 5, "32524": 7, "40490": 9, "32278": 15}
BENT_HOLES = {"32140": 5, "32526": 7, "32348": 7, "6629": 9, "32271": 9}


@pytest.mark.parametrize(("part_id", "size_mm"), SIZES_MM.items())
def test_sizes_follow_from_the_grid(part_id: str, size_mm: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(load_catalogue().mesh(part_id).size_mm, size_mm, atol=0.03)


@pytest.mark.parametrize(("part_id", "holes"), (PIN_HOLES | BEAM_HOLES | BENT_HOLES).items())
def test_each_hole_adds_one_handle(part_id: str, holes: int, solid: Callable[[str], Manifold]) -> None:
    assert solid(part_id).genus() == holes


@pytest.mark.parametrize("part_id", ["3700", "32000", "3702"])
def test_the_holes_of_a_brick_are_at_one_height_and_counterbored(
    part_id: str, solid: Callable[[str], Manifold]
) -> None:
    # Seen from the front: cut across y, the holes are what a closed front lacks.
    part = along_y(solid(part_id)).mirror((0, 0, 1))  # y runs up now, z along -y

    def hole_bounds(depth_mm: float) -> list[tuple[float, ...]]:
        inner = [shape for shape in part.slice(depth_mm).to_polygons() if CrossSection([shape]).area() < 0.01]
        return [(*shape.min(axis=0), *shape.max(axis=0)) for shape in inner]

    low = part.bounding_box()[2]
    outer, bore = hole_bounds(low + 0.5), hole_bounds(low + 1.2)
    assert len(outer) == len(bore) == PIN_HOLES[part_id]
    for bounds, diameter_mm in [*((b, 6.2) for b in outer), *((b, 4.8) for b in bore)]:
        x0, y0, x1, y1 = bounds
        assert (x1 - x0, y1 - y0) == pytest.approx((diameter_mm, diameter_mm), abs=0.01)
        assert abs(y0 + y1) / 2 == pytest.approx(5.6, abs=0.01)


def test_beams_are_pocketed_between_holes_from_both_sides(solid: Callable[[str], Manifold]) -> None:
    beam = solid("32316")
    middle, near_top, near_bottom = (beam.slice(z).num_contour() for z in (3.9, 6.9, 0.9))
    assert middle == 1 + 5
    assert near_top == near_bottom == 1 + 5 + 4


def test_bent_beams_carry_their_axle_holes_at_the_ends(solid: Callable[[str], Manifold]) -> None:
    areas = sorted(_area(p) for p in solid("6629").slice(3.9).to_polygons())
    pin_mm2, cross_mm2 = np.pi * 2.4**2, 2 * 4.8 * 1.6 - 1.6**2
    assert len(areas) == 1 + 9
    np.testing.assert_allclose(areas[:7], -pin_mm2, rtol=0.04)
    np.testing.assert_allclose(areas[7:9], -cross_mm2, rtol=0.06)


def _area(polygon: NDArray[np.float64]) -> float:
    x, y = polygon[:, 0], polygon[:, 1]
    return float(x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2


def test_the_axle_is_a_cross() -> None:
    outline = axle_outline()
    area = _area(outline)
    # Two bars less the square they share, and a flat triangle on each of the four tips.
    side = np.sqrt(AXLE_RADIUS_MM**2 - AXLE_ARM_MM**2 / 4)
    bars, tips = 4 * side * AXLE_ARM_MM - AXLE_ARM_MM**2, 4 * AXLE_ARM_MM * (AXLE_RADIUS_MM - side) / 2
    assert area == pytest.approx(bars + tips, rel=1e-6)
    np.testing.assert_allclose(np.abs(outline).max(axis=0), AXLE_RADIUS_MM, atol=1e-6)
    relieved = axle_outline(relief_mm=1.6)
    assert area < _area(relieved) < area + 4 * (1.6 - AXLE_ARM_MM / 2) ** 2 / 2


def test_a_notched_axle_has_two_necks(solid: Callable[[str], Manifold]) -> None:
    upright = solid("32062").rotate((0, 90, 0))
    full, neck = upright.slice(0.0).area(), upright.slice(3.8).area()
    assert upright.slice(-3.8).area() == pytest.approx(neck)
    assert neck < 0.75 * full


def test_axles_weigh_by_their_length(solid: Callable[[str], Manifold]) -> None:
    per_stud = (solid("3706").volume() - solid("3705").volume()) / 2
    assert solid("3707").volume() - solid("3706").volume() == pytest.approx(2 * per_stud, rel=1e-3)
    assert per_stud == pytest.approx(8 * _area(axle_outline()), rel=0.02)  # its long edges are cut


def test_pins_are_hollow_and_slotted(solid: Callable[[str], Manifold]) -> None:
    # The bore alone makes a ring; slots through the waist of a friction pin add one handle each.
    assert solid("3673").genus() == 1
    assert solid("2780").genus() == 1 + 2
    assert solid("6558").genus() == 1 + 4
    end = solid("3673").rotate((0, 90, 0)).slice(7.0)
    assert len(end.decompose()) == 2


def test_a_stud_pin_is_a_pin_on_one_side_only(solid: Callable[[str], Manifold]) -> None:
    upright = solid("4274").rotate((0, -90, 0))  # -x, the slotted end, points down
    low, high = upright.bounding_box()[2], upright.bounding_box()[5]
    assert len(upright.slice(low + 0.5).decompose()) == 2
    assert len(upright.slice(high - 0.5).decompose()) == 1


@pytest.mark.parametrize(("part_id", "teeth", "radius_mm"), [("3647", 8, 4.6), ("3648b", 24, 12.4)])
def test_gears_have_their_teeth(part_id: str, teeth: int, radius_mm: float, solid: Callable[[str], Manifold]) -> None:
    # Axis back up, centred: near the tips a ring meets one piece for each tooth.
    gear = solid(part_id)
    centred = gear.translate((0, 0, -gear.bounding_box()[5] / 2)).rotate((90, 0, 0))
    ring = CrossSection.circle(radius_mm + 0.1, 256) - CrossSection.circle(radius_mm, 256)
    assert len((centred.slice(0.0) ^ ring).decompose()) == teeth


def test_the_large_gear_takes_an_axle_and_four_pins(solid: Callable[[str], Manifold]) -> None:
    assert solid("3648b").genus() == 4 + 1
    assert load_catalogue()["3648"].part_id == load_catalogue()["3648a"].part_id == "3648b"


@pytest.mark.parametrize("part_id", ["32013", "32034", "32016", "32192", "32015", "32014", "32064a"])
def test_connectors_and_the_axle_brick_are_pierced_once(part_id: str, solid: Callable[[str], Manifold]) -> None:
    assert solid(part_id).genus() == 1


def test_connectors_take_an_axle_in_each_arm(solid: Callable[[str], Manifold]) -> None:
    end_on = solid("32034").rotate((0, 90, 0))
    for x in (-8.0, 8.0):
        polygons = end_on.slice(x).to_polygons()
        assert sorted(np.sign(_area(p)) for p in polygons) == [-1, 1]
        assert min(_area(p) for p in polygons) == pytest.approx(-(2 * 4.8 * 1.6 - 1.6**2), rel=0.06)


def test_every_technic_part_is_light_and_modest() -> None:
    for family in (technic_bricks, pins, gears):
        for part in family.PARTS:
            mesh = load_catalogue().mesh(part.part_id)
            assert 0.05 < mesh.volume_mm3 * 1.05e-3 < 4.5, part.part_id
            assert len(mesh.faces) < 8000, part.part_id


def test_laying_a_solid_keeps_it_right_handed() -> None:
    corner = Manifold.cube((1.0, 2.0, 3.0))
    assert along_x(corner).bounding_box()[3:] == pytest.approx((3.0, 2.0, 0.0))
    assert along_y(corner).bounding_box()[3:] == pytest.approx((1.0, 3.0, 0.0))
    assert along_x(corner).volume() == along_y(corner).volume() == pytest.approx(6)
    assert grounded(corner).bounding_box() == pytest.approx((-0.5, -1.0, 0.0, 0.5, 1.0, 3.0))
