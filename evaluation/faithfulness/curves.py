"""What the network says while some of a picture is removed: the one loop behind all measures that change pixels."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluation.faithfulness.protocol import Maps, Output
from evaluation.faithfulness.removal import find_removal
from evaluation.measure import FloatArray

Missing = Callable[[Tensor, Tensor], Tensor]
"""Takes rows and steps, numbers (n,) of maps and of their steps, and returns what is missing, (n, S, S) bool."""


def removal_answers(maps: Maps, steps: int, missing: Missing, *, removal: str, output: Output, seed: int) -> FloatArray:
    """Return what the network says of each map's class at each step, (B, steps).

    Steps of all maps go through the network together, as many as fit.

    Args:
        maps: the pictures and classes.
        steps: how many there are for each map.
        missing: what is missing at a step.
        removal: a name in `REMOVALS`.
        output: logit or probability.
        seed: of what the removal draws.
    """
    device = maps.network.device
    fill = find_removal(removal)(maps.images.to(device), maps.network, seed)

    def make(part: slice) -> Tensor:
        number = torch.arange(part.start, part.stop, device=device)
        rows, places = number // steps, number % steps
        return fill(rows, missing(rows, places))

    count = len(maps.images)
    said = maps.network.answers(count * steps, make, np.repeat(maps.classes, steps), output)
    return said.reshape(count, steps)


def removal_curve(
    maps: Maps, ranks: NDArray[np.int64], cuts: NDArray[np.int64], *, removal: str, output: Output, seed: int
) -> FloatArray:
    """Return what the network says when the pixels with a rank below each of `cuts` (T,) are missing, (B, T).

    `ranks` (B, S, S) is the order in which pixels go; pixels of equal rank go together. The rest is as in
    `removal_answers`.
    """
    placed, limits = (torch.from_numpy(values).to(maps.network.device) for values in (ranks, cuts))

    def missing(rows: Tensor, steps: Tensor) -> Tensor:
        return placed[rows] < limits[steps][:, None, None]

    return removal_answers(maps, len(cuts), missing, removal=removal, output=output, seed=seed)


def mean_height(curve: FloatArray) -> FloatArray:
    """Return the area under curves (B, T) over a share removed that runs evenly from 0 to 1, by trapezoids: (B,)."""
    return np.asarray((curve[:, :-1] + curve[:, 1:]).mean(axis=1) / 2, dtype=np.float64)


def even_cuts(pixels: int, steps: int) -> NDArray[np.int64]:
    """Return how many of `pixels` are missing at each of steps + 1 even steps from none to all."""
    return np.asarray(np.rint(np.linspace(0, pixels, steps + 1)), dtype=np.int64)
