"""What layers hold, and what they make of a picture: kernels of convolutions, and feature maps."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import SettingsError
from core.settings import near_matches
from explain.cam.capture import layer_pass
from explain.cam.layers import find_layer
from explain.draw import colouring_of, value_text
from explain.network.sheets import Sheet, tiled, value_sheet

COLUMNS = 12
"""Tiles in a line, where a kernel is one tile."""


def kernel_sheet(model: nn.Module, layer: str | None = None, *, limit: int = 96, inputs: int = 24) -> Sheet:
    """Return the kernels of a convolution as tiles.

    A kernel of three input channels is one RGB tile: grey is 0, and all kernels share one scale, so that a dead one
    looks grey. Deeper kernels have a line each: one tile an input channel, in diverging colours on one scale. Kernels
    of one input channel (depthwise convolutions) stand side by side.

    Args:
        model: any network with convolutions.
        layer: name of one; None takes the first.
        limit: kernels shown at most, the first ones.
        inputs: input channels shown at most of a deeper kernel, the first ones.

    Raises:
        SettingsError: no such convolution.
    """
    name, convolution = _convolution(model, layer)
    weights = convolution.weight.detach().cpu().float().numpy()  # (C_out, C_in, h, w)
    count = min(limit, len(weights))
    shown = f"{name}: {count} of {len(weights)} kernels of {weights.shape[2]} x {weights.shape[3]}"
    if weights.shape[1] == 3:
        colouring = colouring_of(weights)
        tiles = 127.5 + 127.5 * np.clip(weights[:count].transpose(0, 2, 3, 1) / colouring.limit, -1.0, 1.0)
        most = f"±{value_text(colouring.limit)}{' and more' if colouring.is_cut else ''}"
        title = f"{shown} as RGB, grey is 0, full colour {most}"
        return Sheet(title, tiled(np.round(tiles).astype(np.uint8), COLUMNS), None)
    if weights.shape[1] == 1:
        return value_sheet(f"{shown}, one input channel each", weights[:count, 0], COLUMNS)
    some = min(inputs, weights.shape[1])
    title = f"{shown}, a line each: {some} of {weights.shape[1]} input channels"
    return value_sheet(title, weights[:count, :some].reshape(-1, *weights.shape[2:]), some)


def convolutions(model: nn.Module) -> dict[str, nn.Conv2d]:
    """Return the convolutions of `model` by name, in the order they were made in; SettingsError if there is none."""
    layers = {name: module for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    if not layers:
        raise SettingsError(f"{type(model).__name__} has no convolution.")
    return layers


def _convolution(model: nn.Module, layer: str | None) -> tuple[str, nn.Conv2d]:
    layers = convolutions(model)
    name = next(iter(layers)) if layer is None else layer
    if name not in layers:
        hint = near_matches(name, list(layers))
        raise SettingsError(f"{type(model).__name__} has no convolution {name!r}{hint}; it has {', '.join(layers)}.")
    return name, layers[name]


MAP_COLUMNS = 9


def three_layers(model: nn.Module) -> list[str]:
    """Return the names of the first, the middle and the last convolution: of bricknet the paper's one, three and five.

    Raises:
        SettingsError: the network has no convolution.
    """
    names = list(convolutions(model))
    return list(dict.fromkeys([names[0], names[len(names) // 2], names[-1]]))


def feature_maps(model: nn.Module, image: Tensor, layer: str) -> Tensor:
    """Return the output of `layer` for `image` (3, H, W), raw, as (C, h, w) on the CPU.

    Raises:
        SettingsError: the network has no such layer.
        BrickbenchError: it gives no maps.
    """
    name, module = find_layer(model, layer)
    with layer_pass(model, name, module, image[None], [[]]) as kept, torch.no_grad():
        return kept.activations[0].cpu()


def feature_sheets(model: nn.Module, image: Tensor, layers: Sequence[str], *, limit: int = 27) -> list[Sheet]:
    """Return for each layer its first `limit` maps of `image` (3, H, W) as tiles, all of a layer on one scale."""
    sheets = []
    for layer in layers:
        maps = feature_maps(model, image, layer).float().numpy()
        title = f"{layer}: {min(limit, len(maps))} of {len(maps)} maps of {maps.shape[1]} x {maps.shape[2]}"
        sheets.append(value_sheet(title, maps[:limit], MAP_COLUMNS))
    return sheets
