"""LayerCAM: maps times the positive part of their gradients, place by place."""

from torch import Tensor

from explain.cam.weighted import weighted_row


def layercam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k max(g_k, 0) A_k, (N, h, w) of (N, C, h, w) each.

    Source: Jiang et al. 2021, LayerCAM, equations 5 and 6 without the ReLU.
    """
    return (gradients.clamp(min=0) * activations).sum(dim=1)


ROW = weighted_row(
    "layercam", "LayerCAM", layercam, source="Jiang et al. 2021",
    note="made for shallow layers too: choose one with `layer` for a finer map",
)  # fmt: skip
