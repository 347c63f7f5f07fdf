"""HiResCAM: maps times their gradients, place by place."""

from torch import Tensor

from explain.cam.weighted import weighted_row


def hirescam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k g_k A_k, (N, h, w) of (N, C, h, w) each.

    Source: Draelos and Carin 2020, HiResCAM: the gradients are not averaged over the map, so that the map shows the
    places the logit was computed from.
    """
    return (gradients * activations).sum(dim=1)


ROW = weighted_row(
    "hirescam", "HiResCAM", hirescam, source="Draelos and Carin 2020",
    note="adds up to the logit (less bias) if what follows the layer is linear; equals Grad-CAM before a global mean",
)  # fmt: skip
