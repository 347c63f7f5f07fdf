"""Annotated boxes and masks, brought from the frame they were drawn in to the working size of the photo."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from core.errors import BrickbenchError
from dataset.masks import BoolMask, decode_mask, encode_mask
from dataset.photos.annotations import FrameRle, PhotoError, PhotoObject
from dataset.photos.decode import LARGEST_PHOTO_PX, PhotoHeader
from dataset.photos.orientation import Pixels, Points, turn_picture, turn_points
from dataset.records import PhotoInstance

SAME_SHAPE = 0.02  # difference of aspect ratios that rounding gives a picture of fifty pixels
_WHOLE = (1.0, 1.0)


class Placer:
    """Brings the objects of one photo to its working size."""

    def __init__(self, header: PhotoHeader, frame: tuple[float, float] | None, size: tuple[int, int]) -> None:
        """Take the photo's header, the (width, height) its annotation speaks of, and the working (width, height).

        Tools that turn a photo upright before it is annotated tell its upright size; those that do not tell the size
        in the file, and then the coordinates are turned as the picture is.

        Raises:
            PhotoError: the annotation is of a picture of another shape.
        """
        self.width, self.height = size
        upright = (float(header.width), float(header.height))
        self.frame = frame or upright
        self.orientation = 1
        if self.frame == _WHOLE or _same_shape(self.frame, upright):
            return
        if _same_shape(self.frame, (header.stored_width, header.stored_height)):
            self.orientation = header.orientation
            return
        raise PhotoError(
            f"is {header.width} x {header.height} pixels, but was annotated as {frame_text(self.frame)}: "
            "the annotation is of another picture"
        )

    def place(self, thing: PhotoObject, part_id: str) -> PhotoInstance | None:
        """Return the object at the working size, None if it has neither a box nor a mask.

        With a mask, the box is the tight one of the mask.

        Raises:
            PhotoError: it lies outside the picture.
        """
        mask = self._mask(thing)
        if mask is not None and mask.any():
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            left, top = int(columns[0]), int(rows[0])
            box = (left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1)
            return PhotoInstance(part_id, box, int(mask.sum()), encode_mask(mask))
        corners = thing.box_xyxy or _bounds(thing.polygons)
        if corners is None:
            if mask is not None:
                raise PhotoError(f"has an empty mask of {thing.class_name!r}")
            return None
        return PhotoInstance(part_id, self._box(corners, thing.class_name), None, None)

    def _box(self, corners: Sequence[float], name: str) -> tuple[int, int, int, int]:
        """Return (left, top, width, height) of at least one pixel, clipped to the picture."""
        if not np.isfinite(corners).all():
            raise PhotoError(f"has a box of {name!r} that is no four numbers")
        self._require_pixels(corners, f"a box of {name!r}")
        ends = self._points(np.array(corners).reshape(2, 2))
        (left, top), (right, bottom) = ends.min(axis=0), ends.max(axis=0)
        if right <= 0 or bottom <= 0 or left >= self.width or top >= self.height:
            raise PhotoError(f"has a box of {name!r} that lies outside it")
        x0 = min(max(int(left + 0.5), 0), self.width - 1)
        y0 = min(max(int(top + 0.5), 0), self.height - 1)
        x1 = min(max(int(right + 0.5), x0 + 1), self.width)
        y1 = min(max(int(bottom + 0.5), y0 + 1), self.height)
        return x0, y0, x1 - x0, y1 - y0

    def _points(self, points: Points) -> Points:
        """Return points (N, 2) of the frame at the working size."""
        upright = turn_points(points, self.orientation, *self.frame)
        width, height = self.frame[::-1] if self.orientation >= 5 else self.frame
        return np.asarray(upright * np.array([self.width / width, self.height / height]))

    def _mask(self, thing: PhotoObject) -> BoolMask | None:
        """Return the mask (height, width) bool of an object, None if it has no outline."""
        if thing.rle is not None:
            stored = _decode_rle(thing.rle)
            self._require_shape(thing.rle)
            pixels = turn_picture(stored, self.orientation)
            if pixels.shape != (self.height, self.width):
                # An area of the mask counts where half of it is covered, as a pixel does.
                size = (self.width, self.height)
                return np.asarray(cv2.resize(pixels * np.uint8(255), size, interpolation=cv2.INTER_AREA) >= 128)
            return np.asarray(pixels != 0)
        if not thing.polygons:
            return None
        outlines = [self._points(np.array(polygon).reshape(-1, 2)).ravel() for polygon in thing.polygons]
        if not all(np.isfinite(outline).all() for outline in outlines):
            raise PhotoError(f"has an outline of {thing.class_name!r} that is not all numbers")
        self._require_pixels(
            [value for polygon in thing.polygons for value in polygon], f"an outline of {thing.class_name!r}"
        )
        outlines = [_clipped(outline, self.width, self.height) for outline in outlines]
        parts = coco.frPyObjects([outline.tolist() for outline in outlines], self.height, self.width)
        return np.asarray(coco.decode(coco.merge(parts)), dtype=np.bool_)

    def _require_pixels(self, values: Sequence[float], what: str) -> None:
        if self.frame != _WHOLE and min(self.frame) > 2 and max(map(abs, values)) <= 1.0:
            raise PhotoError(f"has {what} in shares of the picture, where pixels are expected")

    def _require_shape(self, rle: FrameRle) -> None:
        """Raise PhotoError if a mask is of another shape than the picture that was annotated."""
        size = (float(rle.width), float(rle.height))
        if self.frame != _WHOLE and not _same_shape(size, self.frame):
            raise PhotoError(
                f"was annotated as {frame_text(self.frame)}, but has a mask of {frame_text(size)} pixels: the mask is "
                "of another picture"
            )


def frame_text(frame: tuple[float, float]) -> str:
    """Return such as ``800 x 600``."""
    return f"{frame[0]:g} x {frame[1]:g}"


def _same_shape(frame: tuple[float, float], size: tuple[float, float]) -> bool:
    """Return whether `frame` is `size` itself, or that picture made smaller or larger."""
    return min(frame) > 0 and abs(frame[0] * size[1] / (frame[1] * size[0]) - 1.0) <= SAME_SHAPE


def _bounds(polygons: Sequence[Sequence[float]]) -> tuple[float, float, float, float] | None:
    points = np.array([value for polygon in polygons for value in polygon]).reshape(-1, 2)
    if not points.size:
        return None
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _clipped(outline: npt.NDArray[np.float64], width: int, height: int) -> npt.NDArray[np.float64]:
    """Keep an outline within reach: pycocotools walks every pixel of an edge, however far outside it runs."""
    far = 2.0 * max(width, height)
    return outline.clip(-far, far + max(width, height))


def _decode_rle(rle: FrameRle) -> Pixels:
    """Return the mask (height, width) uint8 of 0 and 1."""
    if rle.height * rle.width > LARGEST_PHOTO_PX:
        raise PhotoError("has a mask in its annotation that is larger than any photo")
    try:
        return decode_mask(rle.counts, rle.height, rle.width).view(np.uint8)
    except BrickbenchError as error:
        raise PhotoError("has a damaged mask in its annotation") from error
