"""What every explanation method is: settings, raw maps for the classes asked for, and a row in the registry."""

import hashlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from core.errors import SettingsError
from core.settings import Settings
from explain.checks import check_request, finished

FloatMaps = NDArray[np.float32]
Masks = Sequence[Sequence[NDArray[np.bool_]]]
Claim = Literal["place", "class", "sign", "mass", "sum"]
OwnSettings = TypeVar("OwnSettings", bound=Settings)


CLAIMS: dict[Claim, str] = {
    "place": "high values lie where the reason is",
    "class": "maps of two classes differ as their reasons do",
    "sign": "values below 0 speak against the class",
    "mass": "0 says that a pixel does nothing, so that shares of a map are shares of the reason",
    "sum": "values add up to the logit less that of a stated baseline",
}
"""Claim to its meaning, in the order of tables."""


class NotForNetworkError(SettingsError):
    """The method cannot explain this network, by what it is made of."""


@runtime_checkable
class Method(Protocol):
    """One way to explain, bound to one network."""

    @property
    def settings(self) -> Settings:
        """The settings, resolved: what was left to a rule (a layer's name) is spelled out."""

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps: signed where the method has a sign, never rescaled, of logits.

        Args:
            images: (N, 3, H, W), or (N, 1, H, W) of grey pictures, float32, as the network takes them.
            classes: for each image the class indices to explain, any number of them.

        Returns:
            N arrays (K_n, h, w) float32, finite, one map a class in the order asked for; h and w are the method's own.

        Raises:
            BrickbenchError: the request or the network's answer is none that `explain.checks` lets pass.
        """


@runtime_checkable
class SummingMethod(Protocol):
    """A method whose row claims ``sum``: it states its baseline, and how its values are added up."""

    def add_up(self, image: Tensor, maps: FloatMaps) -> tuple[Tensor, NDArray[np.float64]]:
        """Return the picture (3, H, W) whose logit `maps` begin from, and what each of them adds up to, (K,).

        `maps` (K, H, W) are what `attribute` gives for `image` (3, H, W).
        """


class MaskedMethod(Protocol):
    """A method that is shown where the classes are: its row says `needs_masks`."""

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]], masks: Masks) -> list[FloatMaps]:
        """Return raw maps as `Method` does; `masks` are those of each image's classes in the same order."""


@dataclass(frozen=True)
class MethodRow:
    """One method: how it is made and what a user should know of it. Each method's module ends with its row."""

    name: str
    title: str
    kind: Literal["method", "baseline", "oracle"]
    """An oracle is shown the answer and is never ranked."""
    family: Literal["class activation", "gradients", "attention", "perturbation", "baseline"]
    factory: Callable[[nn.Module, Any], Method]
    """Takes the network and an instance of `settings`; raises NotForNetworkError where the method does not apply."""
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
    claims: tuple[Claim, ...] = ()
    """What its maps may be read for, in the order of `CLAIMS`; baselines claim nothing."""
    no_zero: str = ""
    """Why 0 in its maps means nothing, so that shares of a map's mass say nothing either: of methods that do not claim
    ``mass``."""
    unit: str = ""
    """Of the values, for the words beside a colour bar. A unit of input is one standard deviation of the network's
    pictures. Empty where values have none of their own: sums of activations times weights, products of two maps, and
    what baselines draw."""
    needs_masks: bool = False
    """Whether `attribute` takes the masks of the classes too, as a third argument: see `explain.methods.attribute`."""
    reference: str | None = None
    """Where an `explain.references.reference.Reference` is, ``module:name``: what `explain verify` compares it with."""
    tolerance: float = 1e-4
    """Largest difference to the reference that passes, as a share of the reference map's largest absolute value."""

    @property
    def has_zero(self) -> bool:
        """Return whether shares of a map's mass mean anything: baselines and the oracle are drawn so."""
        return self.kind != "method" or "mass" in self.claims


class NoSettings(Settings):
    """Nothing to set."""


class PictureSettings(Settings):
    """Settings of methods that look at the picture itself, and so undo the network's normalisation."""

    mean: tuple[float, ...] = Field((0.485, 0.456, 0.406), min_length=1, max_length=3)
    """Of each channel, for pictures scaled to 0..1; the default is ImageNet's. `explain run` gives the checkpoint's."""
    std: tuple[Annotated[float, Field(gt=0)], ...] = Field((0.229, 0.224, 0.225), min_length=1, max_length=3)
    """Of each channel, as `mean`."""

    def normalised(self, colour: float | Sequence[float], channels: int) -> NDArray[np.float64]:
        """Return a grey, or red, green and blue, from 0 to 1 as the network takes it: (channels,).

        Raises:
            SettingsError: pictures of so many channels have no such normalisation or colour.
        """
        self.check_channels(channels)
        if np.size(colour) not in (1, channels):
            raise SettingsError(
                f"A colour of {np.size(colour)} numbers is none of grey pictures: give one grey, 0 to 1."
            )
        grey_or_rgb = np.broadcast_to(np.asarray(colour, dtype=np.float64), channels)
        return np.asarray((grey_or_rgb - np.array(self.mean)) / np.array(self.std))

    def check_channels(self, channels: int) -> None:
        """Raise SettingsError unless mean and std are those of pictures with so many channels."""
        if not len(self.mean) == len(self.std) == channels:
            raise SettingsError(
                f"Pictures of {channels} channel{'s' * (channels > 1)} need as many numbers in the settings mean and "
                f"std, which have {len(self.mean)} and {len(self.std)}: give those that the network was trained with."
            )


class PictureByPicture(ABC, Generic[OwnSettings]):
    """A method that explains one picture after another: subclasses say how one is explained."""

    def __init__(self, model: nn.Module, settings: OwnSettings) -> None:
        """Bind to `model`."""
        self._model = model
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the input, as `Method` says."""
        check_request(images, classes)
        if isinstance(self.settings, PictureSettings):
            self.settings.check_channels(images.shape[1])
        nothing = np.zeros((0, *images.shape[2:]), dtype=np.float32)
        return finished(
            self.explain_picture(image, [int(one) for one in asked]) if len(asked) else nothing
            for image, asked in zip(images.detach(), classes, strict=True)
        )

    @abstractmethod
    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return the raw maps (K, H, W) of `image` (C, H, W) for its classes, one at least."""


def to_picture(image: Tensor, settings: PictureSettings) -> NDArray[np.float64]:
    """Return `image` (C, H, W) as an RGB picture (H, W, 3) float64 in 0..1; grey has three equal channels.

    Raises:
        SettingsError: the settings' normalisation is of another number of channels.
    """
    settings.check_channels(len(image))
    pixels = image.detach().cpu().double().permute(1, 2, 0).numpy()
    shown = np.clip(pixels * np.array(settings.std) + np.array(settings.mean), 0.0, 1.0)
    return np.array(np.broadcast_to(shown, (*shown.shape[:2], 3)), dtype=np.float64)


def image_key(image: Tensor) -> int:
    """Return a number made from the content of `image` (C, H, W), for `core.seeding.generator`.

    A method is not told names: keyed by content as float32, the same picture gets the same random numbers in any batch.
    """
    digest = hashlib.sha256(image.detach().cpu().float().contiguous().numpy().tobytes()).digest()
    return int.from_bytes(digest[:8], "big")


def turns(classes: Sequence[Sequence[int]]) -> Iterator[tuple[int, list[int], list[int]]]:
    """Yield (turn, rows, indices): in each turn the next class of every image that still has one.

    So that one backward pass serves a whole batch: rows are images, indices their classes.
    """
    for turn in range(max(map(len, classes), default=0)):
        rows = [row for row, asked in enumerate(classes) if turn < len(asked)]
        yield turn, rows, [int(classes[row][turn]) for row in rows]


def device_of(model: nn.Module) -> torch.device:
    """Return where the weights of `model` are."""
    tensor: Any = next(chain(model.parameters(), model.buffers()), None)
    return torch.device("cpu") if tensor is None else tensor.device


@contextmanager
def frozen_eval(model: nn.Module) -> Iterator[nn.Module]:
    """Give `model` in evaluation mode with frozen weights; leave modes and flags as they were, whatever happens.

    What torch.compile made of it, or of a part of it, runs as it was written: compiled code calls no new hooks.
    """
    modes = [(module, module.training) for module in model.modules()]
    flags = [(weight, weight.requires_grad) for weight in model.parameters()]
    loaded = "torch._dynamo" in sys.modules  # takes seconds to import, and without it nothing is compiled
    try:
        model.eval()
        for weight, _ in flags:
            weight.requires_grad_(False)
        with torch.compiler.set_stance("force_eager") if loaded else nullcontext():
            yield model
    finally:
        for module, training in modes:
            module.training = training
        for weight, flag in flags:
            weight.requires_grad_(flag)
