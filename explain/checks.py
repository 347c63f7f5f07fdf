"""What every method checks: what it is asked, what the network answers, and the maps that come out."""

from collections.abc import Iterable, Mapping, Sequence
from operator import index
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import BrickbenchError


class NotFiniteError(BrickbenchError):
    """A network, or a map of it, is NaN or infinite."""


CHANNELS = (1, 3)
"""Of pictures: grey, or red, green and blue."""
_AUTOCAST = ("cpu", "cuda", "mps")
"""Kinds of device."""


def check_request(images: object, classes: Sequence[Sequence[int]]) -> None:
    """Raise BrickbenchError unless a batch can be explained: before the network is asked, and for every method alike.

    Images are a floating-point tensor (N, C, H, W) of finite values with N, H and W above 0 and C in `CHANNELS`; there
    is one list of classes for each of them. `torch.autocast` is off: it would round the maps too.
    """
    if not isinstance(images, Tensor):
        raise BrickbenchError(
            f"Images should be a tensor (N, 3, H, W); they are a {type(images).__name__}: torch.as_tensor of an array, "
            "or torch.stack of a list of tensors, makes one."
        )
    if images.ndim != 4 or images.shape[1] not in CHANNELS:
        raise BrickbenchError(
            f"Images should be (N, 3, H, W), or (N, 1, H, W) if they are grey, as the network takes them; they are "
            f"{tuple(images.shape)}."
        )
    if not images.is_floating_point():
        raise BrickbenchError(
            f"Images should be floats, normalised as the network takes them; they are {_short(images.dtype)}."
        )
    if not images.numel():
        raise BrickbenchError(f"There is no picture to explain in images of shape {tuple(images.shape)}.")
    _check_lists(len(images), classes)
    if any(map(torch.is_autocast_enabled, _AUTOCAST)):
        raise BrickbenchError(
            "torch.autocast is on, which would round the maps: explain outside of it (methods that perturb pictures "
            "have the setting `precision`)."
        )
    if not bool(images.detach().sum().isfinite()):  # a tenth of the time that looking at each pixel takes
        broken = ~images.detach().isfinite().flatten(1).all(dim=1)
        if bool(broken.any()):
            raise BrickbenchError(
                f"Pixels are NaN or infinite in image {_listed(broken)} of the batch, counted from 0: mend or leave it "
                "out."
            )


def _check_lists(images: int, classes: Sequence[Sequence[int]]) -> None:
    """Raise BrickbenchError unless `classes` are a list of whole numbers from 0 for each image."""
    try:
        asked = [index(one) for of_image in classes for one in of_image]
    except TypeError as error:
        raise BrickbenchError(
            f"Each image needs its list of classes, whole numbers, such as [[0, 2], [1]]; {str(classes)[:60]} came."
        ) from error
    if len(classes) != images:
        raise BrickbenchError(f"Each image needs its list of classes: {images} images came with {len(classes)} lists.")
    if any(one < 0 for one in asked):
        raise BrickbenchError(f"Class {min(asked)} was asked for; the network's classes count from 0.")


def check_logits(logits: object, images: int, classes: Sequence[Sequence[int]]) -> None:
    """Raise BrickbenchError unless `logits` are (images, C) in full precision, those of `classes` there and finite.

    Args:
        logits: what the network gave.
        images: how many pictures it was given.
        classes: lists of class indices; a class in any of them should be finite for every picture.
    """
    if not isinstance(logits, Tensor):
        raise BrickbenchError(
            f"The network should give (N, classes) logits; it gives {_told(logits)}: wrap it in a module that returns "
            "the logits alone, such as model(images)[0]."
        )
    if logits.ndim != 2 or len(logits) != images:
        raise BrickbenchError(
            f"The network should give (N, classes) logits; it gives {tuple(logits.shape)} for {images} images: wrap "
            "it, as nn.Sequential(model, nn.Flatten()) does for (N, classes, 1, 1)."
        )
    if logits.dtype not in (torch.float32, torch.float64):
        raise BrickbenchError(
            f"The network's logits are {_short(logits.dtype)}, too coarse for maps: let it compute in float32, such as "
            "model.float() without torch.autocast in its forward."
        )
    asked = sorted({index(one) for of_image in classes for one in of_image})
    for one in asked:
        if not 0 <= one < logits.shape[1]:
            raise BrickbenchError(f"Class {one} was asked for; the network has classes 0 to {logits.shape[1] - 1}.")
    finite = logits.detach()[:, asked].isfinite()
    if not bool(finite.all()):
        broken = ~finite
        raise NotFiniteError(
            f"The network's logit of class {asked[int(broken.any(dim=0).nonzero()[0])]} is NaN or infinite: check its "
            "weights, and that pictures are normalised as in training."
        )


def finished(maps: Iterable[Tensor | NDArray[Any]]) -> list[NDArray[np.float32]]:
    """Return the maps (K_n, h, w) of each image as float32 arrays; NotFiniteError if one is not finite."""
    done = [
        one.detach().float().cpu().numpy() if isinstance(one, Tensor) else one.astype(np.float32, copy=False)
        for one in maps
    ]
    for place, one in enumerate(done):
        if not np.isfinite(one.sum()) and not np.isfinite(one).all():
            raise NotFiniteError(
                f"The map of image {place} of the batch, counted from 0, is NaN or infinite somewhere, though the "
                "logit is not: the network or its gradient is undefined there, as of a division or a root at 0; "
                "occlusion and LIME need no gradient."
            )
    return done


def _told(output: object) -> str:
    """Return in words what a network gave instead of a tensor."""
    if isinstance(output, Mapping):
        return f"a {type(output).__name__} of {', '.join(map(repr, output))}"
    if isinstance(output, Sequence):
        return f"a {type(output).__name__} of {len(output)}"
    return f"a {type(output).__name__}"


def _listed(broken: Tensor) -> str:
    places = broken.nonzero().flatten().tolist()
    return ", ".join(map(str, places[:8])) + (", …" if len(places) > 8 else "")


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
