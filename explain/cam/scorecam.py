"""Score-CAM: maps weighted by the logit of the picture seen through them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from explain.cam.capture import LayerMethod
from explain.cam.layers import NO_ZERO, LayerSettings
from explain.cam.weighted import weighted_sum
from explain.checks import finished
from explain.forward import ask
from explain.memory import BatchSize
from explain.protocol import FloatMaps, MethodRow, frozen_eval

MASKED_AT_ONCE = 64
STABILITY = 1e-8
"""Added to each map's range, as pytorch-grad-cam does, so that values agree."""


class ScoreCam(LayerMethod[LayerSettings]):
    """L = sum_k softmax_k(logit of the picture times map k, enlarged and scaled to 0..1) A_k.

    Source: Wang et al. 2020, Score-CAM, without the ReLU and, like pytorch-grad-cam, without subtracting the logit
    of an empty picture (the softmax cancels it). The normalised picture is multiplied, so that what is hidden becomes
    the mean colour. The masked pictures are the same for every class: all classes share their forward passes.
    """

    def __init__(self, model: nn.Module, settings: LayerSettings) -> None:
        """Bind to `model`; raises SettingsError if it has no such layer."""
        super().__init__(model, settings)
        self.batch = BatchSize(MASKED_AT_ONCE, "masked pictures")

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the layer, as `explain.protocol.Method` says."""
        with self.layer_pass(images, classes) as kept:
            activations, moved = kept.activations, kept.images
        with frozen_eval(self._model), torch.inference_mode():
            return finished(
                self._explain(image, maps, list(asked))
                for image, maps, asked in zip(moved, activations, classes, strict=True)
            )

    def _explain(self, image: Tensor, maps: Tensor, classes: list[int]) -> Tensor:
        if not classes:
            return maps[:0]

        def scores_of(part: slice) -> Tensor:
            large = interpolate(maps[part][None], size=image.shape[1:], mode="bilinear", align_corners=True)[0]
            low, high = (bound[:, None, None] for bound in large.flatten(1).aminmax(dim=1))
            shown = (large - low) / (high - low + STABILITY)
            return ask(self._model, image * shown[:, None], [classes])[:, classes]

        scores = torch.cat(list(self.batch.batches(len(maps), scores_of)))  # (C, K)
        weights = scores.softmax(dim=0).T
        return weighted_sum(weights, maps.expand(len(classes), *maps.shape))


ROW = MethodRow(
    "scorecam", "Score-CAM", "method", "class activation", ScoreCam, LayerSettings, "bilinear", signed=True,
    images_at_once=1, cost="1 + channels forward, whatever K", source="Wang et al. 2020",
    note="needs no gradients; slow, and where logits hardly differ all channels weigh the same",
    claims=("place", "class"), no_zero=NO_ZERO, reference="explain.references.by_grad_cam:scorecam",
)  # fmt: skip
