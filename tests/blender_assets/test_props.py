"""Props: true sizes, closed meshes, believable looks."""

import numpy as np
import pytest

from blender_assets.mesh import mesh_from_solid
from blender_assets.props import PROPS, PropKind, prop_mesh, sample_look
from blender_assets.props.kind import crumpled, rounded_box, surface

SIZES_MM = {
    # European Central Bank, technical specifications of the coins: diameter, diameter, thickness
    "coin_2_cent": (18.75, 18.75, 1.67),
    "coin_5_cent": (21.25, 21.25, 1.67),
    "coin_20_cent": (22.25, 22.25, 2.14),
    "coin_1_euro": (23.25, 23.25, 2.33),
    "battery_aa": (14.5, 14.5, 50.5),  # IEC 60086-2: R6, R03, the largest that is allowed
    "battery_aaa": (10.5, 10.5, 44.5),
    "nut": (2 / 3**0.5 * 13, 13.0, 6.8),  # ISO 4032, M8
    "washer": (16.0, 16.0, 1.6),  # ISO 7089, M8
    "screw": (8.0, 8.0, 40.0),
    "screw_cap": (30.0, 30.0, 17.0),
    "pencil": (2 / 3**0.5 * 7, 7.0, 100.0),
    "marker": (11.0, 11.0, 120.0),
    "eraser": (43.0, 19.0, 13.0),
    "button": (15.24, 15.24, 2.7),  # 24 lines of 1/40 inch
    "die": (16.0, 16.0, 16.0),
    "domino": (48.0, 24.0, 8.0),
    "marble": (16.0, 16.0, 16.0),
    "ball": (32.0, 32.0, 32.0),
    "block_cube": (30.0, 30.0, 30.0),
    "block_cuboid": (60.0, 30.0, 15.0),
    "block_cylinder": (30.0, 30.0, 30.0),
    "block_cone": (30.0, 30.0, 30.0),
    "block_arch": (60.0, 30.0, 20.0),
}


@pytest.mark.parametrize(("kind", "size_mm"), SIZES_MM.items())
def test_a_prop_is_as_large_as_the_real_thing(kind: str, size_mm: tuple[float, float, float]) -> None:
    # The nut's corners are turned off, by 0.05 mm each.
    np.testing.assert_allclose(prop_mesh(kind).size_mm, size_mm, atol=0.1)


def test_a_crown_cap_has_the_circle_of_the_standard() -> None:
    vertices = prop_mesh("crown_cap").vertices_mm  # DIN 6099: 32.1 mm over the teeth, 6.0 high
    assert 2 * np.hypot(vertices[:, 0], vertices[:, 1]).max() == pytest.approx(32.1, abs=0.1)
    assert np.ptp(vertices[:, 2]) == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize("kind", PROPS)
def test_a_prop_is_one_closed_solid(kind: str) -> None:
    solid = PROPS[kind].build()
    assert len(solid.decompose()) == 1
    assert solid.volume() > 50
    mesh = prop_mesh(kind)
    edges = np.sort(mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert mesh.volume_mm3 == pytest.approx(solid.volume(), rel=1e-3)
    assert len(mesh.faces) < 3000
    np.testing.assert_array_equal(mesh.vertices_mm, mesh_from_solid(PROPS[kind].build()).vertices_mm)


@pytest.mark.parametrize("kind", PROPS)
def test_looks_are_possible_and_varied(kind: str) -> None:
    looks = PROPS[kind].looks
    assert len(set(looks)) == len(looks) >= 2
    for look in looks:
        assert all(0 <= channel <= 1 for channel in look.rgb)
        assert 0 < look.roughness <= 1
        assert look.metallic in (0.0, 1.0)
    drawn = {sample_look(kind, np.random.default_rng(seed)) for seed in range(200)}
    assert drawn == set(looks)
    assert sample_look(kind, np.random.default_rng(3)) == sample_look(kind, np.random.default_rng(3))


def test_the_faces_of_a_die_sum_to_seven() -> None:
    vertices = prop_mesh("die").vertices_mm

    def pips(axis: int, side: int) -> int:
        inside = vertices[side * vertices[:, axis] > 7.9]
        across = [k for k in range(3) if k != axis]
        places = np.round(inside[:, across] / 4).astype(int)
        near = np.linalg.norm(inside[:, across] - 4 * places, axis=1) < 2.1
        return len({tuple(place) for place in places[near] if max(abs(place)) < 2})

    counts = [[pips(axis, side) for side in (-1, 1)] for axis in range(3)]
    assert [sum(pair) for pair in counts] == [7, 7, 7]
    assert sorted(np.ravel(counts)) == [1, 2, 3, 4, 5, 6]


def test_srgb_is_decoded() -> None:
    assert surface("FFFFFF", 0.5).rgb == pytest.approx((1, 1, 1))
    assert surface("800000", 0.5).rgb == pytest.approx((0.2158605, 0, 0))  # by hand: ((128/255 + 0.055) / 1.055) ** 2.4


def test_creases_move_no_point_further_than_told() -> None:
    box = rounded_box(20, 10, 6, 1)
    before, after = (solid.to_mesh().vert_properties for solid in (box, crumpled(box, 1, 4.0, 2.0)))
    moved = np.linalg.norm(before - after, axis=1)
    assert 0.05 < moved.max() <= 2.0


def test_a_kind_is_plain_data() -> None:
    assert all(isinstance(kind, PropKind) for kind in PROPS.values())
    assert {"coin_1_euro", "pen", "die", "block_arch", "paper_scrap"} <= set(PROPS)
