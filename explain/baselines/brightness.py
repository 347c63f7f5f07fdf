"""Brightness of the picture: what a map scores that merely shows where light falls."""

import numpy as np
from skimage.color import rgb2gray
from torch import Tensor

from explain.protocol import FloatMaps, MethodRow, PictureByPicture, PictureSettings, to_picture


class Brightness(PictureByPicture[PictureSettings]):
    """Luminance of each pixel, 0 to 1."""

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return the luminance at the size of the picture, the same for each class."""
        luminance = np.asarray(rgb2gray(to_picture(image, self.settings)), dtype=np.float32)
        return np.repeat(luminance[None], len(classes), axis=0)


ROW = MethodRow(
    "brightness", "Brightness", "baseline", "baseline", Brightness, PictureSettings, "bilinear", signed=False,
    images_at_once=16, cost="none", source="luminance by ITU-R BT.709",
    note="beats chance where bricks are lighter than the floor, and falls below it where they are darker",
)  # fmt: skip
