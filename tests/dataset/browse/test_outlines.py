"""Outlines of masks: what is inside a path is the mask, pixel by pixel."""

import re

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.path import Path as Polygon

from core.errors import BrickbenchError
from dataset.browse.outlines import outline_path
from dataset.masks import encode_mask


def inside(path: str, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Return which pixel centres lie inside an odd number of the loops of `path`."""
    y, x = np.mgrid[:height, :width] + 0.5
    odd = np.zeros((height, width), dtype=np.bool_)
    for loop in path.split("z")[:-1]:
        here = [0, 0]
        corners = []
        for command, numbers in re.findall(r"([MHV])([\d ]+)", loop):
            values = [int(number) for number in numbers.split()]
            here = values if command == "M" else [values[0], here[1]] if command == "H" else [here[0], values[0]]
            corners.append(here)
        assert corners[0] == corners[-1]
        odd ^= Polygon(corners).contains_points(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(height, width)
    return odd


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.booleans()))
def test_inside_of_the_path_is_the_mask(mask: npt.NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(inside(outline_path(encode_mask(mask), *mask.shape), *mask.shape), mask)


def test_paths_worked_by_hand() -> None:
    mask = np.zeros((4, 5), dtype=np.bool_)
    assert outline_path(encode_mask(mask), 4, 5) == ""
    mask[1:3, 1:4] = True
    assert outline_path(encode_mask(mask), 4, 5) == "M1 1H4V3H1V1z"
    assert outline_path(encode_mask(~np.zeros((4, 5), dtype=np.bool_)), 4, 5) == "M0 0H5V4H0V0z"
    assert outline_path(encode_mask(np.eye(2, dtype=np.bool_)), 2, 2).count("H") == 4  # two pixels touch in a corner


def test_a_mask_of_another_size_is_damaged() -> None:
    rle = encode_mask(np.ones((3, 3), dtype=np.bool_))
    with pytest.raises(BrickbenchError, match=r"^Damaged mask: its runs should fill 3 x 4 pixels, they fill 9\. Run"):
        outline_path(rle, 3, 4)
