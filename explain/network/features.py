"""Feature maps: what chosen layers make of one picture."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from explain.cam.capture import layer_pass
from explain.cam.layers import find_layer
from explain.network.kernels import convolutions
from explain.network.sheets import Sheet, value_sheet

COLUMNS = 9


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
        sheets.append(value_sheet(title, maps[:limit], COLUMNS))
    return sheets
