"""How far a layer's cells look: where in the picture the values of a cell come from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explain.forward import ask
from explain.protocol import frozen_eval
from training.network.models import input_channels_of

CELLS_A_SIDE = 3
"""Cells that are looked at: the corners, the middles of the sides, and the middle."""


@dataclass(frozen=True)
class Footprint:
    """Where a layer's cells look, in shares of the picture's side, on the mean of some cells."""

    offset: float
    """From a cell's own middle to the middle of what it looks at."""
    spread: float
    """Root mean square distance of what it looks at from the cell's own middle."""


def footprint(model: nn.Module, layer: nn.Module, input_size_px: int) -> Footprint | None:
    """Return how far the cells of `layer` look, by squared gradients of random sums of its channels.

    The effective receptive field of Luo et al. 2016: of each of 9 cells, the gradient with respect to the pixels of a
    picture of noise. The same on every call. The network is left as it was. None where no gradient reaches the pixels.

    Args:
        model: takes (N, C, S, S).
        layer: gives one stack of maps (N, C, h, w).
        input_size_px: S.
    """
    stream = torch.Generator().manual_seed(0)
    kept: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output.clone()))
    try:
        with frozen_eval(model), torch.inference_mode(False), torch.enable_grad():
            noise = torch.randn(1, input_channels_of(model), input_size_px, input_size_px, generator=stream)
            noise.requires_grad_(True)
            ask(model, noise.clone())  # a first layer in place would not be allowed to change a leaf
            maps = kept[0][0]  # (C, h, w)
            if not maps.requires_grad:
                return None
            signs = (torch.randint(0, 2, maps.shape[:1], generator=stream) * 2 - 1).to(maps)
            height, width = maps.shape[1:]
            cells = [(row, column) for row in _spread(height) for column in _spread(width)]
            found = []
            for row, column in cells:
                (gradient,) = torch.autograd.grad(signs @ maps[:, row, column], noise, retain_graph=True)
                found.append(_moments(gradient[0], (row, column), (height, width)))
    finally:
        handle.remove()
    offset, spread = np.mean(found, axis=0).tolist()
    return Footprint(offset, spread)


def _spread(count: int) -> list[int]:
    return sorted({round(share * (count - 1) / (CELLS_A_SIDE - 1)) for share in range(CELLS_A_SIDE)})


def _moments(gradient: Tensor, place: tuple[int, int], grid: tuple[int, int]) -> tuple[float, float]:
    """Return how far the middle of a squared gradient (C, S, S) is from that of its cell, and its spread."""
    shares = gradient.double().square().sum(dim=0)
    shares = shares / shares.sum().clamp_min(1e-300)
    middles = (torch.arange(len(shares), dtype=torch.float64, device=shares.device) + 0.5) / len(shares)
    down, right = (middles - (number + 0.5) / count for number, count in zip(place, grid, strict=True))
    rows, columns = shares.sum(dim=1), shares.sum(dim=0)
    offset = torch.hypot(rows @ down, columns @ right)
    spread = (rows @ down**2 + columns @ right**2).sqrt()
    return float(offset), float(spread)
