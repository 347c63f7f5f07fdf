"""Ways to remove pixels from a picture without taking anything away: what is painted in their place."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from evaluation.faithfulness.linear import impute
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.order import PAINT, picture_stream
from evaluation.measure import find_row

Fill = Callable[[Tensor, Tensor], Tensor]
"""Takes rows (n,), numbers of pictures, and what is missing of them (n, S, S) bool; returns pictures (n, 3, S, S)."""
Removal = Callable[[Tensor, Network, int], Fill]
"""Takes pictures (B, 3, S, S) on the network's device, the network and a seed."""

BLUR_SIGMA_PX = 5.0
BLUR_RADIUS_PX = 5
"""The kernel of 11 pixels of the code to Petsiuk et al. 2018."""
LINEAR_NOISE = 0.01
"""Standard deviation, in units of the network's input, as in the code to Rong et al. 2022."""


def _painted(paint: Callable[[Tensor, Network, int], Tensor]) -> Removal:
    """Return a removal that shows another picture through the missing pixels."""

    def prepare(images: Tensor, network: Network, seed: int) -> Fill:
        behind = paint(images, network, seed).expand_as(images)
        return lambda rows, missing: torch.where(missing[:, None], behind[rows], images[rows])

    return prepare


def blurred(images: Tensor) -> Tensor:
    """Return `images` (B, 3, S, S) behind a Gaussian; the border is continued, so that it does not darken."""
    place = torch.arange(-BLUR_RADIUS_PX, BLUR_RADIUS_PX + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-place.square() / (2 * BLUR_SIGMA_PX**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    wide = pad(images, (BLUR_RADIUS_PX,) * 4, mode="replicate")
    return conv2d(conv2d(wide, kernel, groups=3), kernel.transpose(2, 3), groups=3)


def _uniform(images: Tensor, network: Network, seed: int) -> Tensor:
    drawn = [picture_stream(seed, PAINT, image).random(tuple(image.shape), dtype="f4") for image in images]
    return network.normalised(torch.stack([torch.from_numpy(one) for one in drawn]).to(images.device))


def _linear(images: Tensor, _network: Network, seed: int) -> Fill:
    drawn = [picture_stream(seed, PAINT, image).standard_normal(tuple(image.shape), dtype="f4") for image in images]
    noise = LINEAR_NOISE * torch.stack([torch.from_numpy(one) for one in drawn]).to(images.device)
    return lambda rows, missing: impute(images[rows], missing) + noise[rows] * missing[:, None]


REMOVALS: dict[str, Removal] = {
    # The mean colour of the network's pictures: Petsiuk et al. 2018 (deletion).
    "mean": _painted(lambda images, *_: torch.zeros_like(images)),
    "black": _painted(lambda images, network, _: network.normalised(torch.zeros_like(images))),
    "grey": _painted(lambda images, network, _: network.normalised(torch.full_like(images, 0.5))),
    "picture_mean": _painted(lambda images, *_: images.mean(dim=(2, 3), keepdim=True)),
    "blur": _painted(lambda images, *_: blurred(images)),  # Petsiuk et al. 2018 (insertion)
    "noise": _painted(_uniform),  # Samek et al. 2016
    "linear": _linear,  # noisy linear imputation: Rong et al. 2022
}


def find_removal(name: str) -> Removal:
    """Return the removal called `name`, or raise SettingsError with the nearest known name."""
    return find_row(REMOVALS, name, "removal")
