"""A sheet of texels whose right border joins its left one, and its upper the lower: what surfaces are drawn on."""

import itertools
from collections.abc import Sequence
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

Field = NDArray[np.float32]


class Canvas:
    """A field of `shape` texels (H, W), each `texel_mm` (x, y) large, with its source of chance."""

    def __init__(self, shape: tuple[int, int], texel_mm: float | tuple[float, float], rng: np.random.Generator) -> None:
        """Lay the canvas out."""
        self.shape = shape
        self.texel_mm = (texel_mm, texel_mm) if isinstance(texel_mm, float | int) else texel_mm
        self.rng = rng

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height in millimetres."""
        return self.shape[1] * self.texel_mm[0], self.shape[0] * self.texel_mm[1]

    @cached_property
    def x(self) -> Field:
        """Millimetres along x of each texel's middle, (1, W)."""
        return ((np.arange(self.shape[1], dtype=np.float32) + 0.5) * self.texel_mm[0])[None]

    @cached_property
    def y(self) -> Field:
        """Millimetres along y of each texel's middle, (H, 1)."""
        return ((np.arange(self.shape[0], dtype=np.float32) + 0.5) * self.texel_mm[1])[:, None]

    def noise(self, length_mm: float, width_mm: float | None = None, octaves: int = 1) -> Field:
        """Return noise of mean 0 and standard deviation 1, (H, W).

        White noise is filtered by Gaussians in the frequency domain, which makes it seamless.

        Args:
            length_mm: size of the coarsest grain along x.
            width_mm: the same along y; the same by default.
            octaves: how many sizes, each half of the one before and half as strong.
        """
        height, width = self.shape
        along = fft.rfftfreq(width, self.texel_mm[0]).astype(np.float32)[None] * length_mm
        across = fft.fftfreq(height, self.texel_mm[1]).astype(np.float32)[:, None] * (width_mm or length_mm)
        power = np.zeros((height, width // 2 + 1), np.float32)
        for octave in range(octaves):
            size = 0.5**octave
            # By the area of a grain, so that each octave has a quarter of the variance of the one before.
            power += (0.25**octave) * size**2 * np.exp(-((1.5 * size * along) ** 2) - (1.5 * size * across) ** 2)
        power[0, 0] = 0
        white = fft.rfft2(self.rng.standard_normal(self.shape, dtype=np.float32))
        field = fft.irfft2(white * np.sqrt(power), s=self.shape)
        return np.asarray(field / max(float(field.std()), 1e-12), np.float32)

    def cells(self, pitch_mm: float) -> tuple[Field, Field]:
        """Return the distance to the nearest of seeds `pitch_mm` apart, in pitches, and a lot of its cell, 0..1."""
        height, width = self.shape
        rows, columns = (max(round(size / pitch_mm), 1) for size in (self.size_mm[1], self.size_mm[0]))
        chance = self.rng.uniform(size=(3, rows, columns))
        seed_y = ((np.arange(rows)[:, None] + chance[0]) / rows * height).astype(int) % height
        seed_x = ((np.arange(columns)[None] + chance[1]) / columns * width).astype(int) % width
        empty = np.full(self.shape, 255, np.uint8)
        empty[seed_y, seed_x] = 0
        lots = np.zeros(self.shape, np.float32)
        lots[seed_y, seed_x] = chance[2]
        margin = min(int(3 * pitch_mm / min(self.texel_mm)) + 2, min(self.shape))
        wrapped = np.pad(empty, margin, mode="wrap")
        distance, labels = cv2.distanceTransformWithLabels(wrapped, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        of_label = np.zeros(int(labels.max()) + 1, np.float32)
        at = wrapped == 0
        of_label[labels[at]] = np.pad(lots, margin, mode="wrap")[at]
        inside = (slice(margin, margin + height), slice(margin, margin + width))
        return distance[inside] * (self.texel_mm[0] / pitch_mm), of_label[labels[inside]]

    def strokes(
        self,
        points_mm: Sequence[NDArray[np.float64]],
        tones: Sequence[float],
        width_mm: float,
        ground: Field | float = 0.0,
    ) -> Field:
        """Return what lines through `points_mm`, each (N, 2), leave when drawn one over the other, (H, W).

        Each has its tone, 0..1; what goes over a border comes in at the other one.
        """
        size = np.array(self.size_mm)
        drawn = np.rint(np.broadcast_to(np.asarray(ground, np.float32), self.shape) * 65535).astype(np.uint16)
        drawn = np.ascontiguousarray(drawn)
        thick = max(round(width_mm / self.texel_mm[0]), 1)
        for line, tone in zip(points_mm, tones, strict=True):
            low, high = line.min(axis=0) - width_mm, line.max(axis=0) + width_mm
            copies = [(0, *[1] * bool(low[axis] < 0), *[-1] * bool(high[axis] > size[axis])) for axis in (0, 1)]
            for shift in itertools.product(*copies):
                moved = (line + shift * size) / self.texel_mm - 0.5
                cv2.polylines(
                    drawn, [np.rint(moved * 16).astype(np.int32)], False, (tone * 65535,), thick, cv2.LINE_8, 4
                )
        return drawn.astype(np.float32) / 65535

    def blurred(self, field: Field, radius_mm: float) -> Field:
        """Return the field blurred by a Gaussian that goes on beyond the border."""
        margin = int(4 * radius_mm / min(self.texel_mm)) + 1
        wide = np.pad(field, margin, mode="wrap")
        sigma = [radius_mm / texel for texel in self.texel_mm]
        soft = cv2.GaussianBlur(wide, (0, 0), sigmaX=sigma[0], sigmaY=sigma[1])
        return np.asarray(soft[margin:-margin, margin:-margin], np.float32)


def ramp(value: Field | NDArray[np.float64], low: float, high: float) -> Field:
    """Return `value` stretched so that low..high becomes 0..1, smoothly (smoothstep), clamped."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def to_line(axis: Field, pitch_mm: float) -> Field:
    """Return the distance to the nearest of the lines at whole multiples of `pitch_mm`."""
    return np.asarray(np.abs((axis + pitch_mm / 2) % pitch_mm - pitch_mm / 2), np.float32)
