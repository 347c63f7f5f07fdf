"""Integrated gradients: gradients along the way from a plain picture to this one."""

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from explain.gradients.baseline import Plain, plain_picture
from explain.gradients.pixel_gradients import FLIPPED, class_gradients
from explain.memory import BatchSize
from explain.protocol import FloatMaps, MethodRow, PictureByPicture, PictureSettings, device_of

STEPS_AT_ONCE = 32


class IntegratedGradientsSettings(PictureSettings):
    """The way and its steps."""

    steps: int = Field(50, ge=2)
    """Pictures on the way, at Gauss-Legendre points; captum's default, and within 5 % of completeness in its paper."""
    baseline: Plain = "mean"
    """Where the way begins: the mean colour of the network's pictures, or a grey from 0 (black, as in the paper) to 1.
    Pixels of that colour get 0: a black brick on a black baseline is invisible."""


class IntegratedGradients(PictureByPicture[IntegratedGradientsSettings]):
    """(x - x') times the mean of dy/dx on the straight way from x' to x, summed over channels.

    Source: Sundararajan, Taly and Yan 2017, equation 1. The values of a map add up to y(x) - y(x'), but for the
    error of `steps`. All classes share the forward passes.
    """

    def __init__(self, model: nn.Module, settings: IntegratedGradientsSettings) -> None:
        """Bind to `model`."""
        super().__init__(model, settings)
        self.batch = BatchSize(STEPS_AT_ONCE, "steps")
        points, weights = np.polynomial.legendre.leggauss(settings.steps)  # type: ignore[no-untyped-call]
        self._shares, self._weights = torch.from_numpy((points + 1) / 2), torch.from_numpy(weights / 2)

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return raw maps at the size of the picture, as the base says."""
        image = image.to(device_of(self._model))
        start = plain_picture(self.settings.baseline, self.settings, len(image)).to(image)
        way = image - start

        def weighted(part: slice) -> Tensor:
            shares, weights = self._shares[part].to(way), self._weights[part].to(way)
            pictures = start + shares[:, None, None, None] * way
            gradients = torch.stack(class_gradients(self._model, pictures, [classes] * len(pictures)))
            return torch.einsum("s,skchw->kchw", weights, gradients)

        mean = torch.stack(list(self.batch.batches(self.settings.steps, weighted))).sum(dim=0)
        return np.asarray((way * mean).sum(dim=1).cpu().numpy(), dtype=np.float32)

    def add_up(self, image: Tensor, maps: FloatMaps) -> tuple[Tensor, NDArray[np.float64]]:
        """Return the plain picture and the sums of all pixels, as `explain.protocol.SummingMethod` says."""
        start = plain_picture(self.settings.baseline, self.settings, len(image)).to(image)
        return start.expand_as(image), maps.sum(axis=(1, 2), dtype=np.float64)


ROW = MethodRow(
    "integrated_gradients", "Integrated gradients", "method", "gradients", IntegratedGradients,
    IntegratedGradientsSettings, "bilinear", signed=True, images_at_once=1, cost="steps forward, K x steps backward",
    source="Sundararajan et al. 2017", unit="logit",
    note="adds up to the logit less that of the plain baseline picture; pixels of the baseline's colour get 0",
    claims=("place", "class", "sign", "mass", "sum"),
    reference="explain.references.by_captum:integrated_gradients", tolerance=FLIPPED,
)  # fmt: skip
