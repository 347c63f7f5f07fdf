"""Masks as text, against plain numpy and pycocotools."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from core.errors import BrickbenchError
from dataset.masks import decode_mask, decode_union, encode_crop, encode_mask, run_lengths

Mask = npt.NDArray[np.bool_]
masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))


def plain_run_lengths(mask: Mask) -> list[int]:
    runs, value, length = [], False, 0
    for pixel in mask.T.ravel():  # down the columns
        if pixel != value:
            runs.append(length)
            value, length = pixel, 0
        length += 1
    return [*runs, length]


@given(masks)
def test_masks_come_back_as_they_went(mask: Mask) -> None:
    rle = encode_mask(mask)
    assert run_lengths(rle).tolist() == plain_run_lengths(mask)
    decoded = decode_mask(rle, *mask.shape)
    assert decoded.dtype == np.bool_
    np.testing.assert_array_equal(decoded, mask)


@given(masks, *[st.integers(0, 3)] * 4)
def test_a_crop_is_encoded_as_the_picture_around_it(mask: Mask, left: int, top: int, right: int, bottom: int) -> None:
    whole = np.pad(mask, ((top, bottom), (left, right)))
    assert encode_crop(mask, left, top, *whole.shape) == encode_mask(whole)


def test_an_empty_crop_is_an_empty_picture() -> None:
    assert encode_crop(np.zeros((0, 0), dtype=np.bool_), 0, 0, 5, 7) == encode_mask(np.zeros((5, 7), dtype=np.bool_))


@given(st.lists(st.integers(0, 2**20), min_size=1, max_size=12))
def test_long_runs_are_those_of_pycocotools(runs: list[int]) -> None:
    height, width = 1, sum(runs)
    encoded = coco.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    assert run_lengths(encoded["counts"].decode()).tolist() == runs


def test_large_masks_are_those_of_pycocotools() -> None:
    rng = np.random.default_rng(0)
    mask = np.asarray(rng.random((300, 200)) < rng.random((300, 1)))
    encoded = {"size": list(mask.shape), "counts": encode_mask(mask).encode()}
    np.testing.assert_array_equal(decode_mask(encode_mask(mask), 300, 200), coco.decode(encoded).astype(bool))
    assert coco.area(encoded) == mask.sum()


def test_hand_worked_mask() -> None:
    mask = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=np.bool_)
    assert run_lengths(encode_mask(mask)).tolist() == [5, 2, 2, 2, 5]


def test_union_is_the_or_of_its_masks() -> None:
    rng = np.random.default_rng(1)
    stack = rng.random((3, 9, 7)) < 0.2
    np.testing.assert_array_equal(decode_union(map(encode_mask, stack), 9, 7), stack.any(axis=0))
    assert decode_union([], 9, 7).shape == (9, 7)
    assert not decode_union([], 9, 7).any()


@pytest.mark.parametrize("size", [(4, 4), (6, 6), (1, 1)])
def test_mask_of_another_size_is_refused(size: tuple[int, int]) -> None:
    rle = encode_mask(np.ones((4, 5), dtype=np.bool_))
    with pytest.raises(BrickbenchError, match=rf"should fill {size[0]} x {size[1]} pixels, they fill 20. Run `brickb"):
        decode_mask(rle, *size)


@settings(max_examples=50)
@given(st.text(max_size=30))
def test_any_text_gives_a_mask_or_one_sentence(text: str) -> None:
    message = ""
    try:
        assert decode_mask(text, 6, 5).shape == (6, 5)
    except BrickbenchError as error:
        message = str(error)
    assert not message or message.startswith("Damaged mask: ")
