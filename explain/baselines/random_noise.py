"""Random noise: what chance looks like."""

import numpy as np
from pydantic import Field
from torch import Tensor

from core.seeding import Purpose, generator
from core.settings import Settings
from explain.protocol import FloatMaps, MethodRow, PictureByPicture, image_key


class RandomSettings(Settings):
    """Which noise."""

    seed: int = Field(0, ge=0)
    """Of the noise; together with the picture's content and the class it decides the map."""


class RandomNoise(PictureByPicture[RandomSettings]):
    """Independent uniform noise in every pixel, another for each picture and class."""

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return noise at the size of the picture, another for each class."""
        key = image_key(image)
        maps = np.zeros((len(classes), *image.shape[1:]), dtype=np.float32)
        for noise, index in zip(maps, classes, strict=True):
            noise[:] = generator(self.settings.seed, Purpose.BASELINE, key, index).random(image.shape[1:])
        return maps


ROW = MethodRow(
    "random", "Random noise", "baseline", "baseline", RandomNoise, RandomSettings, "nearest", signed=False,
    images_at_once=16, cost="none", source="uniform noise", note="what chance looks like",
)  # fmt: skip
