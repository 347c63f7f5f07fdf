"""HiResCAM: maps times their gradients, place by place."""

from torch import Tensor, nn

from explain.cam.layers import LayerSettings
from explain.cam.weighted import WeightedActivations
from explain.protocol import MethodRow


def hirescam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k g_k A_k, (N, h, w) of (N, C, h, w) each.

    Source: Draelos and Carin 2020, HiResCAM: the gradients are not averaged over the map, so that the map shows the
    places the logit was computed from.
    """
    return (gradients * activations).sum(dim=1)


def create(model: nn.Module, settings: LayerSettings) -> WeightedActivations:
    """Return HiResCAM bound to `model`."""
    return WeightedActivations(model, settings, hirescam)


ROW = MethodRow(
    "hirescam", "HiResCAM", "method", "class activation", create, LayerSettings, "bilinear", signed=True,
    images_at_once=16, cost="1 forward, K short backward", source="Draelos and Carin 2020",
    note="adds up to the logit (less bias) if what follows the layer is linear; equals Grad-CAM before a global mean",
)  # fmt: skip
