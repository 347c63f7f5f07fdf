"""Tiny networks and pictures, not square, on which any explanation method takes milliseconds."""

from functools import cache

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from explain.methods import METHODS, create_method
from explain.protocol import NotForNetworkError

HEIGHT, WIDTH = 24, 16
_QUICK = {
    "num_samples": 5, "num_masks": 12, "steps": 3, "window_px": 8, "stride_px": 8, "grid": 3, "input_size_px": WIDTH,
}  # fmt: skip
_SUPERPIXELS = {"segmentation": "slic", "n_segments": 6, "num_samples": 70}
"""Six have 62 coalitions, which are all taken."""


def images(count: int) -> Tensor:
    """Return smooth noise (count, 3, H, W), normalised."""
    coarse = torch.randn(count, 3, 6, 4, generator=torch.Generator().manual_seed(3))
    return nn.functional.interpolate(coarse, size=(HEIGHT, WIDTH), mode="bilinear")


def quick_settings(name: str) -> dict[str, object]:
    """Return settings that make method `name` quick."""
    fields = METHODS[name].settings.model_fields
    quick = _QUICK | (_SUPERPIXELS if "segmentation" in fields else {})
    return {key: value for key, value in quick.items() if key in fields}


def conv_network(channels: int = 3) -> nn.Sequential:
    """Return a convolutional network of three classes whose last maps have half of the picture's size."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, stride=2, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 5, 3, padding=1),
        nn.BatchNorm2d(5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(5, 3),
    ).eval()  # fmt: skip


def transformer(channels: int = 3) -> nn.Module:
    """Return a vision transformer of three classes with 6 x 4 tokens."""
    torch.manual_seed(0)
    made: nn.Module = timm.create_model(
        "vit_tiny_patch16_224", num_classes=3, in_chans=channels, img_size=(HEIGHT, WIDTH), patch_size=4, embed_dim=12,
        depth=2, num_heads=2,
    ).eval()  # fmt: skip
    return made


def network_of(name: str, channels: int = 3) -> nn.Module:
    """Return a network that method `name` explains: convolutional, or a transformer where it wants one."""
    return conv_network(channels) if takes_convolutions(name) else transformer(channels)


@cache
def takes_convolutions(name: str) -> bool:
    """Return whether method `name` explains a convolutional network; some want a transformer."""
    try:
        with torch.inference_mode(False):  # whatever the test that asks first is about
            create_method(name, conv_network(), **quick_settings(name))
    except NotForNetworkError:
        return False
    return True


def relative(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the largest difference as a share of the largest value of `other`."""
    assert one.shape == other.shape
    return float(np.abs(one - other).max(initial=0.0) / max(float(np.abs(other).max(initial=0.0)), 1e-30))
