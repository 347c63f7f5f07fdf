"""Kernels of a convolution: the first layer's as colours, deeper ones as grids of their input channels."""

import numpy as np
from torch import nn

from core.errors import SettingsError
from core.settings import near_matches
from explain.network.sheets import Sheet, tiled, value_sheet


def kernel_sheet(model: nn.Module, layer: str | None = None, *, limit: int = 96, inputs: int = 24) -> Sheet:
    """Return the kernels of a convolution as tiles.

    A kernel of three input channels is one RGB tile: grey is 0, and all kernels share one scale, so that a dead one
    looks grey. Deeper kernels have a line each: one tile an input channel, in diverging colours on one scale.

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
        extreme = float(np.abs(weights).max()) or 1.0
        tiles = 127.5 + 127.5 * weights[:count].transpose(0, 2, 3, 1) / extreme
        title = f"{shown} as RGB, grey is 0, full colour ±{extreme:.3g}"
        return Sheet(title, tiled(np.round(tiles).astype(np.uint8), 16, 44), None)
    some = min(inputs, weights.shape[1])
    title = f"{shown}, a line each: {some} of {weights.shape[1]} input channels"
    return value_sheet(title, weights[:count, :some].reshape(-1, *weights.shape[2:]), some, 24)


def _convolution(model: nn.Module, layer: str | None) -> tuple[str, nn.Conv2d]:
    found = {name: module for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    if not found:
        raise SettingsError(f"{type(model).__name__} has no convolution.")
    name = next(iter(found)) if layer is None else layer
    if name not in found:
        hint = near_matches(name, list(found))
        raise SettingsError(f"{type(model).__name__} has no convolution {name!r}{hint}; it has {', '.join(found)}.")
    return name, found[name]
