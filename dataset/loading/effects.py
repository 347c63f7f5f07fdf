"""What light, lens and sensor do to a picture, as steps of albumentations that it lacks or has too slow.

Albumentations draws its noise anew for each picture, goes through HSV for hue, and its shadows have hard edges.
"""

from functools import lru_cache
from typing import Any

import albumentations
import cv2
import numpy as np
import numpy.typing as npt

from core.seeding import Purpose, generator
from dataset.loading.augment import AugmentSettings
from dataset.pictures import Image

_NOISE_VALUES = 1 << 20
_NOISE_UNIT = 64.0  # the table holds integers, this many to a standard deviation
_YIQ_FROM_RGB = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])  # NTSC 1953
_RGB_FROM_YIQ = np.linalg.inv(_YIQ_FROM_RGB)


class Colour(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """Another light: brightness, contrast, hue, saturation and white balance, drawn apart, applied as one matrix.

    Hue turns around the axis of grey in YIQ, and saturation stretches away from it, so that greys stay grey. One pass
    over the picture takes 0.02 ms at 224 px, where a way through HSV and back takes 0.3.
    """

    def __init__(self, settings: AugmentSettings) -> None:
        """Take how much may change."""
        super().__init__(p=1.0)
        self._settings = settings

    def get_params(self) -> dict[str, Any]:
        """Return ``matrix`` (3, 4): what is multiplied with (red, green, blue, 1)."""
        settings, numbers = self._settings, self.random_generator
        colour, offset = np.eye(3), 0.0
        if (settings.hue_deg or settings.saturation) and numbers.random() < 0.5:
            angle = np.deg2rad(numbers.uniform(-settings.hue_deg, settings.hue_deg))
            factor = 1 + numbers.uniform(-settings.saturation, settings.saturation)
            cos, sin = factor * np.cos(angle), factor * np.sin(angle)
            colour = _RGB_FROM_YIQ @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ _YIQ_FROM_RGB
        if settings.white_balance and numbers.random() < 0.75:
            warmth, tint = numbers.uniform(-settings.white_balance, settings.white_balance, size=2)
            colour = np.array([[1 + warmth], [1 + tint / 2], [1 - warmth]]) * colour
        if settings.brightness and numbers.random() < 0.75:
            contrast, exposure = numbers.uniform(-settings.brightness, settings.brightness, size=2)
            # Black stays black under another exposure; contrast turns about mid-grey.
            colour, offset = (1 + contrast) * (1 + exposure) * colour, -128 * contrast
        return {"matrix": np.column_stack([colour, np.full(3, offset)])}

    def apply(self, img: Image, matrix: npt.NDArray[np.float64], **params: Any) -> Image:
        """Return the picture in that light."""
        del params
        return np.asarray(cv2.transform(img, matrix), dtype=np.uint8)


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
        noise = table[start : start + img.size].reshape(img.shape)
        return np.asarray(cv2.addWeighted(img, 1.0, noise, sigma / _NOISE_UNIT, 0.0, dtype=cv2.CV_8U), dtype=np.uint8)


@lru_cache(maxsize=2)
def _noise_table(values: int) -> npt.NDArray[np.int16]:
    drawn = generator(0, Purpose.NOISE).standard_normal(values, dtype=np.float32)
    return np.asarray(np.rint(_NOISE_UNIT * drawn), dtype=np.int16)
