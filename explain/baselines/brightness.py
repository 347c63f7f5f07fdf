"""Brightness of the picture: what a map scores that merely shows where light falls."""

from collections.abc import Sequence

import numpy as np
from skimage.color import rgb2gray
from torch import Tensor, nn

from explain.protocol import FloatMaps, MethodRow, PictureSettings, check_request, to_picture


class Brightness:
    """Luminance of each pixel, 0 to 1."""

    def __init__(self, _model: nn.Module, settings: PictureSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return the luminance at the size of the input, as `explain.protocol.Method` says."""
        check_request(images, classes)
        found = [self._luminance(image) for image in images]
        return [np.repeat(one[None], len(wanted), axis=0) for one, wanted in zip(found, classes, strict=True)]

    def _luminance(self, image: Tensor) -> FloatMaps:
        return np.asarray(rgb2gray(to_picture(image, self.settings)), dtype=np.float32)


ROW = MethodRow(
    "brightness", "Brightness", "baseline", "baseline", Brightness, PictureSettings, "bilinear", signed=False,
    images_at_once=16, cost="none", source="luminance by ITU-R BT.709",
    note="beats chance where bricks are lighter than the floor, and falls below it where they are darker",
)  # fmt: skip
