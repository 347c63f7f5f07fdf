"""Lenses: how directions become pixels, by OpenCV's model of a pinhole with Brown-Conrady distortion.

Normalised coordinates (x, y) are those of a point at depth 1 in front of the camera, x to the right and y down, as
OpenCV has them. Pixel (0, 0) is the upper left and its centre is (0.5, 0.5); OpenCV's own pixel coordinates are less by
half a pixel in both axes, and so are `cx` and `cy` in calibration files, in the index and in exports.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NO_DISTORTION = (0.0, 0.0, 0.0, 0.0, 0.0)

NEWTON_STEPS = 20
"""Four are enough for a phone's lens."""

CONVERGED = 1e-12


@dataclass(frozen=True)
class Lens:
    """Focal lengths and principal point in pixels, and distortion."""

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, float, float, float, float] = NO_DISTORTION
    """k1, k2, p1, p2, k3: radial and tangential coefficients in OpenCV's order."""

    @property
    def plain(self) -> "Lens":
        """The same lens without its distortion."""
        return replace(self, distortion=NO_DISTORTION)

    @property
    def is_plain(self) -> bool:
        """Whether straight lines stay straight."""
        return not any(self.distortion)

    def pixels(self, points: Floats) -> Floats:
        """Return the pixel coordinates (N, 2) of normalised coordinates (N, 2); beyond `reach` they mean nothing."""
        x, y = (points if self.is_plain else _distorted(points, self.distortion)).T
        return np.stack([self.cx_px + self.fx_px * x, self.cy_px + self.fy_px * y], axis=1)

    def normalised(self, pixels: Floats) -> Floats:
        """Return the normalised coordinates (N, 2) that appear at pixel coordinates (N, 2), by Newton's method.

        Raises:
            ArithmeticError: no direction appears there, so far outside the picture.
        """
        target = (pixels - [self.cx_px, self.cy_px]) / [self.fx_px, self.fy_px]
        if self.is_plain:
            return np.asarray(target)
        found = target.copy()
        for _ in range(NEWTON_STEPS):
            error = _distorted(found, self.distortion) - target
            if np.abs(error).max(initial=0.0) < CONVERGED:
                break
            a, b, d = _jacobian(found, self.distortion)
            found -= (
                np.stack([d * error[:, 0] - b * error[:, 1], a * error[:, 1] - b * error[:, 0]], axis=1)
                / (a * d - b * b)[:, None]
            )
        if not np.abs(_distorted(found, self.distortion) - target).max(initial=0.0) < 1e-6:
            raise ArithmeticError("a pixel of this lens shows no direction: its distortion folds over")
        return found

    @cached_property
    def reach(self) -> float:
        """Largest normalised distance from the axis that the picture shows; its corners and borders decide."""
        border = frame_border(self.width_px, self.height_px)
        return float(np.linalg.norm(self.normalised(border), axis=1).max())

    def folds(self) -> bool:
        """Return whether two directions could share a pixel of the picture, so that nothing is well defined."""
        if self.is_plain:
            return False
        try:
            reach = self.reach
        except ArithmeticError:
            return True
        turns, radii = np.meshgrid(np.linspace(0, 2 * np.pi, 73), np.linspace(0, reach, 65))
        a, b, d = _jacobian(np.stack([radii * np.cos(turns), radii * np.sin(turns)], axis=-1).reshape(-1, 2),
                            self.distortion)  # fmt: skip
        return bool((a * d - b * b).min() <= 0.05)

    def inside(self, points: Floats) -> NDArray[np.bool_]:
        """Return which normalised coordinates (N, 2) the picture shows, (N,)."""
        pixels = self.pixels(points)
        in_frame = ((pixels >= 0) & (pixels < [self.width_px, self.height_px])).all(axis=1)
        if self.is_plain:
            return np.asarray(in_frame)
        # Beyond the reach a distortion may fold back into the picture.
        return np.asarray(in_frame & (np.linalg.norm(points, axis=1) <= self.reach * (1 + 1e-9)))


def centred_lens(width_px: int, height_px: int, focal_px: float) -> Lens:
    """Return a plain lens whose axis is the middle of the picture."""
    return Lens(width_px, height_px, focal_px, focal_px, width_px / 2, height_px / 2)


def frame_border(width_px: float, height_px: float, left_px: float = 0.0, top_px: float = 0.0) -> Floats:
    """Return 65 points along each side of a rectangle of pixels, (260, 2)."""
    along = np.linspace(0, 1, 65)
    none, all_ = np.zeros(65), np.ones(65)
    shares = np.stack([np.concatenate([along, along, none, all_]), np.concatenate([none, all_, along, along])], axis=1)
    return np.asarray(shares * [width_px, height_px] + [left_px, top_px])


def _distorted(points: Floats, coefficients: tuple[float, float, float, float, float]) -> Floats:
    """Return distorted normalised coordinates (N, 2).

    Source: Brown 1966, Conrady 1919, in the form of OpenCV's ``projectPoints``.
    """
    k1, k2, p1, p2, k3 = coefficients
    x, y = points.T
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=1,
    )


def _jacobian(points: Floats, coefficients: tuple[float, float, float, float, float]) -> tuple[Floats, Floats, Floats]:
    """Return dx'/dx, dx'/dy (which is dy'/dx) and dy'/dy of the distortion, (N,) each."""
    k1, k2, p1, p2, k3 = coefficients
    x, y = points.T
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    slope = 2 * (k1 + r2 * (2 * k2 + r2 * 3 * k3))  # of `radial`, by x and divided by x
    return (
        radial + slope * x * x + 2 * p1 * y + 6 * p2 * x,
        slope * x * y + 2 * p1 * x + 2 * p2 * y,
        radial + slope * y * y + 6 * p1 * y + 2 * p2 * x,
    )
