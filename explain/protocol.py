"""What every explanation method is: settings, raw maps for the classes asked for, and a row in the registry."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import BrickbenchError
from core.settings import Settings

FloatMaps = NDArray[np.float32]


@runtime_checkable
class Method(Protocol):
    """One way to explain, bound to one network."""

    @property
    def settings(self) -> Settings:
        """The settings, resolved: what was left to a rule (a layer's name) is spelled out."""

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps: signed where the method has a sign, never rescaled, of logits.

        Args:
            images: (N, 3, H, W) float32, as the network takes them.
            classes: for each image the class indices to explain, any number of them.

        Returns:
            N arrays (K_n, h, w) float32, one map a class in the order asked for; h and w are the method's own.
        """


@dataclass(frozen=True)
class MethodRow:
    """One method: how it is made and what a user should know of it. Each method's module ends with its row."""

    name: str
    title: str
    kind: Literal["method", "baseline", "oracle"]
    """An oracle is given the masks (`attribute` takes them as a third argument) and is never ranked."""
    family: Literal["class activation", "gradients", "perturbation", "baseline"]
    factory: Callable[[nn.Module, Any], Method]
    """Takes the network and an instance of `settings`."""
    settings: type[Settings]
    resize: Literal["bilinear", "nearest"]
    """How its maps are brought to the size of a picture: samples on a grid, or areas with sharp borders."""
    signed: bool
    """Whether values below 0 occur."""
    images_at_once: int
    """Pictures in one call; 1 where each takes seconds, so that progress shows and little is lost by stopping."""
    cost: str
    """Of one picture with K classes, in passes through the network."""
    source: str
    note: str
    """What a user should know, in one line."""


class NoSettings(Settings):
    """Nothing to set."""


class PictureSettings(Settings):
    """Settings of methods that look at the picture itself, and so undo the network's normalisation."""

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Of each channel, for pictures scaled to 0..1; the default is ImageNet's. `explain run` gives the checkpoint's."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """Of each channel, as `mean`."""


def to_picture(image: Tensor, settings: PictureSettings) -> NDArray[np.float64]:
    """Return `image` (3, H, W) as an RGB picture (H, W, 3) float64 in 0..1."""
    pixels = image.detach().cpu().double().permute(1, 2, 0).numpy()
    return np.asarray(np.clip(pixels * np.array(settings.std) + np.array(settings.mean), 0.0, 1.0), dtype=np.float64)


def image_key(image: Tensor) -> int:
    """Return a number made from the content of `image` (3, H, W), for `core.seeding.generator`.

    A method is not told names: keyed by content, the same picture gets the same random numbers in any batch.
    """
    digest = hashlib.sha256(image.detach().cpu().contiguous().numpy().tobytes()).digest()
    return int.from_bytes(digest[:8], "big")


def check_request(images: Tensor, classes: Sequence[Sequence[int]]) -> None:
    """Raise BrickbenchError unless there is one list of classes for each image of a batch."""
    if images.ndim != 4 or images.shape[1] != 3:
        raise BrickbenchError(
            f"Images should be (N, 3, H, W), as the network takes them; they are {tuple(images.shape)}."
        )
    if len(classes) != len(images):
        raise BrickbenchError(
            f"Each image needs its list of classes: {len(images)} images came with {len(classes)} lists."
        )


def check_logits(logits: Tensor, images: int, classes: Sequence[Sequence[int]]) -> None:
    """Raise BrickbenchError unless `logits` are (images, C) and every class is one of them."""
    if logits.ndim != 2 or len(logits) != images:
        raise BrickbenchError(f"The network should give (N, classes) logits; it gives {tuple(logits.shape)}.")
    for index in (index for wanted in classes for index in wanted):
        if not 0 <= index < logits.shape[1]:
            raise BrickbenchError(f"Class {index} was asked for; the network has classes 0 to {logits.shape[1] - 1}.")


def turns(classes: Sequence[Sequence[int]]) -> Iterator[tuple[int, list[int], list[int]]]:
    """Yield (turn, rows, indices): in each turn the next class of every image that still has one.

    So that one backward pass serves a whole batch: rows are images, indices their classes.
    """
    for turn in range(max(map(len, classes), default=0)):
        rows = [row for row, wanted in enumerate(classes) if turn < len(wanted)]
        yield turn, rows, [classes[row][turn] for row in rows]


def device_of(model: nn.Module) -> torch.device:
    """Return where the weights of `model` are."""
    tensor: Any = next(model.parameters(), None)
    return torch.device("cpu") if tensor is None else tensor.device


@contextmanager
def borrowed(model: nn.Module) -> Iterator[nn.Module]:
    """Give `model` in evaluation mode with frozen weights; leave modes and flags as they were, whatever happens."""
    modes = [(module, module.training) for module in model.modules()]
    flags = [(weight, weight.requires_grad) for weight in model.parameters()]
    try:
        model.eval()
        for weight, _ in flags:
            weight.requires_grad_(False)
        yield model
    finally:
        for module, training in modes:
            module.training = training
        for weight, flag in flags:
            weight.requires_grad_(flag)
