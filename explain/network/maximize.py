"""Activation maximisation: a picture, grown from noise, that a class or a channel likes best."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from core.progress import Progress
from core.seeding import Purpose, generator
from core.settings import near_matches
from explain.cam.layers import find_layer, to_grid
from explain.draw import value_text
from explain.forward import ask
from explain.network.layers import feature_maps
from explain.network.sheets import Sheet, tiled
from explain.protocol import PictureSettings, device_of, frozen_eval
from training.run.checkpoint import Checkpoint

COLUMNS = 6
LABEL_PX = 26


class MaximizeSettings(PictureSettings):
    """The ascent and its regularisers, whose weights are relative to the mean size of the score's gradient.

    So they mean the same for a logit of 10 and for a channel whose mean is 0.01.
    """

    steps: int = Field(256, ge=1)
    """Of Adam."""
    learning_rate: float = Field(0.05, gt=0)
    """Of the picture's values, which are normalised."""
    total_variation: float = Field(0.5, ge=0)
    """Weight of the squared differences between neighbouring pixels: without it the picture is high-frequency noise."""
    decay: float = Field(0.05, ge=0)
    """Weight of the squared values: it pulls what does not matter back to the mean colour."""
    jitter_px: int = Field(8, ge=0)
    """Largest random shift at each step, round the border: no pixel can make itself fit one stride of the network."""
    seed: int = Field(0, ge=0)
    """Of the noise at the beginning and of the shifts."""


Score = Callable[[Tensor], Tensor]
"""Takes pictures (1, 3, H, W) and returns what is to grow, a number."""


@dataclass(frozen=True)
class Grown:
    """What came of an ascent."""

    picture: Tensor
    """(3, S, S), normalised, with no colour that a picture cannot have."""
    score: float
    """The network's own value for it: the logit, or the channel's mean."""


def maximize_class(model: nn.Module, index: int, size_px: int, settings: MaximizeSettings) -> Grown:
    """Return a picture with a high logit of class `index`, of S = `size_px`.

    Source: Simonyan et al. 2013 (logit and decay), with total variation as Mahendran and Vedaldi 2015 (beta 2) and
    jitter as Mordvintsev et al. 2015. Colours are kept within those of pictures, so that what is shown is what the
    network saw.
    """
    return _ascend(model, lambda pictures: ask(model, pictures)[0, index], size_px, settings, (0, index))


def maximize_channel(model: nn.Module, layer: str, channel: int, size_px: int, settings: MaximizeSettings) -> Grown:
    """Return a picture for which channel `channel` of `layer` is large on the mean, of S = `size_px`.

    Raises:
        SettingsError: the network has no such layer.
        BrickbenchError: the layer has no such channel, or gives no maps.
    """
    name, module = find_layer(model, layer)
    kept: list[Tensor] = []

    def score(pictures: Tensor) -> Tensor:
        kept.clear()
        ask(model, pictures)
        maps = to_grid(kept[0], model, name, pictures)
        if not 0 <= channel < maps.shape[1]:
            raise BrickbenchError(f"Layer {name!r} has channels 0 to {maps.shape[1] - 1}; {channel} was asked for.")
        return maps[0, channel].mean()

    handle = module.register_forward_hook(lambda _module, _inputs, output: kept.append(output.clone()))
    try:
        return _ascend(model, score, size_px, settings, (1, channel))
    finally:
        handle.remove()


def _ascend(model: nn.Module, score: Score, size_px: int, settings: MaximizeSettings, key: Sequence[int]) -> Grown:
    rng = generator(settings.seed, Purpose.BASELINE, *key)
    noise = 0.1 * rng.standard_normal((1, 3, size_px, size_px), dtype=np.float32)
    mean, std = (torch.tensor(one, dtype=torch.float32)[None, :, None, None] for one in (settings.mean, settings.std))
    with frozen_eval(model), torch.inference_mode(False), torch.enable_grad():
        black, white = ((colour - mean) / std for colour in (0.0, 1.0))
        device = device_of(model)
        black, white = black.to(device), white.to(device)
        picture = torch.from_numpy(noise).to(device).requires_grad_(True)
        optimizer = torch.optim.Adam([picture], lr=settings.learning_rate)
        for _ in range(settings.steps):
            shift = rng.integers(-settings.jitter_px, settings.jitter_px + 1, size=2).tolist()
            (uphill,) = torch.autograd.grad(score(picture.roll(shift, dims=(2, 3))), picture)
            with torch.no_grad():
                picture.grad = settings.decay * picture - uphill / uphill.square().mean().sqrt().clamp_min(1e-20)
                picture.grad += settings.total_variation * _roughness_gradient(picture)
                optimizer.step()
                picture.clamp_(black, white)
        with torch.no_grad():
            reached = float(score(picture))
    return Grown(picture.detach()[0].cpu(), reached)


def _roughness_gradient(picture: Tensor) -> Tensor:
    """Return the gradient of half the sum of squared differences between neighbours: minus the Laplacian."""
    gradient = torch.zeros_like(picture)
    for dim in (2, 3):
        steps = picture.diff(dim=dim)
        count = steps.shape[dim]
        gradient.narrow(dim, 0, count).sub_(steps)
        gradient.narrow(dim, 1, count).add_(steps)
    return gradient


def maximized_sheet(
    network: Checkpoint, settings: MaximizeSettings, parts: Sequence[str] | None, layer: str | None, channels: int
) -> Sheet:
    """Return grown pictures as tiles: of `parts` (None: all classes), or of the first `channels` of `layer`.

    Below each stand its part or channel and what the network says of it. A layer may have fewer channels.

    Raises:
        SettingsError: a part that the network does not know, or no such layer.
    """
    size_px = network.input_size_px
    known = list(network.classes)
    chosen = known if parts is None else list(parts)
    for part in chosen:
        if part not in known:
            raise SettingsError(f"The network has no class {part!r}{near_matches(part, known)}.")
    names = chosen
    if layer is not None:
        available = len(feature_maps(network.model, torch.zeros(3, size_px, size_px), layer))
        names = [str(channel) for channel in range(min(channels, available))]
    grown = []
    with Progress("Grow", len(names), "pictures") as progress:
        for channel, name in enumerate(names):
            if layer is None:
                grown.append(maximize_class(network.model, known.index(name), size_px, settings))
            else:
                grown.append(maximize_channel(network.model, layer, channel, size_px, settings))
            progress.advance(1)
    what = "classes, with the logit of each" if layer is None else f"channels of {layer}, with the mean of each"
    tiles = np.stack([as_rgb(one.picture, network.mean, network.std) for one in grown])
    return Sheet(
        f"Grown for {what}",
        tiled(tiles, COLUMNS, label_px=LABEL_PX),
        None,
        tuple(f"{name}: {value_text(one.score)}" for name, one in zip(names, grown, strict=True)),
        min(COLUMNS, len(names)),
    )


def as_rgb(picture: Tensor, mean: Sequence[float], std: Sequence[float]) -> NDArray[np.uint8]:
    """Return a normalised `picture` (3, H, W) as (H, W, 3) uint8; what no colour can show is cut off."""
    shown = picture.numpy().transpose(1, 2, 0) * np.asarray(std) + np.asarray(mean)
    return np.asarray(np.clip(np.round(255 * shown), 0, 255), dtype=np.uint8)
