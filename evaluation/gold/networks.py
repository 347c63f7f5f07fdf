"""Networks built by hand: to an explanation they are convolutional networks like any other, and what they use is known.

A stem finds colours, pixel by pixel; stages average over larger and larger cells; a global mean and a linear layer make
logits. Nothing is trained or drawn at random.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dataset.loading.network_input import IMAGENET_MEAN, IMAGENET_STD

CHANNELS = ("red", "blue", "green", "magenta", "dark", "light", "constant")
"""What the stem finds. `light` is everywhere and no network uses it; `constant` is 0 but where a constant is moved."""
GAIN = 80.0
"""From the mean of a channel to a logit: a part covers some 5 % of a picture, which makes 4."""
BIAS = -2.0
MOVED = 6.0
"""The constant that is moved from a bias into a channel."""
SATURATION = 6.0
"""Of ReLU6."""
# Weights of red, green and blue in 0..1, a bias, and what the result is multiplied by to make about 1 on its colour.
# Each is below 0 on the other colours and on grey; see `evaluation.gold.pictures`.
_COLOURS = {
    "red": ((1.0, -1.0, -1.0), -0.1, 2.0),
    "blue": ((-1.0, -1.0, 1.0), -0.1, 2.0),
    "green": ((-1.0, 1.0, -1.0), -0.1, 2.0),
    "magenta": ((0.5, -1.0, 0.5), -0.45, 4.0),
    "dark": ((-1.0, -1.0, -1.0), 0.75, 3.0),
    "light": ((1 / 3, 1 / 3, 1 / 3), 0.0, 1.0),
}


class GoldNetwork(nn.Module):
    """Stem, stages, mean, logits."""

    def __init__(self, stem: nn.Module, stages: nn.Module, head: nn.Module) -> None:
        """Put them together, ready for use."""
        super().__init__()
        self.stem, self.stages = stem, stages
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = head
        self.requires_grad_(True).eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) of `images` (N, 3, H, W), normalised with ImageNet's mean and deviation."""
        logits: Tensor = self.head(self.pool(self.stages(self.stem(images))).flatten(1))
        return logits


def network(
    head: nn.Module,
    *,
    factors: Sequence[int] = (2, 2, 2),
    constant: float = 0.0,
    scale: float = 1.0,
    gain: float | None = None,
    spread: int = 0,
) -> GoldNetwork:
    """Return a network that gives `head` the mean of each of `CHANNELS`.

    Args:
        head: from (N, 7) means to logits; see `linear_head`.
        factors: how much each stage shrinks the maps; of 112 pixels (2, 2, 2) leaves 14 x 14, (2, 2, 7) 4 x 4.
        constant: what the channel `constant` is everywhere.
        scale: what every channel is multiplied by; the head must divide by it.
        gain: of a ReLU6 in the stem, before it; None is a ReLU without a gain.
        spread: how many convolutions follow, in which each cell is the mean of its eight neighbours, and not itself.
    """
    channels = len(CHANNELS)
    rectifier: nn.Module = nn.ReLU() if gain is None else nn.ReLU6()
    stem = nn.Sequential(colour_stem(constant, scale, 1.0 if gain is None else gain), rectifier)
    stages = [nn.Sequential(averaging(channels, factor), nn.ReLU()) for factor in factors]
    stages += [nn.Sequential(_ring(channels), nn.ReLU()) for _ in range(spread)]
    return GoldNetwork(stem, nn.Sequential(*stages), head)


def linear_head(
    rows: Sequence[dict[str, float]], *, bias: float = BIAS, scale: float = 1.0, constant: float = 0.0
) -> nn.Linear:
    """Return the layer whose logits are sums of channels with the weights `rows`, one dict a class.

    Args:
        rows: weight by channel, of the channel's mean.
        bias: of every logit.
        scale: what the network's channels are multiplied by.
        constant: weight of the channel `constant` in every logit.
    """
    head = nn.Linear(len(CHANNELS), len(rows))
    weight = torch.zeros(len(rows), len(CHANNELS))
    for row, weights in zip(weight, rows, strict=True):
        for name, value in weights.items():
            row[CHANNELS.index(name)] = value
    weight[:, CHANNELS.index("constant")] = constant
    with torch.no_grad():
        head.weight.copy_(weight / scale)
        head.bias.fill_(bias)
    return head


def together_head(first: str, second: str, alone: float) -> nn.Module:
    """Return logits (N, 1) that rise only where the means of two channels add up to more than `alone`.

    So neither suffices: `alone` is more than one of them, and less than both.
    """
    hidden = linear_head([{first: 1.0, second: 1.0}], bias=-alone)
    logit = nn.Linear(1, 1)
    with torch.no_grad():
        logit.weight.fill_(8 * GAIN)
        logit.bias.fill_(BIAS)
    return nn.Sequential(hidden, nn.ReLU(), logit)


def colour_stem(constant: float = 0.0, scale: float = 1.0, gain: float = 1.0) -> nn.Conv2d:
    """Return the 3 x 3 convolution that finds colours in normalised pixels; only its middle is not 0.

    Arguments are those of `network`.
    """
    stem = nn.Conv2d(3, len(CHANNELS), 3, padding=1)
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    weight, bias = torch.zeros(len(CHANNELS), 3), torch.zeros(len(CHANNELS))
    for number, name in enumerate(CHANNELS):
        if name == "constant":
            bias[number] = constant
            continue
        rgb, threshold, factor = _COLOURS[name]
        of_pixels = torch.tensor(rgb)
        weight[number] = factor * of_pixels * std
        bias[number] = factor * (threshold + float(of_pixels @ mean))
    with torch.no_grad():
        stem.weight.zero_()
        stem.weight[:, :, 1, 1] = gain * scale * weight
        stem.bias.copy_(gain * scale * bias)  # type: ignore[union-attr]
    return stem


def averaging(channels: int, factor: int) -> nn.Conv2d:
    """Return the convolution that averages each channel over squares of `factor` cells, without overlap."""
    layer = nn.Conv2d(channels, channels, factor, stride=factor)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()  # type: ignore[union-attr]
        for channel in range(channels):
            layer.weight[channel, channel] = 1 / factor**2
    return layer


def _ring(channels: int) -> nn.Conv2d:
    """Return the convolution that gives each cell the mean of its eight neighbours, round the border."""
    layer = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="circular")
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()  # type: ignore[union-attr]
        for channel in range(channels):
            layer.weight[channel, channel] = 1 / 8
            layer.weight[channel, channel, 1, 1] = 0
    return layer
