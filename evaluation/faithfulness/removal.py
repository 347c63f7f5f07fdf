"""Ways to remove pixels from a picture without taking anything away: what is painted in their place."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from core.errors import SettingsError
from core.settings import near_matches
from evaluation.faithfulness.linear import impute
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.order import PAINT, picture_stream

Fill = Callable[[Tensor, Tensor], Tensor]
"""Takes rows (n,), numbers of pictures, and what is missing of them (n, S, S) bool; returns pictures (n, 3, S, S)."""

BLUR_SIGMA_PX = 5.0
BLUR_RADIUS_PX = 5
"""The kernel of 11 pixels of the code to Petsiuk et al. 2018."""
LINEAR_NOISE = 0.01
"""Standard deviation, in units of the network's input, as in the code to Rong et al. 2022."""


@dataclass(frozen=True)
class Removal:
    """One way to remove pixels."""

    name: str
    title: str
    prepare: Callable[[Tensor, Network, int], Fill]
    """Takes pictures (B, 3, S, S) on the network's device, the network and a seed."""
    source: str


def _painted(paint: Callable[[Tensor, Network, int], Tensor]) -> Callable[[Tensor, Network, int], Fill]:
    """Return a removal that shows another picture through the missing pixels."""

    def prepare(images: Tensor, network: Network, seed: int) -> Fill:
        behind = paint(images, network, seed).expand_as(images)
        return lambda rows, missing: torch.where(missing[:, None], behind[rows], images[rows])

    return prepare


def _mean(images: Tensor, _network: Network, _seed: int) -> Tensor:
    return torch.zeros_like(images)


def _black(images: Tensor, network: Network, _seed: int) -> Tensor:
    return network.normalised(torch.zeros_like(images))


def _grey(images: Tensor, network: Network, _seed: int) -> Tensor:
    return network.normalised(torch.full_like(images, 0.5))


def _picture_mean(images: Tensor, _network: Network, _seed: int) -> Tensor:
    return images.mean(dim=(2, 3), keepdim=True)


def blurred(images: Tensor, _network: Network | None = None, _seed: int = 0) -> Tensor:
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
    row.name: row
    for row in (
        Removal("mean", "mean colour of the network's pictures", _painted(_mean), "Petsiuk et al. 2018 (deletion)"),
        Removal("black", "black", _painted(_black), "common"),
        Removal("grey", "middle grey", _painted(_grey), "common"),
        Removal("picture_mean", "mean colour of the picture", _painted(_picture_mean), "common"),
        Removal("blur", "the picture blurred", _painted(blurred), "Petsiuk et al. 2018 (insertion)"),
        Removal("noise", "uniform noise", _painted(_uniform), "Samek et al. 2016"),
        Removal("linear", "noisy linear imputation", _linear, "Rong et al. 2022"),
    )
}


def find_removal(name: str) -> Removal:
    """Return the row called `name`, or raise SettingsError with the nearest known name."""
    if name not in REMOVALS:
        known = list(REMOVALS)
        raise SettingsError(f"There is no removal {name!r}{near_matches(name, known)}; known are {', '.join(known)}.")
    return REMOVALS[name]
