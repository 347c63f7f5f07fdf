"""Saliency (sensitivity analysis): how strongly a logit reacts to each pixel."""

from torch import Tensor

from explain.gradients.pixel_gradients import pixel_row, strongest_channel


def saliency(_image: Tensor, gradients: Tensor) -> Tensor:
    """Return max over channels of |dy/dx|, (K, H, W) of gradients (K, 3, H, W).

    Source: Simonyan, Vedaldi and Zisserman 2013, section 3. Captum gives the channels apart.
    """
    return strongest_channel(gradients)


ROW = pixel_row(
    "saliency", "Saliency", saliency, unit="logit/unit", source="Simonyan et al. 2013", signed=False,
    note="fine and noisy; has no sign: evidence for and against look alike",
)  # fmt: skip
