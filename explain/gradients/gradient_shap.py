"""GradientSHAP: gradients at random places on the ways from random plain pictures to this one."""

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from core.seeding import Purpose, generator
from explain.gradients.baseline import Grey, plain_picture
from explain.gradients.pixel_gradients import FLIPPED, class_gradients
from explain.memory import BatchSize
from explain.protocol import FloatMaps, MethodRow, PictureByPicture, PictureSettings, device_of, image_key

SAMPLES_AT_ONCE = 32


class GradientShapSettings(PictureSettings):
    """The ways and how many of them are tried."""

    num_samples: int = Field(50, ge=1)
    """Ways, each with one place on it; as many gradients as the 50 steps of integrated gradients."""
    darkest: Grey = 0.0
    """Grey from 0 (black) to 1 that ways begin at, at the least."""
    lightest: Grey = 1.0
    """Grey that ways begin at, at the most: greys between the two are drawn evenly, so that no colour is blind."""
    seed: int = Field(0, ge=0)
    """Of the draws; together with the picture's content it decides the map."""

    @model_validator(mode="after")
    def _in_order(self) -> "GradientShapSettings":
        if self.darkest > self.lightest:
            raise ValueError("darkest is lighter than lightest: swap them")
        return self


class GradientShap(PictureByPicture[GradientShapSettings]):
    """Mean of (x - x') dy/dx over plain pictures x' and places between x' and x, summed over channels.

    Source: Lundberg's GradientSHAP; Erion et al. 2021, expected gradients. On the mean the values of a map add up to
    y(x) less the mean of y(x'). Places on the way and greys are each drawn from as many equal ranges as there are
    samples, one from each, which leaves the mean and lessens the noise. All classes share the forward passes.
    """

    def __init__(self, model: nn.Module, settings: GradientShapSettings) -> None:
        """Bind to `model`."""
        super().__init__(model, settings)
        self.batch = BatchSize(SAMPLES_AT_ONCE, "samples")

    def draws(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return where ways begin, (S, 3, 1, 1), and how far on them gradients are taken, (S,) from 0 to 1."""
        count = self.settings.num_samples
        rng = generator(self.settings.seed, Purpose.BASELINE, image_key(image))
        shares, greys = ((rng.permutation(count) + rng.random(count)) / count for _ in range(2))
        darkest, lightest = self.settings.darkest, self.settings.lightest
        colours = (darkest + (lightest - darkest) * greys).tolist()
        starts = torch.stack([plain_picture(colour, self.settings, len(image)) for colour in colours])
        return starts, torch.from_numpy(shares)

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return raw maps at the size of the picture, as the base says."""
        moved = image.to(device_of(self._model))
        starts, shares = (drawn.to(moved) for drawn in self.draws(image))

        def total(part: slice) -> Tensor:
            ways = moved - starts[part]  # (S, 3, H, W)
            pictures = starts[part] + shares[part, None, None, None] * ways
            gradients = torch.stack(class_gradients(self._model, pictures, [classes] * len(pictures)))
            return torch.einsum("schw,skchw->khw", ways, gradients)

        summed = torch.stack(list(self.batch.batches(len(starts), total))).sum(dim=0)
        return np.asarray((summed / len(starts)).cpu().numpy(), dtype=np.float32)


ROW = MethodRow(
    "gradient_shap", "GradientSHAP", "method", "gradients", GradientShap, GradientShapSettings, "bilinear", signed=True,
    images_at_once=1, cost="num_samples forward, K x num_samples backward",
    source="Lundberg and Lee 2017; Erion et al. 2021", unit="logit",
    note="integrated gradients from many greys: on the mean adds up to the logit less the greys' mean logit; the same "
    "picture gets the same draws in any run",
    claims=("place", "class", "sign", "mass"),
    reference="explain.references.by_captum:gradient_shap", tolerance=FLIPPED,
)  # fmt: skip
