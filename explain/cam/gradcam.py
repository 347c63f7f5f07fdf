"""Grad-CAM: maps weighted by the mean of their gradients."""

from torch import Tensor, nn

from explain.cam.layers import LayerSettings
from explain.cam.weighted import WeightedActivations, weighted_sum
from explain.protocol import MethodRow


def gradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k mean_ij(dy/dA_k) A_k, (N, h, w) of (N, C, h, w) each.

    Source: Selvaraju et al. 2017, Grad-CAM, equations 1 and 2 without the ReLU.
    """
    return weighted_sum(gradients.mean(dim=(2, 3)), activations)


def create(model: nn.Module, settings: LayerSettings) -> WeightedActivations:
    """Return Grad-CAM bound to `model`."""
    return WeightedActivations(model, settings, gradcam)


ROW = MethodRow(
    "gradcam", "Grad-CAM", "method", "class activation", create, LayerSettings, "bilinear", signed=True,
    images_at_once=16, cost="1 forward, K short backward", source="Selvaraju et al. 2017",
    note="coarse: one cell of the last convolutional maps; signed, the paper's ReLU is the metrics' sign policy",
)  # fmt: skip
