"""Overlays: sizes, what stays visible, where colours end, and that colours differ to all eyes and in grey."""

import numpy as np
import pytest
from numpy.typing import NDArray

from explain.draw import GAMMA, OPACITY, STEPS, colouring_of, ground, overlay, shades, value_text, with_outline
from explain.panels import bar_colours
from explain.strongest import AGAINST, FOR

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)

# Machado, Oliveira, Fernandes 2009, severity 1, for linear RGB.
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
}


def lightness(colours: NDArray[np.uint8], eyes: str) -> NDArray[np.float64]:
    """Return CIE L* of sRGB colours (N, 3) as those eyes see them."""
    scaled = colours / 255
    linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    y = np.clip(linear @ EYES[eyes].T, 0, 1) @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray(np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27))


@pytest.mark.parametrize("resize", ["bilinear", "nearest"])
@pytest.mark.parametrize("size_px", [15, 60])
def test_size_and_type(resize: str, size_px: int) -> None:
    values = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    drawn = overlay(PICTURE, values, resize=resize, size_px=size_px, mask=np.eye(20, 30) > 0)  # type: ignore[arg-type]
    assert drawn.shape == (size_px * 2 // 3, size_px, 3)
    assert drawn.dtype == np.uint8


def test_a_map_of_zeros_leaves_the_picture_pale() -> None:
    drawn = overlay(PICTURE, np.zeros((4, 6)), resize="nearest", size_px=30)
    grey = PICTURE @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(drawn, 45 + 105 * (0.3 * PICTURE + 0.7 * grey[..., None]) / 255, atol=0.51)


def test_infinite_and_undefined_values_are_left_out() -> None:
    drawn = overlay(PICTURE, np.array([[np.nan, np.inf], [1.0, 0.0]]), resize="nearest", size_px=30)
    zeros = overlay(PICTURE, np.array([[0.0, 0.0], [1.0, 0.0]]), resize="nearest", size_px=30)
    np.testing.assert_array_equal(drawn, zeros)


def test_colours_do_not_depend_on_the_scale_of_the_map() -> None:
    values = np.random.default_rng(1).normal(size=(4, 6))
    one, other = (overlay(PICTURE, values * scale, resize="bilinear") for scale in (2.0**-20, 2.0**20))
    np.testing.assert_array_equal(one, other)


def test_opacity_goes_from_the_picture_to_the_colour() -> None:
    values = np.array([[1.0, 0.0], [-1.0, 0.0]])
    np.testing.assert_array_equal(overlay(PICTURE, values, resize="nearest", size_px=30, opacity=0.0), PICTURE)
    whole = overlay(PICTURE, values, resize="nearest", size_px=30, opacity=1.0)
    assert (whole[:10, :15] == shades()[-1]).all()
    assert (whole[10:, :15] == shades()[0]).all()


def test_colouring_is_diverging_only_for_signed_maps() -> None:
    assert (colouring_of(np.array([[0.0, 2.0]])).low, colouring_of(np.array([[0.0, 2.0]])).limit) == (0.0, 2.0)
    assert (colouring_of(np.array([[-3.0, 2.0]])).low, colouring_of(np.array([[-3.0, 2.0]])).limit) == (-3.0, 3.0)


def test_maps_without_negative_values_begin_at_their_smallest() -> None:
    colouring = colouring_of(np.array([[0.25, 0.5]]))
    assert (colouring.low, colouring.limit) == (0.25, 0.5)
    np.testing.assert_allclose(colouring.strength(np.array([0.25, 0.375, 0.5, np.nan])), [0, 0.5, 1, 0])
    level = colouring_of(np.full((2, 2), 0.5))
    assert (level.low, level.limit) == (0.0, 0.5)
    nothing = colouring_of(np.zeros((2, 2)))
    assert (nothing.signed, nothing.low, nothing.limit) == (False, 0.0, 1.0)


def test_only_pixel_wise_maps_are_cut_at_the_99th_percentile() -> None:
    values = np.arange(1.0, 1001.0)  # 1,000 different ones
    assert colouring_of(values[None]).limit == 1000
    signed = np.r_[values, -1e6, np.zeros(9000)].reshape(1, -1)
    colouring = colouring_of(signed)
    assert colouring.limit == pytest.approx(np.percentile(np.r_[values, 1e6], 99))
    assert colouring.ticks() == [(-colouring.limit, "≤ −991"), (0.0, "0"), (colouring.limit, "≥ 991")]
    assert colouring.largest == 1e6
    blocks = np.kron(np.r_[np.arange(1.0, 50.0), 1000.0].reshape(5, 10), np.ones((20, 20)))  # superpixels
    assert colouring_of(blocks).ticks() == [(0.0, "0"), (1000.0, "1e+03")]


def test_numbers_have_a_minus_sign_that_is_one() -> None:
    assert [value_text(value) for value in (-0.12345, 0.0, 2e-7)] == ["−0.123", "0", "2e−07"]


@pytest.mark.parametrize("eyes", EYES)
def test_every_step_from_against_to_for_is_lighter(eyes: str) -> None:
    strong = np.abs(np.linspace(-1, 1, 2 * STEPS + 1)) >= 0.15
    bar = bar_colours(colouring_of(np.array([[-1.0, 1.0]])), count=2 * STEPS + 1)
    seen = lightness(bar, eyes)
    below, above = seen[: STEPS + 1], seen[STEPS:]
    assert (np.diff(below)[strong[:STEPS]] >= -0.6).all()  # whole numbers of 8 bits jitter by as much
    assert (np.diff(above)[strong[STEPS + 1 :]] >= -0.6).all()
    assert below[0] < seen[STEPS] - 20
    assert above[-1] > seen[STEPS] + 20


@pytest.mark.parametrize("eyes", EYES)
def test_areas_for_and_against_differ_from_each_other_and_from_any_ground(eyes: str) -> None:
    light, dark = lightness(np.array([FOR, AGAINST], dtype=np.uint8), eyes)
    black, white = lightness(
        np.round(ground(np.array([[[0] * 3, [255] * 3]], dtype=np.uint8))[0]).astype(np.uint8), eyes
    )
    assert light - dark > 40
    assert light > white
    assert dark < (black + white) / 2


def test_cover_grows_with_strength() -> None:
    white = np.full((1, 2 * STEPS + 1, 3), 255, dtype=np.uint8)
    values = np.linspace(-1, 1, 2 * STEPS + 1)[None]
    drawn = overlay(white, values, resize="nearest", size_px=2 * STEPS + 1)
    cover = OPACITY * np.abs(values[0, :, None]) ** GAMMA
    np.testing.assert_allclose(drawn[0], 150 * (1 - cover) + shades() * cover, atol=0.51)


def test_an_outline_stays_near_the_mask_and_leaves_the_picture_untouched() -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[8:12, 8:12] = True
    before = PICTURE.copy()
    drawn = with_outline(PICTURE, mask)
    np.testing.assert_array_equal(PICTURE, before)
    np.testing.assert_array_equal(drawn[:, 20:], PICTURE[:, 20:])
    assert (drawn != PICTURE).any()
