"""LayerCAM: maps times the positive part of their gradients, place by place."""

from torch import Tensor, nn

from explain.cam.layers import LayerSettings
from explain.cam.weighted import WeightedActivations
from explain.protocol import MethodRow


def layercam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k max(g_k, 0) A_k, (N, h, w) of (N, C, h, w) each.

    Source: Jiang et al. 2021, LayerCAM, equations 5 and 6 without the ReLU.
    """
    return (gradients.clamp(min=0) * activations).sum(dim=1)


def create(model: nn.Module, settings: LayerSettings) -> WeightedActivations:
    """Return LayerCAM bound to `model`."""
    return WeightedActivations(model, settings, layercam)


ROW = MethodRow(
    "layercam", "LayerCAM", "method", "class activation", create, LayerSettings, "bilinear", signed=True,
    images_at_once=16, cost="1 forward, K short backward", source="Jiang et al. 2021",
    note="made for shallow layers too: choose one with `layer` for a finer map",
)  # fmt: skip
