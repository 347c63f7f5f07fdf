"""Input x gradient: each pixel's first-order share of the logit."""

from torch import Tensor, nn

from explain.gradients.pixel_gradients import PixelGradients
from explain.protocol import MethodRow, NoSettings


def input_x_gradient(image: Tensor, gradients: Tensor) -> Tensor:
    """Return sum over channels of x dy/dx, (K, H, W) of an image (3, H, W) and gradients (K, 3, H, W).

    Source: Shrikumar et al. 2016. x is the normalised picture, so that the mean colour counts as nothing.
    """
    return (image * gradients).sum(dim=1)


def create(model: nn.Module, settings: NoSettings) -> PixelGradients:
    """Return input x gradient bound to `model`."""
    return PixelGradients(model, settings, input_x_gradient)


ROW = MethodRow(
    "input_x_gradient", "Input × gradient", "method", "gradients", create, NoSettings, "bilinear", signed=True,
    images_at_once=16, cost="1 forward, K backward", source="Shrikumar et al. 2016",
    note="pixels of the normalisation's mean colour get 0, whatever the network does with them",
)  # fmt: skip
