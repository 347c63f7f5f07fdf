"""Input x gradient: each pixel's first-order share of the logit."""

from torch import Tensor

from explain.gradients.pixel_gradients import pixel_row


def input_x_gradient(image: Tensor, gradients: Tensor) -> Tensor:
    """Return sum over channels of x dy/dx, (K, H, W) of an image (3, H, W) and gradients (K, 3, H, W).

    Source: Shrikumar et al. 2016. x is the normalised picture, so that the mean colour counts as nothing.
    """
    return (image * gradients).sum(dim=1)


ROW = pixel_row(
    "input_x_gradient", "Input × gradient", input_x_gradient, unit="logit", source="Shrikumar et al. 2016",
    note="pixels of the normalisation's mean colour get 0, whatever the network does with them",
)  # fmt: skip
