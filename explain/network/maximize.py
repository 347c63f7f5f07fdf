"""Activation maximisation: a picture, grown from noise, that a class or a channel likes best."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from core.seeding import Purpose, generator
from core.settings import Settings, near_matches
from explain.cam.layers import find_layer, to_grid
from explain.network.sheets import Sheet, tiled
from explain.protocol import borrowed, device_of
from training.checkpoint import Checkpoint


class MaximizeSettings(Settings):
    """The ascent and its regularisers."""

    steps: int = Field(256, ge=1)
    """Of Adam."""
    learning_rate: float = Field(0.05, gt=0)
    """Of the picture's values, which are normalised."""
    total_variation: float = Field(0.05, ge=0)
    """Weight of the mean difference between neighbouring pixels: without it the picture is high-frequency noise."""
    decay: float = Field(0.01, ge=0)
    """Weight of the mean squared value: it pulls what does not matter back to the mean colour."""
    jitter_px: int = Field(8, ge=0)
    """Largest random shift at each step, round the border: no pixel can make itself fit one stride of the network."""
    seed: int = Field(0, ge=0)
    """Of the noise at the beginning and of the shifts."""


Score = Callable[[Tensor], Tensor]
"""Takes pictures (1, 3, H, W) and returns what is to grow, a number."""


def maximize_class(model: nn.Module, index: int, size_px: int, settings: MaximizeSettings) -> Tensor:
    """Return a picture (3, S, S), normalised, with a high logit of class `index`.

    Source: Simonyan et al. 2013 (logit and decay), with total variation as Mahendran and Vedaldi 2015 and jitter as
    Mordvintsev et al. 2015.
    """
    return _ascend(model, lambda pictures: model(pictures)[0, index], size_px, settings, (0, index))


def maximize_channel(model: nn.Module, layer: str, channel: int, size_px: int, settings: MaximizeSettings) -> Tensor:
    """Return a picture (3, S, S), normalised, for which channel `channel` of `layer` is large on the mean.

    Raises:
        SettingsError: the network has no such layer.
        BrickbenchError: the layer has no such channel, or gives no maps.
    """
    name, module = find_layer(model, layer)
    kept: list[Tensor] = []

    def score(pictures: Tensor) -> Tensor:
        kept.clear()
        model(pictures)
        maps = to_grid(kept[0], model, name, pictures)
        if not 0 <= channel < maps.shape[1]:
            raise BrickbenchError(f"Layer {name!r} has channels 0 to {maps.shape[1] - 1}; {channel} was asked for.")
        return maps[0, channel].mean()

    handle = module.register_forward_hook(lambda _module, _inputs, output: kept.append(output.clone()))
    try:
        return _ascend(model, score, size_px, settings, (1, channel))
    finally:
        handle.remove()


def _ascend(model: nn.Module, score: Score, size_px: int, settings: MaximizeSettings, key: Sequence[int]) -> Tensor:
    rng = generator(settings.seed, Purpose.BASELINE, *key)
    noise = 0.1 * rng.standard_normal((1, 3, size_px, size_px), dtype=np.float32)
    with borrowed(model), torch.inference_mode(False), torch.enable_grad():
        picture = torch.from_numpy(noise).to(device_of(model)).requires_grad_(True)
        optimizer = torch.optim.Adam([picture], lr=settings.learning_rate)
        for _ in range(settings.steps):
            shift = rng.integers(-settings.jitter_px, settings.jitter_px + 1, size=2).tolist()
            loss = -score(picture.roll(shift, dims=(2, 3)))
            loss = loss + settings.total_variation * _variation(picture) * size_px
            loss = loss + settings.decay * picture.square().mean() * size_px
            (picture.grad,) = torch.autograd.grad(loss, picture)
            optimizer.step()
    return picture.detach()[0].cpu()


def _variation(picture: Tensor) -> Tensor:
    return picture.diff(dim=2).abs().mean() + picture.diff(dim=3).abs().mean()


def maximized_sheet(
    network: Checkpoint, settings: MaximizeSettings, parts: Sequence[str] | None, layer: str | None, channels: int
) -> Sheet:
    """Return grown pictures as tiles: of `parts` (None: all classes), or of the first `channels` of `layer`.

    Raises:
        SettingsError: a part that the network does not know, or no such layer.
    """
    size_px = network.input_size_px
    if layer is not None:
        name = f"{layer}, channels 0 to {channels - 1}"
        grown = [maximize_channel(network.model, layer, channel, size_px, settings) for channel in range(channels)]
    else:
        chosen = list(network.classes if parts is None else parts)
        for part in chosen:
            if part not in network.classes:
                raise SettingsError(f"The network has no class {part!r}{near_matches(part, list(network.classes))}.")
        name = f"classes {', '.join(chosen)}"
        grown = [maximize_class(network.model, network.classes.index(part), size_px, settings) for part in chosen]
    tiles = np.stack([as_rgb(picture, network.mean, network.std) for picture in grown])
    return Sheet(f"Grown for {name}, line by line", tiled(tiles, 6, 160), None)


def as_rgb(picture: Tensor, mean: Sequence[float], std: Sequence[float]) -> NDArray[np.uint8]:
    """Return a normalised `picture` (3, H, W) as (H, W, 3) uint8; what no colour can show is cut off."""
    shown = picture.numpy().transpose(1, 2, 0) * np.asarray(std) + np.asarray(mean)
    return np.asarray(np.clip(np.round(255 * shown), 0, 255), dtype=np.uint8)
