"""Lightings as plain data: no Blender here."""

import numpy as np
import pytest

from render.light_colors import kelvin_to_linear_rgb, lamp_tint, sun_and_sky
from render.lighting import LUMINANCE, AreaLight, DistantLight, panel_white, tint, unit_vector
from render.lights import LIGHTINGS, OCCLUDED, sample_lighting


@pytest.mark.parametrize("environment", ["fitted", "exact"])
@pytest.mark.parametrize("name", LIGHTINGS)
def test_the_shares_of_a_lighting_sum_to_one(name: str, environment: str) -> None:
    for seed in range(12):
        lighting = sample_lighting(name, environment, np.random.default_rng(seed))
        assert lighting.name == name
        shares = [lighting.ambient_share, *(lamp.share for lamp in lighting.lamps)]
        shares += [lighting.flash.share] if lighting.flash else []
        assert min(shares) >= 0
        assert sum(shares) == pytest.approx(1)
        assert all(lamp.elevation_deg > 0 for lamp in lighting.lamps)
        assert np.array(lighting.light_rgb) @ LUMINANCE == pytest.approx(1)
        assert lighting == sample_lighting(name, environment, np.random.default_rng(seed))


def test_a_modest_share_of_lamplight_has_the_photographers_shadow() -> None:
    lightings = [sample_lighting("desk_lamp", "fitted", np.random.default_rng(seed)) for seed in range(300)]
    share = np.mean([lighting.occluder is not None for lighting in lightings])
    assert abs(share - OCCLUDED) < 0.1
    assert sample_lighting("city", "fitted", np.random.default_rng(0)).occluder is None


def test_the_photographers_shadow_comes_mostly_from_below_the_picture() -> None:
    lightings = [sample_lighting("ceiling", "fitted", np.random.default_rng(seed)) for seed in range(300)]
    sides = np.array([lighting.occluder.side_deg for lighting in lightings if lighting.occluder])
    assert ((sides >= 0) & (sides < 360)).all()
    assert np.mean(np.sin(np.radians(sides)) < 0) > 0.7


def test_the_white_balance_knows_the_mixture() -> None:
    lighting = sample_lighting("mixed", "fitted", np.random.default_rng(0))
    warm, cold = lighting.lamps
    red_over_blue = [rgb[0] / rgb[2] for rgb in (warm.rgb, lighting.light_rgb, cold.rgb)]
    assert red_over_blue[0] > red_over_blue[1] > red_over_blue[2]


@pytest.mark.parametrize(("radius", "distance"), [(1.0, 100.0), (50.0, 100.0), (300.0, 100.0)])
def test_a_disc_overhead_lights_the_floor_as_its_view_factor_says(radius: float, distance: float) -> None:
    above = np.array([0.0, 0.0, distance])
    exact = radius**2 / (radius**2 + distance**2)
    assert panel_white(above, above, (2 * radius, 2 * radius), True) == pytest.approx(exact, rel=0.03)


def test_a_far_panel_lights_the_floor_by_its_solid_angle_and_slant() -> None:
    lamp = AreaLight(70, 30, 5000, 20, 40, 1.0, (1, 1, 1), disc=False)
    assert lamp.white() == pytest.approx(20 * 40 / 5000**2 * np.sin(np.radians(30)) / np.pi, rel=1e-3)


def test_a_shade_gathers_the_light_along_the_axis_and_keeps_the_power() -> None:
    above, size = np.array([0.0, 0.0, 1000.0]), (5.0, 5.0)
    bare, shaded = panel_white(above, above, size, True), panel_white(above, above, size, True, spread_deg=90)
    assert shaded / bare == pytest.approx(1 / (1 - np.pi / 4), rel=0.02)
    radii = (np.arange(400) + 0.5) * 20.0
    power = []
    for spread in (180.0, 90.0):
        per_ring = [
            panel_white(above, above, size, True, spread, np.array([[radius, 0, 0]])) * radius for radius in radii
        ]
        power.append(sum(per_ring))
    assert power[0] == pytest.approx(power[1], rel=0.05)
    assert panel_white(above, above, size, True, 90, np.array([[1100.0, 0, 0]])) == 0


def test_what_reaches_below_the_floor_is_dark() -> None:
    middle = np.array([1000.0, 0, 0])
    whole, half = (
        panel_white(np.array([1000.0, 0, 500]), middle, (10, 10), False),
        panel_white(middle, middle, (10, 10), False),
    )
    assert 0 < half < whole / 10


def test_colour_temperatures_go_from_red_to_blue() -> None:
    warm, neutral, cold = (kelvin_to_linear_rgb(k) for k in (2700, 6504, 10000))
    assert warm[0] > warm[1] > warm[2]
    np.testing.assert_allclose(neutral, 1, atol=0.08)  # a black body at 6504 K lies close to D65
    assert cold[2] > cold[0]
    assert np.array(lamp_tint(3000, np.random.default_rng(0))) @ LUMINANCE == pytest.approx(1)
    assert tint(np.zeros(3)) == (1, 1, 1)


def test_a_low_sun_is_red_and_weak_against_its_sky() -> None:
    high_share, high_sun, high_sky = sun_and_sky(60, 0.1)
    low_share, low_sun, _ = sun_and_sky(8, 0.1)
    # A clear sky gives a tenth to a fifth of the light at noon (CIE, Perez 1993).
    assert 0.75 < high_share < 0.95
    assert low_share < high_share
    assert low_sun[0] / low_sun[2] > 1.5 * high_sun[0] / high_sun[2]
    assert high_sky[2] > 1.3 * high_sky[0]
    assert sun_and_sky(60, 0.3)[0] < high_share


def test_azimuth_counts_from_x_towards_y() -> None:
    np.testing.assert_allclose(unit_vector(90, 0), [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(DistantLight(0, 90, 1, 1, (1, 1, 1)).direction, [0, 0, 1], atol=1e-12)
