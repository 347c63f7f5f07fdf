"""Vision transformers built by hand: timm's own, fused attention and all, with weights whose use is known.

Each patch's token holds how much of each colour is in it. In the last block the class token attends, with one head a
class, to patches that have the class's colour, and takes from there how much they have; the head reads that.
"""

from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from evaluation.gold.networks import BIAS, CHANNELS, averaging, colour_stem
from evaluation.gold.pictures import SIDE_PX

PATCH_SIDE_PX = 8
SHARPNESS = 3.0
"""A patch that has all of a colour is attended to e^3 times as much as one without it."""
SINK_SHARPNESS = 10.0
TAKEN_GAIN = 12.0
"""From what the class token took to a logit: that is some 0.5 where a part covers 5 % of a picture."""
VALUE_MOVED = 2.0
"""The constant that is moved from a bias into the values."""
_LARGE = 300.0
"""A channel that is constant. It makes the deviation of every token the same, to 1 in 100,000, so that LayerNorm is a
division by a known number; in float32 it costs 3e-5 of a colour."""
_NAMES = (*CHANNELS, "large", "is_class_token", "first_taken", "second_taken")
_HALF = 12
"""Channels; each has its negative behind all of them, so that LayerNorm's mean is 0."""
_WIDTH = 2 * _HALF
_DEVIATION = _LARGE * (2 / _WIDTH) ** 0.5
_HEADS = 3
_HEAD_WIDTH = _WIDTH // _HEADS


class ColourPatches(nn.Module):
    """What finds colours in pixels, averages them over patches, and makes a token of each patch."""

    def __init__(self) -> None:
        """Build it for pictures of `SIDE_PX`."""
        super().__init__()
        self.img_size = (SIDE_PX, SIDE_PX)
        self.stem, self.relu = colour_stem(), nn.ReLU()
        self.mean = averaging(len(CHANNELS), PATCH_SIDE_PX)
        self.token = nn.Linear(len(CHANNELS), _WIDTH)
        with torch.no_grad():
            self.token.weight.zero_()
            for number, name in enumerate(CHANNELS):
                self.token.weight[:, number] = _direction(name)
            self.token.bias.copy_(_LARGE * _direction("large"))

    def forward(self, images: Tensor) -> Tensor:
        """Return tokens (N, 196, 24) of `images` (N, 3, 112, 112)."""
        tokens: Tensor = self.token(self.mean(self.relu(self.stem(images))).flatten(2).transpose(1, 2))
        return tokens


def transformer(*, sink: bool = False, moved: bool = False) -> nn.Module:
    """Return a network with two logits: what the class token takes from red patches, and from blue ones.

    Args:
        sink: a third head attends to the dark disc, sharply, and takes nothing from there.
        moved: a constant is added to the values, and a bias takes it off again: the same logits.
    """
    network: Any = VisionTransformer(
        img_size=SIDE_PX, patch_size=PATCH_SIDE_PX, num_classes=2, embed_dim=_WIDTH, depth=2, num_heads=_HEADS,
        mlp_ratio=1, qkv_bias=True,
    )  # fmt: skip
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.fill_(_DEVIATION if "norm" in name and name.endswith("weight") else 0.0)
        network.cls_token[0, 0] = _LARGE * _direction("large") + _direction("is_class_token")
        attention = network.blocks[1].attn
        _attend(attention, 0, "red", SHARPNESS)
        _attend(attention, 1, "blue", SHARPNESS)
        if sink:
            _attend(attention, 2, "dark", SINK_SHARPNESS)
        for head, colour in enumerate(("red", "blue")):
            name = _NAMES[-2 + head]
            _take(attention, head, colour, _direction(name), VALUE_MOVED if moved else 0.0)
            network.head.weight[head, _NAMES.index(name)] = TAKEN_GAIN
        network.head.bias.fill_(BIAS)
    network.patch_embed = ColourPatches()
    ready: nn.Module = network.requires_grad_(True).eval()
    return ready


def _direction(name: str) -> Tensor:
    """Return the token in which the channel `name` is 1 and all others are 0, (24,)."""
    token = torch.zeros(_WIDTH)
    place = _NAMES.index(name)
    token[place], token[_HALF + place] = 1.0, -1.0
    return token


def _attend(attention: Any, head: int, colour: str, sharpness: float) -> None:
    """Make the class token attend to `colour` with one head: its query is 1, a patch's key how much of it it has."""
    weight = attention.qkv.weight.view(3, _HEADS, _HEAD_WIDTH, _WIDTH)
    weight[0, head, 0, _NAMES.index("is_class_token")] = sharpness * _HEAD_WIDTH**0.5  # which attention divides by
    weight[1, head, 0, _NAMES.index(colour)] = 1.0


def _take(attention: Any, head: int, colour: str, into: Tensor, moved: float) -> None:
    """Make what one head takes how much of `colour` there is, and add it to the channel `into` of a token."""
    attention.qkv.weight.view(3, _HEADS, _HEAD_WIDTH, _WIDTH)[2, head, 0, _NAMES.index(colour)] = 1.0
    attention.qkv.bias.view(3, _HEADS, _HEAD_WIDTH)[2, head, 0] = moved
    attention.proj.weight[:, head * _HEAD_WIDTH] = into
    attention.proj.bias -= moved * into
