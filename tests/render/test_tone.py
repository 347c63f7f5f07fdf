"""The tone curve, against values worked by hand and scikit-image's sRGB."""

import numpy as np
import pytest
from skimage.color import rgb2xyz, xyz2lab

from render.tone import MID_GREY, SHOULDER, saturated, to_srgb, tone

RAMP = np.linspace(0, 8, 4000, dtype=np.float32)
CURVES = [(1.0, 0.0), (1.35, 0.0), (1.0, 0.05), (1.2, 0.03), (0.7, 0.2)]


def toned_grey(values: np.ndarray | list[float], contrast: float, toe: float) -> np.ndarray:
    """Return the one value that all channels of each grey have."""
    channels = tone(np.repeat(np.asarray(values, dtype=np.float32)[:, None], 3, axis=1), contrast, toe)
    assert (channels == channels[:, :1]).all()
    return channels[:, 0]


def test_display_values_are_those_of_srgb() -> None:
    values = np.array([-0.5, 0.0, 0.001, 0.0031308, 0.18, 0.5, 0.8, 1.0, 3.0], dtype=np.float32)
    np.testing.assert_array_equal(to_srgb(values), [0, 0, round(255 * 12.92 * 0.001), 10, 118, 188, 231, 255, 255])
    display = np.arange(256) / 255
    linear = rgb2xyz(np.repeat(display[None, :, None], 3, axis=2))[0, :, 1]
    np.testing.assert_array_equal(to_srgb(linear.astype(np.float32)), np.arange(256))


def test_mid_grey_is_lightness_60() -> None:
    assert xyz2lab(np.array([[0.95047, 1.0, 1.08883]]) * MID_GREY)[0, 0] == pytest.approx(60, abs=1e-3)


@pytest.mark.parametrize(("contrast", "toe"), CURVES)
def test_a_curve_rises_from_black_to_white_and_keeps_mid_grey(contrast: float, toe: float) -> None:
    toned = toned_grey(RAMP, contrast, toe)
    assert (np.diff(toned) >= 0).all()
    assert toned[0] == 0
    assert 0.99 < toned[-1] <= 1
    assert toned_grey([MID_GREY], contrast, toe)[0] == pytest.approx(MID_GREY, rel=1e-5)
    assert toned_grey([-0.1], contrast, toe)[0] == 0


def test_a_plain_curve_is_the_identity_below_the_shoulder_and_smooth_at_it() -> None:
    below = RAMP[RAMP <= SHOULDER]
    np.testing.assert_allclose(toned_grey(below, 1, 0), below, rtol=1e-6)
    step = 1e-3
    low, high = toned_grey([SHOULDER - step, SHOULDER + step], 1, 0)
    assert high - low == pytest.approx(2 * step, rel=1e-2)
    by_hand = SHOULDER + (1 - SHOULDER) * (1 - np.exp(-1))  # 0.80 at 1: bright, not burnt out
    assert toned_grey([1.0], 1, 0)[0] == pytest.approx(by_hand)


def test_contrast_is_the_slope_in_stops_about_mid_grey() -> None:
    stops = np.log2(toned_grey([MID_GREY / 4, MID_GREY / 2], 1.3, 0) / MID_GREY)
    np.testing.assert_allclose(stops, [-2.6, -1.3], rtol=1e-5)


def test_the_toe_takes_half_of_the_light_at_its_value_and_hardly_any_far_above() -> None:
    kept = toned_grey([0.02, 0.2], 1, 0.02) / [0.02, 0.2] / ((MID_GREY + 0.02) / MID_GREY)
    np.testing.assert_allclose(kept, [1 / 2, 10 / 11], rtol=1e-5)


def test_toe_and_contrast_keep_the_ratios_of_the_channels_and_the_shoulder_turns_bright_light_white() -> None:
    color = np.float32([[0.3, 0.1, 0.02]])
    toned = tone(color, 1.4, 0.05)
    np.testing.assert_allclose(toned / toned.max(), color / color.max(), rtol=1e-5)
    bright = tone(color * 20, 1, 0)
    assert bright.min() / bright.max() > 2 * color.min() / color.max()


def test_saturation_keeps_luminance_and_hue() -> None:
    colors = np.random.default_rng(0).uniform(size=(50, 3)).astype(np.float32)
    luminance = luminance_of(colors)
    stronger = saturated(colors, 1.4)
    np.testing.assert_allclose(luminance_of(stronger), luminance, atol=1e-5)
    np.testing.assert_allclose(stronger - luminance[:, None], 1.4 * (colors - luminance[:, None]), atol=1e-5)
    np.testing.assert_allclose(saturated(colors, 0.0), np.repeat(luminance[:, None], 3, axis=1), atol=1e-6)
    np.testing.assert_allclose(saturated(colors, 1.0), colors, atol=1e-6)


def luminance_of(colors: np.ndarray) -> np.ndarray:
    """Return the luminance of linear Rec. 709 colours (N, 3) by its coefficients."""
    red, green, blue = colors.T
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
