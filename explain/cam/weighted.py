"""Gradient-weighted class activation maps: a layer's maps and their gradients, and the formulas that join them."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from explain.cam.capture import LayerMethod, OwnLayerSettings, of_rows
from explain.cam.layers import NO_ZERO, LayerSettings
from explain.checks import finished
from explain.protocol import Claim, FloatMaps, MethodRow, turns

Formula = Callable[[Tensor, Tensor], Tensor]
"""Takes activations A and gradients dy/dA, (N, C, h, w) each, and returns signed maps (N, h, w)."""
LEAST_DENOMINATOR, LEAST_SUM = 1e-6, 1e-7
"""Added to the denominator of Grad-CAM++'s weights and to XGrad-CAM's sums, as pytorch-grad-cam does: values agree."""


class WeightedActivations(LayerMethod[OwnLayerSettings]):
    """A formula of a layer's maps and of the gradients of a class's logit with respect to them.

    One forward pass serves all classes of an image; each class costs one backward pass of the whole batch, from the
    logits to the layer only. Maps are what the formula gives: the papers' last step, ReLU, is left to metrics and
    drawings, which name their sign policy, and nothing is rescaled.
    """

    def __init__(self, formula: Formula, model: nn.Module, settings: OwnLayerSettings) -> None:
        """Bind to `model`; raises SettingsError if it has no such layer."""
        super().__init__(model, settings)
        self._formula = formula

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the layer, as `explain.protocol.Method` says."""
        with self.layer_pass(images, classes) as kept:
            height, width = kept.activations.shape[2:]
            maps = [np.zeros((len(asked), height, width), dtype=np.float32) for asked in classes]
            for turn, rows, indices in turns(classes):
                gradients = kept.gradients(rows, self.explained(of_rows(kept.logits, rows), indices))
                raw = self._formula(of_rows(kept.activations, rows), gradients).cpu().numpy()
                for row, one in zip(rows, raw, strict=True):
                    maps[row][turn] = one
        return finished(maps)

    def explained(self, logits: Tensor, indices: Sequence[int]) -> Tensor:
        """Return what is explained, (N,), of `logits` (N, classes) and the class of each: its logit."""
        return logits[range(len(indices)), list(indices)]


def weighted_sum(weights: Tensor, activations: Tensor) -> Tensor:
    """Return sum_k weights[k] A_k: (N, C) and (N, C, h, w) to (N, h, w)."""
    return (weights[:, None] @ activations.flatten(2)).reshape(len(activations), *activations.shape[2:])


def weighted_row(
    name: str,
    title: str,
    formula: Formula,
    claims: tuple[Claim, ...],
    *,
    source: str,
    note: str,
    no_zero: str = NO_ZERO,
) -> MethodRow:
    """Return the row of the method that is `formula`."""
    return MethodRow(
        name, title, "method", "class activation", partial(WeightedActivations, formula), LayerSettings, "bilinear",
        signed=True, images_at_once=16, cost="1 forward, K short backward", source=source, note=note,
        claims=claims, no_zero=no_zero, reference=f"explain.references.by_grad_cam:{name}",
    )  # fmt: skip


def gradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k mean_ij(dy/dA_k) A_k, (N, h, w) of (N, C, h, w) each.

    Source: Selvaraju et al. 2017, Grad-CAM, equations 1 and 2 without the ReLU.
    """
    return weighted_sum(gradients.mean(dim=(2, 3)), activations)


def gradcam_max(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k max_ij(dy/dA_k) A_k, (N, h, w) of (N, C, h, w) each.

    Source: Cian, van Gemert and Lengyel 2020, section 3.2 ("the backpropagated gradients are globally max-pooled"),
    without the ReLU. Grad-CAM's own paper takes the mean; no library has the maximum.
    """
    return weighted_sum(gradients.amax(dim=(2, 3)), activations)


def gradcam_plus_plus(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k w_k A_k with w_k = sum_ij alpha_kij max(g_kij, 0), (N, h, w) of (N, C, h, w) each.

    Source: Chattopadhay et al. 2018, Grad-CAM++, equations 5 to 7 and 19, where y is the exponential of the logit, so
    that its second and third derivatives are powers of the gradient: alpha = g² / (2 g² + g³ sum_ab A_ab).
    """
    squared = gradients**2
    denominator = 2 * squared + activations.sum(dim=(2, 3), keepdim=True) * squared * gradients + LEAST_DENOMINATOR
    alpha = torch.where(gradients != 0, squared / denominator, 0.0)
    return weighted_sum((alpha * gradients.clamp(min=0)).sum(dim=(2, 3)), activations)


def hirescam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k g_k A_k, (N, h, w) of (N, C, h, w) each.

    Source: Draelos and Carin 2020, HiResCAM: the gradients are not averaged over the map, so that the map shows the
    places the logit was computed from.
    """
    return (gradients * activations).sum(dim=1)


def layercam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k max(g_k, 0) A_k, (N, h, w) of (N, C, h, w) each.

    Source: Jiang et al. 2021, LayerCAM, equations 5 and 6 without the ReLU.
    """
    return (gradients.clamp(min=0) * activations).sum(dim=1)


def xgradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k w_k A_k with w_k = sum_ij g_kij A_kij / sum_ab A_kab, (N, h, w) of (N, C, h, w) each.

    Source: Fu et al. 2020, Axiom-based Grad-CAM, equation 7. Meant for maps that are never negative: a map whose sum
    is near 0 (after leaky ReLU, or tokens) gets a huge weight.
    """
    total = activations.sum(dim=(2, 3), keepdim=True)
    return weighted_sum((gradients * activations / (total + LEAST_SUM)).sum(dim=(2, 3)), activations)


_SIGNED: tuple[Claim, ...] = ("place", "class", "sign")
_FOR_ONLY: tuple[Claim, ...] = ("place", "class")
"""Of methods that count positive gradients alone."""
ROWS = (
    weighted_row(
        "gradcam", "Grad-CAM", gradcam, _SIGNED, source="Selvaraju et al. 2017",
        note="as coarse as the cells of its layer; signed, the paper's ReLU is the metrics' sign policy",
    ),
    weighted_row(
        "gradcam_max", "Grad-CAM (max)", gradcam_max, _SIGNED, source="Cian et al. 2020, section 3.2",
        note="the founding paper's wording: a single strong gradient makes a map's weight, so it is noisier than "
        "the mean",
    ),
    weighted_row(
        "gradcam_plus_plus", "Grad-CAM++", gradcam_plus_plus, _FOR_ONLY, source="Chattopadhay et al. 2018",
        note="meant for several objects of a class; negative only where the layer's maps are",
    ),
    weighted_row(
        "hirescam", "HiResCAM", hirescam, _SIGNED, source="Draelos and Carin 2020",
        note="adds up to the logit (less bias) if what follows the layer is linear; equals Grad-CAM before a global "
        "mean",
    ),
    weighted_row(
        "layercam", "LayerCAM", layercam, _FOR_ONLY, source="Jiang et al. 2021",
        note="made for shallow layers too: choose one with `layer` for a finer map",
    ),
    weighted_row(
        "xgradcam", "XGrad-CAM", xgradcam, _SIGNED, source="Fu et al. 2020",
        note="wants maps that are never negative (after ReLU); where one sums to nearly 0 its weight is unstable",
    ),
)  # fmt: skip
