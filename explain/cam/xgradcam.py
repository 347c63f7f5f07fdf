"""XGrad-CAM: gradients averaged with the maps as weights."""

from torch import Tensor

from explain.cam.weighted import weighted_row, weighted_sum

STABILITY = 1e-7
"""Added to each map's sum, as pytorch-grad-cam does, so that values agree."""


def xgradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k w_k A_k with w_k = sum_ij g_kij A_kij / sum_ab A_kab, (N, h, w) of (N, C, h, w) each.

    Source: Fu et al. 2020, Axiom-based Grad-CAM, equation 7. Meant for maps that are never negative: a map whose sum
    is near 0 (after leaky ReLU, or tokens) gets a huge weight.
    """
    total = activations.sum(dim=(2, 3), keepdim=True)
    return weighted_sum((gradients * activations / (total + STABILITY)).sum(dim=(2, 3)), activations)


ROW = weighted_row(
    "xgradcam", "XGrad-CAM", xgradcam, source="Fu et al. 2020",
    note="wants maps that are never negative (after ReLU); where one sums to nearly 0 its weight is unstable",
)  # fmt: skip
