"""Grad-CAM: maps weighted by the mean of their gradients."""

from torch import Tensor

from explain.cam.weighted import weighted_row, weighted_sum


def gradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k mean_ij(dy/dA_k) A_k, (N, h, w) of (N, C, h, w) each.

    Source: Selvaraju et al. 2017, Grad-CAM, equations 1 and 2 without the ReLU.
    """
    return weighted_sum(gradients.mean(dim=(2, 3)), activations)


ROW = weighted_row(
    "gradcam", "Grad-CAM", gradcam, source="Selvaraju et al. 2017",
    note="as coarse as the cells of its layer; signed, the paper's ReLU is the metrics' sign policy",
)  # fmt: skip
