"""Saliency (sensitivity analysis): how strongly a logit reacts to each pixel."""

from torch import Tensor, nn

from explain.gradients.pixel_gradients import PixelGradients, strongest_channel
from explain.protocol import MethodRow, NoSettings


def saliency(_image: Tensor, gradients: Tensor) -> Tensor:
    """Return max over channels of |dy/dx|, (K, H, W) of gradients (K, 3, H, W).

    Source: Simonyan, Vedaldi and Zisserman 2013, section 3. Captum gives the channels apart.
    """
    return strongest_channel(gradients)


def create(model: nn.Module, settings: NoSettings) -> PixelGradients:
    """Return saliency bound to `model`."""
    return PixelGradients(model, settings, saliency)


ROW = MethodRow(
    "saliency", "Saliency", "method", "gradients", create, NoSettings, "bilinear", signed=False, images_at_once=16,
    cost="1 forward, K backward", source="Simonyan et al. 2013",
    note="fine and noisy; has no sign: evidence for and against look alike",
)  # fmt: skip
