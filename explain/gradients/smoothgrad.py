"""SmoothGrad: gradients averaged over noisy copies of the picture."""

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from core.seeding import Purpose, generator
from core.settings import Settings
from explain.gradients.pixel_gradients import FLIPPED, class_gradients, strongest_channel
from explain.memory import BatchSize
from explain.protocol import FloatMaps, MethodRow, PictureByPicture, device_of, image_key

COPIES_AT_ONCE = 32


class SmoothGradSettings(Settings):
    """The noise."""

    num_samples: int = Field(50, ge=1)
    """Noisy copies; beyond 50 the paper saw little change."""
    noise_share: float = Field(0.15, gt=0)
    """Standard deviation as a share of the picture's range of values; the paper advises 0.1 to 0.2."""
    seed: int = Field(0, ge=0)
    """Of the noise; together with the picture's content it decides the map."""


class SmoothGrad(PictureByPicture[SmoothGradSettings]):
    """Mean of dy/dx over noisy copies, then the strongest channel of each pixel as in `saliency`.

    Source: Smilkov et al. 2017. Signed gradients are averaged, so that noise cancels, and their size is taken last.
    All classes share the copies and their forward passes.
    """

    def __init__(self, model: nn.Module, settings: SmoothGradSettings) -> None:
        """Bind to `model`."""
        super().__init__(model, settings)
        self.batch = BatchSize(COPIES_AT_ONCE, "noisy pictures")

    def noisy_copies(self, image: Tensor) -> Tensor:
        """Return the copies of `image` (C, H, W) that gradients are averaged over: (num_samples, C, H, W)."""
        spread = self.settings.noise_share * float(image.max() - image.min())
        rng = generator(self.settings.seed, Purpose.BASELINE, image_key(image))
        noise = rng.standard_normal((self.settings.num_samples, *image.shape), dtype=np.float32)
        return image.cpu() + spread * torch.from_numpy(noise)

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return raw maps at the size of the picture, as the base says."""
        copies = self.noisy_copies(image).to(device_of(self._model))

        def total(part: slice) -> Tensor:
            return torch.stack(class_gradients(self._model, copies[part], [classes] * len(copies[part]))).sum(dim=0)

        mean = torch.stack(list(self.batch.batches(len(copies), total))).sum(dim=0) / len(copies)
        return np.asarray(strongest_channel(mean).cpu().numpy(), dtype=np.float32)


ROW = MethodRow(
    "smoothgrad", "SmoothGrad", "method", "gradients", SmoothGrad, SmoothGradSettings, "bilinear", signed=False,
    images_at_once=1, cost="num_samples forward, K x num_samples backward", source="Smilkov et al. 2017",
    unit="logit/unit",
    note="saliency with less noise; the same picture gets the same noise in any run",
    claims=("place", "class", "mass"), reference="explain.references.by_captum:smoothgrad", tolerance=FLIPPED,
)  # fmt: skip
