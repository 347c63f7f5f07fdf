"""A bump in the middle: what a map scores that knows only where photographers put things."""

import numpy as np
from pydantic import Field
from torch import Tensor

from core.settings import Settings
from explain.protocol import FloatMaps, MethodRow, PictureByPicture


class CenterGaussianSettings(Settings):
    """How wide the bump is."""

    sigma_share: float = Field(0.25, gt=0)
    """Standard deviation as a share of the picture's width and height; a quarter puts 91 % of the mass within it."""


class CenterGaussian(PictureByPicture[CenterGaussianSettings]):
    """A bump in the middle of the picture, where photographers and renderers put things."""

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return the bump at the size of the picture, the same for each class."""
        rows, columns = (
            np.exp(-0.5 * (((np.arange(size) + 0.5) / size - 0.5) / self.settings.sigma_share) ** 2)
            for size in image.shape[1:]
        )
        return np.repeat(np.outer(rows, columns).astype(np.float32)[None], len(classes), axis=0)


ROW = MethodRow(
    "center_gaussian", "Centre Gaussian", "baseline", "baseline", CenterGaussian, CenterGaussianSettings, "bilinear",
    signed=False, images_at_once=16, cost="none", source="centre bias, as in saliency benchmarks (Judd et al. 2012)",
    note="beats chance where piles lie in the middle",
)  # fmt: skip
