"""Overlays: sizes, what stays visible, and that no value breaks them."""

import numpy as np
import pytest

from explain.draw import colouring_of, overlay, with_outline

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


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
    np.testing.assert_allclose(drawn, 0.35 * PICTURE + 0.65 * grey[..., None], atol=0.51)


def test_infinite_and_undefined_values_are_left_out() -> None:
    drawn = overlay(PICTURE, np.array([[np.nan, np.inf], [1.0, 0.0]]), resize="nearest", size_px=30)
    zeros = overlay(PICTURE, np.array([[0.0, 0.0], [1.0, 0.0]]), resize="nearest", size_px=30)
    np.testing.assert_array_equal(drawn, zeros)


def test_colours_do_not_depend_on_the_scale_of_the_map() -> None:
    values = np.random.default_rng(1).normal(size=(4, 6))
    one, other = (overlay(PICTURE, values * scale, resize="bilinear") for scale in (1e-6, 1e6))
    assert np.abs(one.astype(int) - other).max() <= 1


def test_colouring_is_diverging_only_for_signed_maps() -> None:
    assert (colouring_of(np.array([[0.0, 2.0]])).low, colouring_of(np.array([[0.0, 2.0]])).limit) == (0.0, 2.0)
    assert (colouring_of(np.array([[-3.0, 2.0]])).low, colouring_of(np.array([[-3.0, 2.0]])).limit) == (-3.0, 3.0)


def test_an_outline_stays_near_the_mask_and_leaves_the_picture_untouched() -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[8:12, 8:12] = True
    before = PICTURE.copy()
    drawn = with_outline(PICTURE, mask)
    np.testing.assert_array_equal(PICTURE, before)
    np.testing.assert_array_equal(drawn[:, 20:], PICTURE[:, 20:])
    assert (drawn != PICTURE).any()
