"""Random noise: what chance looks like."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from core.seeding import Purpose, generator
from core.settings import Settings
from explain.protocol import FloatMaps, MethodRow, check_request, image_key


class RandomSettings(Settings):
    """Which noise."""

    seed: int = Field(0, ge=0)
    """Of the noise; together with the picture's content and the class it decides the map."""


class RandomNoise:
    """Independent uniform noise in every pixel, another for each picture and class."""

    def __init__(self, _model: nn.Module, settings: RandomSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return noise at the size of the input, as `explain.protocol.Method` says."""
        check_request(images, classes)
        return [self._noise(image, wanted) for image, wanted in zip(images, classes, strict=True)]

    def _noise(self, image: Tensor, classes: Sequence[int]) -> FloatMaps:
        key = image_key(image)
        maps = np.zeros((len(classes), *image.shape[1:]), dtype=np.float32)
        for place, index in enumerate(classes):
            maps[place] = generator(self.settings.seed, Purpose.BASELINE, key, index).random(image.shape[1:])
        return maps


ROW = MethodRow(
    "random", "Random noise", "baseline", "baseline", RandomNoise, RandomSettings, "nearest", signed=False,
    images_at_once=16, cost="none", source="uniform noise", note="what chance looks like",
)  # fmt: skip
