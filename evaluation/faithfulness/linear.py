"""Noisy linear imputation without its noise: each missing pixel becomes the weighted mean of its eight neighbours."""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate, pad

RESIDUAL = 1e-5
"""Root mean square of the residual at which it is enough, in units of the network's input. Measured against a direct
solver on renders of 128 px with 10 to 90 % missing: pixels are off by 0.0015 (root mean square), 0.014 at worst; the
noise that ROAD adds has 0.01."""
AT_ONCE_BYTES = 400_000
"""Pictures that a CPU solves together: two of 128 px stay in its cache, 40 take nearly three times as long each."""
MOST_STEPS = 600


def impute(images: Tensor, missing: Tensor) -> Tensor:
    """Return `images` with the missing pixels filled, (N, 3, H, W).

    Each is the mean of its neighbours, missing ones too, with weights 1/6 for the four nearest and 1/12 for the four
    diagonal ones; neighbours outside of the picture count for none. Pictures are solved together by conjugate
    gradients, begun from the solution at half the size, and that from a quarter (cascadic multigrid, Bornemann and
    Deuflhard 1996).

    Source: Rong et al. 2022, A consistent and efficient evaluation strategy for attribution methods, section 4.2; the
    same equations as the authors' code, which solves them one by one and directly.

    Args:
        images: (N, 3, H, W) float32, finite.
        missing: (N, H, W) bool; where all of a picture is missing it becomes 0.
    """
    known = (~missing[:, None]).to(images.dtype)
    at_once = max(1, AT_ONCE_BYTES // images[:1].nbytes) if images.device.type == "cpu" else len(images)
    groups = [slice(start, start + at_once) for start in range(0, len(images), at_once)]
    return torch.cat([_fill(images[group] * known[group], known[group]) for group in groups])


def _fill(known: Tensor, weight: Tensor) -> Tensor:
    """Return pictures from `known`, each pixel times the share of it that is known: `weight`, 0 where it is missing."""
    hidden = (weight == 0).to(known.dtype)
    values = known / weight.clamp(min=1e-6)
    height, width = known.shape[2:]
    if height * width == 1 or not bool(hidden.any()):
        return values
    half = (height + 1) // 2, (width + 1) // 2
    coarse = _fill(adaptive_avg_pool2d(known, half), adaptive_avg_pool2d(weight, half))
    start = interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    return _solve(values, start * hidden, hidden)


def _solve(values: Tensor, filled: Tensor, hidden: Tensor) -> Tensor:
    """Return `values`, 0 where hidden, with the hidden pixels solved for, begun from `filled`, 0 where not hidden."""
    weight = _neighbours(torch.ones_like(hidden[:1]))  # of those within the picture
    residual = hidden * (_neighbours(values + filled) - weight * filled)
    direction = residual.clone()
    square = residual.square().sum(dim=(2, 3), keepdim=True)
    enough = RESIDUAL**2 * hidden.sum(dim=(2, 3), keepdim=True)
    for _ in range(MOST_STEPS):
        if bool((square <= enough).all()):
            break
        applied = hidden * (weight * direction - _neighbours(direction))
        step = square / (direction * applied).sum(dim=(2, 3), keepdim=True).clamp(min=1e-30)
        step = torch.where(square > enough, step, torch.zeros_like(step))
        filled = filled + step * direction
        residual = residual - step * applied
        smaller = residual.square().sum(dim=(2, 3), keepdim=True)
        direction = residual + smaller / square.clamp(min=1e-30) * direction
        square = smaller
    return values + filled


def _neighbours(values: Tensor) -> Tensor:
    """Return the weighted sum of the eight neighbours of each pixel, those outside counting 0.

    (1 2 1) along both sides gives 12 times the weights and 4 times the pixel itself.
    """
    wide = pad(values, (1, 1, 1, 1))
    rows = wide[:, :, :-2] + wide[:, :, 2:] + 2 * wide[:, :, 1:-1]
    both = rows[:, :, :, :-2] + rows[:, :, :, 2:] + 2 * rows[:, :, :, 1:-1]
    return (both - 4 * values) / 12
