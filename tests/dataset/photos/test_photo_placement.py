"""Annotations at the working size: boxes worked by hand, masks against pycocotools, turned photos."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from dataset.masks import decode_mask, encode_mask
from dataset.photos.annotations import FrameRle, PhotoError, PhotoObject
from dataset.photos.decode import PhotoHeader
from dataset.photos.orientation import swaps_axes, turn_picture
from dataset.photos.placement import Placer
from dataset.records import PhotoInstance

WHOLE = (1.0, 1.0)


def header(width: int, height: int, orientation: int = 1) -> PhotoHeader:
    """Return the header of a photo stored as `width` x `height`."""
    upright = (height, width) if swaps_axes(orientation) else (width, height)
    return PhotoHeader(*upright, width, height, orientation, False)


def box(corners: Sequence[float]) -> PhotoObject:
    left, top, right, bottom = corners
    return PhotoObject("3001", (left, top, right, bottom))


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        ((100, 200, 300, 600), (10, 20, 20, 40)),
        ((300, 600, 100, 200), (10, 20, 20, 40)),  # corners the other way round
        ((-50, -50, 100, 100), (0, 0, 10, 10)),
        ((950, 900, 1200, 1200), (95, 90, 5, 10)),
        ((104, 204, 105, 205), (10, 20, 1, 1)),  # less than a pixel is one
        ((999, 999, 1000, 1000), (99, 99, 1, 1)),
    ],
)
def test_boxes_are_scaled_clipped_and_never_empty(
    corners: tuple[float, ...], expected: tuple[int, int, int, int]
) -> None:
    placer = Placer(header(1000, 1000), (1000.0, 1000.0), (100, 100))
    assert placer.place(box(corners), "3001") == PhotoInstance("3001", expected)
    shares = box([value / 1000 for value in corners])
    assert Placer(header(1000, 1000), WHOLE, (100, 100)).place(shares, "3001") == PhotoInstance("3001", expected)


@pytest.mark.parametrize("corners", [(1001, 10, 1100, 20), (10, -20, 20, -5), (float("nan"), 0, 1, 1)])
def test_boxes_outside_are_refused(corners: tuple[float, ...]) -> None:
    with pytest.raises(PhotoError, match=r"^has a box of '3001' that (lies outside it|is no four numbers)$"):
        Placer(header(1000, 1000), None, (100, 100)).place(box(corners), "3001")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_of_the_stored_picture_turns_with_it(orientation: int) -> None:
    stored = np.zeros((60, 80), dtype=np.uint8)
    stored[10:20, 50:75] = 1
    upright = turn_picture(stored, orientation)
    rows, columns = np.nonzero(upright)
    height, width = upright.shape
    expected = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    if swaps_axes(orientation):  # the annotation's size tells that its tool did not turn the photo
        placed = Placer(header(80, 60, orientation), (80.0, 60.0), (width, height)).place(box((50, 10, 75, 20)), "a")
        assert placed is not None
        assert placed.box_xywh_px == expected
    left, top, wide, high = (float(value) for value in expected)
    for frame in ((float(width), float(height)), None):
        thing = box((left, top, left + wide, top + high))
        placed = Placer(header(80, 60, orientation), frame, (width, height)).place(thing, "a")
        assert placed is not None
        assert placed.box_xywh_px == expected


def test_masks_of_a_turned_photo() -> None:
    stored = np.zeros((60, 80), dtype=bool)
    stored[10:20, 50:75] = True
    upright = turn_picture(stored.astype(np.uint8), 6) > 0
    placer = Placer(header(80, 60, 6), (80.0, 60.0), (60, 80))
    outline = PhotoObject("a", polygons=((50, 10, 75, 10, 75, 20, 50, 20),))
    for thing in (PhotoObject("a", rle=FrameRle(60, 80, encode_mask(stored))), outline):
        placed = placer.place(thing, "a")
        assert placed is not None
        assert np.array_equal(decode_mask(str(placed.visible_rle), 80, 60), upright)
        assert placed == PhotoInstance("a", (40, 50, 10, 25), 250, placed.visible_rle)


def test_a_size_that_fits_neither_way_is_told() -> None:
    with pytest.raises(PhotoError) as error:
        Placer(header(800, 600), (1024.0, 1024.0), (512, 384))
    assert str(error.value) == (
        "is 800 x 600 pixels, but was annotated as 1024 x 1024: the annotation is of another picture"
    )
    placed = Placer(header(800, 600), (1600.0, 1201.0), (400, 300)).place(box((160, 120, 320, 240)), "a")
    assert placed is not None  # annotated on a larger copy
    assert placed.box_xywh_px == (40, 30, 40, 30)


def test_polygons_are_those_of_pycocotools_at_the_working_size() -> None:
    polygons = ((100.0, 100.0, 500.0, 150.0, 300.0, 420.0), (700.0, 500.0, 780.0, 500.0, 780.0, 590.0, 700.0, 590.0))
    placed = Placer(header(800, 600), None, (400, 300)).place(PhotoObject("a", polygons=polygons), "a")
    assert placed is not None
    halves = [[value / 2 for value in polygon] for polygon in polygons]
    expected = coco.decode(coco.merge(coco.frPyObjects(halves, 300, 400)))
    assert np.array_equal(decode_mask(str(placed.visible_rle), 300, 400), expected)
    assert placed.visible_px == expected.sum()
    x, y, width, height = cv2.boundingRect(expected)
    assert placed.box_xywh_px == (x, y, width, height)


@pytest.mark.parametrize("as_text", [True, False])
def test_rle_masks_are_averaged_over_areas(as_text: bool) -> None:
    rng = np.random.default_rng(0)
    mask = cv2.resize(rng.integers(0, 2, (6, 8)).astype(np.uint8), (80, 60), interpolation=cv2.INTER_NEAREST)
    encoded = encode_mask(mask > 0)
    edges = np.flatnonzero(np.diff(mask.T.ravel(), prepend=0, append=2))
    counts = encoded if as_text else tuple(int(run) for run in np.diff([0, *edges]))
    placed = Placer(header(80, 60), None, (40, 30)).place(PhotoObject("a", rle=FrameRle(60, 80, counts)), "a")
    assert placed is not None
    assert np.array_equal(decode_mask(str(placed.visible_rle), 30, 40), mask[::2, ::2])


@pytest.mark.parametrize("counts", ["no rle é", (5, 5), (-5, 4805), ()])
def test_damaged_masks_are_told(counts: str | tuple[int, ...]) -> None:
    with pytest.raises(PhotoError, match=r"^has a damaged mask in its annotation$"):
        Placer(header(80, 60), None, (40, 30)).place(PhotoObject("a", rle=FrameRle(60, 80, counts)), "a")


def test_a_mask_larger_than_any_photo_is_not_laid_out() -> None:
    huge = FrameRle(10**6, 10**6, (10**12,))
    with pytest.raises(PhotoError, match=r"^has a mask in its annotation that is larger than any photo$"):
        Placer(header(80, 60), None, (40, 30)).place(PhotoObject("a", rle=huge), "a")


def test_what_has_no_outline_is_no_instance_and_a_sliver_keeps_its_box() -> None:
    placer = Placer(header(800, 600), None, (80, 60))
    assert placer.place(PhotoObject("a"), "a") is None
    sliver = PhotoObject("a", polygons=((100.0, 100.0, 101.0, 100.0, 101.0, 100.5),))
    assert placer.place(sliver, "a") == PhotoInstance("a", (10, 10, 1, 1))
    far = PhotoObject("a", polygons=((-1e9, -1e9, 1e9, -1e9, 1e9, 1e9, -1e9, 1e9),))
    placed = placer.place(far, "a")
    assert placed is not None
    assert placed.visible_px == 80 * 60
