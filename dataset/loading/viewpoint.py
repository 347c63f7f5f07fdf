"""Another view of the same picture: crop, tilt, turn, zoom and mirroring as one map of the plane, sampled once.

One resampling instead of four keeps pictures sharp, and pictures and masks go through the very same matrix.
"""

from typing import Any

import albumentations
import cv2
import numpy as np
import numpy.typing as npt
from albumentations.core.type_definitions import Targets

from dataset.loading.augment import AugmentSettings

Matrix = npt.NDArray[np.float64]
"""(3, 3): maps (x, y, 1) in pixels of the source to pixels of the result; pixel i covers i to i + 1."""

UNWARPED = 0.25  # so many pictures are only mirrored and turned: as sharp as the pictures of validation
LARGEST_SHRINKING = 1.4  # bilinear sampling skips pixels beyond; the source is averaged down first
_ROTATIONS = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
_CORNERS = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])


class Viewpoint(albumentations.DualTransform):  # type: ignore[misc]
    """An albumentations step that gives pictures and masks of (size_px, size_px), seen from elsewhere.

    After a call, ``params["matrix"]`` is the map that was drawn. What lies beyond the edges is reflected, in masks too.
    Mirrored and quarter-turned pictures of the size asked for are exact copies; masks are sampled at the nearest pixel.
    """

    _targets = (Targets.IMAGE, Targets.MASK)

    def __init__(self, settings: AugmentSettings, size_px: int, *, crop: bool = True) -> None:
        """Take what may be drawn, the side of the result, and whether crops are allowed at all."""
        super().__init__(p=1.0)
        self._settings, self._size_px, self._crop = settings, size_px, crop
        self._warps = bool(
            settings.rotate_deg
            or settings.zoom > 1
            or settings.perspective
            or (crop and (settings.crop_area_min < 1 or settings.crop_stretch > 1))
        )

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Return the ``matrix`` drawn for this picture, what it is made of, and if it warps, ``places`` to sample."""
        del data
        settings, numbers = self._settings, self.random_generator
        mirrored = bool(settings.flips and numbers.random() < 0.5)
        turns = int(numbers.integers(4)) if settings.quarter_turns else 0
        warped = self._warps and numbers.random() >= UNWARPED
        height, width = params["shape"][:2]
        matrix = _scaled(1 / width, 1 / height, -0.5)
        if warped:
            matrix = self._warp() @ matrix
        cos, sin = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[turns]
        turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
        mirror = np.diag([-1.0 if mirrored else 1.0, 1.0, 1.0])
        # From the unit square around 0 to pixels of the result.
        matrix = _scaled(self._size_px, self._size_px, self._size_px / 2) @ turn @ mirror @ matrix
        if not warped:
            return {"matrix": matrix, "turns": turns, "mirrored": mirrored, "places": None}
        return {"matrix": matrix, "turns": turns, "mirrored": mirrored, "places": _places(matrix, self._size_px)}

    def apply(self, img: npt.NDArray[Any], **params: Any) -> npt.NDArray[Any]:
        """Return the picture (H, W, 3) uint8 as (size_px, size_px, 3)."""
        if params["places"] is None:
            shrinks = max(img.shape[:2]) > self._size_px
            return self._turned(img, params, cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        x, y = params["places"]
        shrinking = _shrinking(params["matrix"], self._size_px)
        if shrinking > LARGEST_SHRINKING:
            height, width = (max(round(side / shrinking), 1) for side in img.shape[:2])
            matrix = params["matrix"] @ _scaled(img.shape[1] / width, img.shape[0] / height, 0.0)
            x, y = _places(matrix, self._size_px)
            img = cv2.resize(img, (width, height), interpolation=cv2.INTER_AREA)
        return cv2.remap(img, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)

    def apply_to_mask(self, mask: npt.NDArray[Any], **params: Any) -> npt.NDArray[Any]:
        """Return the mask (H, W) as (size_px, size_px), each value one that was there."""
        if params["places"] is None:
            return self._turned(mask, params, cv2.INTER_NEAREST_EXACT)
        x, y = params["places"]
        return np.asarray(cv2.remap(mask, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101))

    def _turned(self, array: npt.NDArray[Any], params: dict[str, Any], interpolation: int) -> npt.NDArray[Any]:
        size = self._size_px
        if array.shape[:2] != (size, size):
            array = cv2.resize(array, (size, size), interpolation=interpolation)
        array = cv2.flip(array, 1) if params["mirrored"] else array  # 50 times as fast as NumPy's strides
        rotation = _ROTATIONS[params["turns"]]
        return array if rotation is None else cv2.rotate(array, rotation)

    def _warp(self) -> Matrix:
        """Return a map of the unit square around 0: crop, tilt, then rotate and zoom."""
        settings, numbers = self._settings, self.random_generator
        matrix = np.eye(3)
        if self._crop and (settings.crop_area_min < 1 or settings.crop_stretch > 1):
            area = numbers.uniform(settings.crop_area_min, 1.0)
            ratio = settings.crop_stretch ** numbers.uniform(-1.0, 1.0)
            wide, high = min(np.sqrt(area * ratio), 1.0), min(np.sqrt(area / ratio), 1.0)
            left, top = numbers.uniform(-0.5, 0.5 - wide), numbers.uniform(-0.5, 0.5 - high)
            matrix = np.array(
                [[1 / wide, 0, -(left + wide / 2) / wide], [0, 1 / high, -(top + high / 2) / high], [0, 0, 1]]
            )
        if settings.perspective:
            shifted = _CORNERS + numbers.uniform(-settings.perspective, settings.perspective, size=(4, 2))
            matrix = cv2.getPerspectiveTransform(shifted.astype(np.float32), _CORNERS.astype(np.float32)) @ matrix
        if settings.rotate_deg or settings.zoom > 1:
            angle = np.deg2rad(numbers.uniform(-settings.rotate_deg, settings.rotate_deg))
            wide, high = numbers.uniform(1 / settings.zoom, settings.zoom, size=2)
            cos, sin = np.cos(angle), np.sin(angle)
            matrix = np.array([[cos * wide, sin * high, 0], [-sin * wide, cos * high, 0], [0, 0, 1]]) @ matrix
        return matrix


def _places(matrix: Matrix, size_px: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return x and y, (size_px, size_px) each, at which the source is sampled, counted from pixels' centres.

    Picture and mask share them, which takes less time than a warp of OpenCV for each.
    """
    (xx, xy, x1), (yx, yy, y1), (wx, wy, w1) = cv2.invert(matrix)[1].tolist()
    along = np.arange(size_px, dtype=np.float32) + np.float32(0.5)
    x = np.add.outer(xy * along + x1, xx * along)
    y = np.add.outer(yy * along + y1, yx * along)
    if wx or wy:
        scale = 1 / np.add.outer(wy * along + w1, wx * along)
        x *= scale
        y *= scale
    elif w1 != 1:
        x /= w1
        y /= w1
    x -= 0.5
    y -= 0.5
    return x, y


def frame_of(matrix: Matrix, size_px: int) -> npt.NDArray[np.float64]:
    """Return the corners (4, 2), x and y in pixels of the source, of a result of `size_px` that `matrix` makes."""
    corners = np.array([[0, 0, 1], [size_px, 0, 1], [size_px, size_px, 1], [0, size_px, 1]], dtype=np.float64)
    inverse = cv2.invert(matrix)[1]  # NumPy asks BLAS, whose threads took 10 ms for nine numbers on a busy machine
    back = corners @ np.asarray(inverse).T
    return np.asarray(back[:, :2] / back[:, 2:])


def shows_all(matrix: Matrix, source_size_px: int, size_px: int) -> bool:
    """Return whether a result is the whole source, at most mirrored and turned by quarters."""
    corners = frame_of(matrix, size_px) / source_size_px
    return bool(np.abs(np.abs(corners - 0.5) - 0.5).max() < 1e-9)


def inside_frame(matrix: Matrix, source_size_px: int, size_px: int) -> npt.NDArray[np.bool_]:
    """Return which pixels of the source, (source_size_px, source_size_px), have their centre in the result.

    Within each row they reach from the last edge that is entered to the first that is left.
    """
    corners = frame_of(matrix, size_px)
    following = corners[[1, 2, 3, 0]]
    run, rise = (following - corners).T
    side = 1.0 if run[0] * rise[1] > run[1] * rise[0] else -1.0  # -1 if it is mirrored
    centres = np.arange(source_size_px) + 0.5
    first, last = np.full(source_size_px, -np.inf), np.full(source_size_px, np.inf)
    for (x, y), dx, dy in zip(corners, side * run, side * rise, strict=True):
        # On the inner side of an edge, dx (centre_y - y) > dy (centre_x - x).
        if abs(dy) < 1e-12:
            last[dx * (centres - y) <= 0] = -np.inf
            continue
        crossing = x + dx / dy * (centres - y)
        if dy > 0:
            np.minimum(last, crossing, out=last)
        else:
            np.maximum(first, crossing, out=first)
    along = centres.astype(np.float32)
    return (along > first.astype(np.float32)[:, None]) & (along < last.astype(np.float32)[:, None])


def _shrinking(matrix: Matrix, size_px: int) -> float:
    """Return how many pixels of the source lie along one of the result, in its middle."""
    inverse = cv2.invert(matrix)[1]
    wx, wy, w1 = inverse[2].tolist()
    depth = (wx + wy) * size_px / 2 + w1
    return float(np.sqrt(abs(cv2.determinant(inverse) / depth**3)))


def _scaled(x: float, y: float, shift: float) -> Matrix:
    return np.array([[x, 0.0, shift], [0.0, y, shift], [0.0, 0.0, 1.0]])
