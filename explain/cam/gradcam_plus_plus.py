"""Grad-CAM++: each place of a map weighs its gradient anew."""

import torch
from torch import Tensor

from explain.cam.weighted import weighted_row, weighted_sum

STABILITY = 1e-6
"""Added to the denominator of each weight, as pytorch-grad-cam does, so that values agree."""


def gradcam_plus_plus(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return sum_k w_k A_k with w_k = sum_ij alpha_kij max(g_kij, 0), (N, h, w) of (N, C, h, w) each.

    Source: Chattopadhay et al. 2018, Grad-CAM++, equations 5 to 7 and 19, where y is the exponential of the logit, so
    that its second and third derivatives are powers of the gradient: alpha = g² / (2 g² + g³ sum_ab A_ab).
    """
    squared = gradients**2
    denominator = 2 * squared + activations.sum(dim=(2, 3), keepdim=True) * squared * gradients + STABILITY
    alpha = torch.where(gradients != 0, squared / denominator, 0.0)
    return weighted_sum((alpha * gradients.clamp(min=0)).sum(dim=(2, 3)), activations)


ROW = weighted_row(
    "gradcam_plus_plus", "Grad-CAM++", gradcam_plus_plus, source="Chattopadhay et al. 2018",
    note="meant for several objects of a class; negative only where the layer's maps are",
)  # fmt: skip
