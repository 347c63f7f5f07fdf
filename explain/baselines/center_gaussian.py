"""A bump in the middle: what a map scores that knows only where photographers put things."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from core.settings import Settings
from explain.protocol import FloatMaps, MethodRow, check_request


class CenterGaussianSettings(Settings):
    """How wide the bump is."""

    sigma_share: float = Field(0.25, gt=0)
    """Standard deviation as a share of the picture's width and height; a quarter puts 91 % of the mass within it."""


class CenterGaussian:
    """A bump in the middle of the picture, where photographers and renderers put things."""

    def __init__(self, _model: nn.Module, settings: CenterGaussianSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return the bump at the size of the input, as `explain.protocol.Method` says."""
        check_request(images, classes)
        rows, columns = (
            np.exp(-0.5 * (((np.arange(size) + 0.5) / size - 0.5) / self.settings.sigma_share) ** 2)
            for size in images.shape[2:]
        )
        bump = np.outer(rows, columns).astype(np.float32)
        return [np.repeat(bump[None], len(wanted), axis=0) for wanted in classes]


ROW = MethodRow(
    "center_gaussian", "Centre Gaussian", "baseline", "baseline", CenterGaussian, CenterGaussianSettings, "bilinear",
    signed=False, images_at_once=16, cost="none", source="centre bias, as in saliency benchmarks (Judd et al. 2012)",
    note="beats chance where piles lie in the middle",
)  # fmt: skip
