"""Guided Grad-CAM: guided gradients where Grad-CAM is positive."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from explain.cam.layers import NO_ZERO, LayerSettings
from explain.cam.weighted import WeightedActivations, gradcam
from explain.checks import finished
from explain.gradients.pixel_gradients import FLIPPED, class_gradients, strongest_channel
from explain.gradients.rules import GuidedRectifiers
from explain.protocol import FloatMaps, MethodRow


class GuidedGradCam:
    """Guided backpropagation times ReLU(Grad-CAM), enlarged bilinearly: the largest size over the channels.

    Source: Selvaraju et al. 2017, section 3.2. The ReLU belongs to the product and stays.
    """

    def __init__(self, model: nn.Module, settings: LayerSettings) -> None:
        """Bind to `model`; raises SettingsError if it has no such layer."""
        self._model = model
        self._gradcam = WeightedActivations(gradcam, model, settings)
        self.settings, self.chosen = self._gradcam.settings, self._gradcam.chosen

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the input, as `explain.protocol.Method` says."""
        coarse = self._gradcam.attribute(images, classes)
        guided = class_gradients(self._model, images, classes, GuidedRectifiers)
        return finished(_product(maps, fine) for maps, fine in zip(coarse, guided, strict=True))


def _product(maps: FloatMaps, fine: Tensor) -> Tensor:
    if not len(maps):
        return fine[:, 0]
    positive = torch.from_numpy(maps).clamp(min=0)[:, None].to(fine.device)
    large = interpolate(positive, size=fine.shape[2:], mode="bilinear")
    return strongest_channel(fine * large)


ROW = MethodRow(
    "guided_gradcam", "Guided Grad-CAM", "method", "gradients", GuidedGradCam, LayerSettings, "bilinear", signed=False,
    images_at_once=16, cost="2 forward, K backward", source="Selvaraju et al. 2017",
    note="the outlines are guided backprop's, only their place is Grad-CAM's",
    claims=("place", "class"), no_zero=f"it is cut off where Grad-CAM is 0; there {NO_ZERO}",
    reference="explain.references.by_captum:guided_gradcam", tolerance=FLIPPED,
)  # fmt: skip
