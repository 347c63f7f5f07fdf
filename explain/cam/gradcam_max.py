"""Grad-CAM as the founding paper words it: maps weighted by the maximum of their gradients."""

from torch import Tensor

from explain.cam.weighted import weighted_row, weighted_sum


def gradcam_max(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k max_ij(dy/dA_k) A_k, (N, h, w) of (N, C, h, w) each.

    Source: Cian, van Gemert and Lengyel 2020, section 3.2 ("the backpropagated gradients are globally max-pooled"),
    without the ReLU. Grad-CAM's own paper takes the mean; no library has the maximum.
    """
    return weighted_sum(gradients.amax(dim=(2, 3)), activations)


ROW = weighted_row(
    "gradcam_max", "Grad-CAM (max)", gradcam_max, source="Cian et al. 2020, section 3.2",
    note="the founding paper's wording: a single strong gradient makes a map's weight, so it is noisier than the mean",
)  # fmt: skip
