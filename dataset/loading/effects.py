"""What light, lens and sensor do to a picture, as steps of albumentations that it lacks or has too slow.

Measured on one core at 224 px: albumentations' GaussNoise takes some 4 ms a picture, its shadows have hard edges.
"""

from functools import lru_cache
from typing import Any

import albumentations
import cv2
import numpy as np
import numpy.typing as npt

from core.seeding import Purpose, generator

Image = npt.NDArray[np.uint8]
_NOISE_VALUES = 1 << 20


class WhiteBalance(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """Light that is warmer or colder: gains of red and blue that go against each other, and a smaller one of green."""

    def __init__(self, largest: float, p: float = 0.75) -> None:
        """Take the largest relative gain of red."""
        super().__init__(p=p)
        self._largest = largest

    def get_params(self) -> dict[str, Any]:
        """Return ``gains`` (3,)."""
        warmth, tint = self.random_generator.uniform(-self._largest, self._largest, size=2)
        return {"gains": np.array([1 + warmth, 1 + tint / 2, 1 - warmth])}

    def apply(self, img: Image, gains: npt.NDArray[np.float64], **params: Any) -> Image:
        """Return the picture in that light."""
        del params
        table = np.clip(np.rint(np.arange(256)[:, None] * gains), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(img, table[None]), dtype=np.uint8)


class SoftShadow(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """A shadow with a soft edge: of something wide (half of the picture) or narrow (a band), slightly blue."""

    def __init__(self, p: float) -> None:
        """Take the share of pictures on which one falls."""
        super().__init__(p=p)

    def get_params(self) -> dict[str, Any]:
        """Return ``gains`` (16, 16, 3) float32: how much light is left, coarsely; shadows have no detail."""
        numbers = self.random_generator
        angle, through = numbers.uniform(0, 2 * np.pi), numbers.uniform(-0.3, 0.3)
        width = np.inf if numbers.random() < 0.5 else numbers.uniform(0.1, 0.3)
        softness, strength = numbers.uniform(0.04, 0.15), numbers.uniform(0.2, 0.5)
        y, x = (np.mgrid[:16, :16] + 0.5) / 16 - 0.5
        across = x * np.cos(angle) + y * np.sin(angle) - through
        depth = 1 / (1 + np.exp(-np.minimum(across, width - across) / softness))
        tint = np.array([1.0, 0.97, 0.92])  # the sky lights what the lamp does not reach
        return {"gains": (1 - strength * depth[..., None] * tint).astype(np.float32)}

    def apply(self, img: Image, gains: npt.NDArray[np.float32], **params: Any) -> Image:
        """Return the picture with the shadow on it."""
        del params
        fine = cv2.resize(gains, img.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.multiply(img, fine, dtype=cv2.CV_8U), dtype=np.uint8)


class SensorNoise(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """Gaussian noise, each channel its own, with a standard deviation drawn for each picture.

    It is a random cut of a table of a million values that is the same in every process: drawing anew for each picture
    would take longer than all other steps together.
    """

    def __init__(self, largest: float, p: float = 0.5) -> None:
        """Take the largest standard deviation, of a range of 0 to 1."""
        super().__init__(p=p)
        self._largest = largest

    def get_params(self) -> dict[str, Any]:
        """Return ``sigma``, of a range of 0 to 255, and ``place`` in the table, 0 to 1."""
        numbers = self.random_generator
        return {"sigma": 255 * numbers.uniform(0.0, self._largest), "place": numbers.random()}

    def apply(self, img: Image, sigma: float, place: float, **params: Any) -> Image:
        """Return the picture with noise."""
        del params
        table = _noise_table(max(_NOISE_VALUES, 2 * img.size))
        start = int(place * (table.size - img.size))
        cut = table[start : start + img.size].reshape(img.shape)
        noise = np.rint(cut * np.float32(sigma)).astype(np.int16)
        return np.asarray(cv2.add(img, noise, dtype=cv2.CV_8U), dtype=np.uint8)


@lru_cache(maxsize=2)
def _noise_table(values: int) -> npt.NDArray[np.float32]:
    return generator(0, Purpose.NOISE).standard_normal(values, dtype=np.float32)
