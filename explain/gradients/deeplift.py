"""DeepLIFT: differences from a plain picture's logit, handed back layer by layer to differences of pixels."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from explain.checks import check_request, finished
from explain.gradients.baseline import Plain, plain_picture
from explain.gradients.pixel_gradients import FLIPPED, class_gradients
from explain.gradients.rules import BOUNDED, CLAMPS, PRODUCTS, RECTIFIERS, CallMode, is_product, rectifies, same_value
from explain.protocol import FloatMaps, MethodRow, PictureSettings

POOLINGS: frozenset[Callable[..., Any]] = frozenset(
    {functional.max_pool2d, torch.max_pool2d, functional.adaptive_max_pool2d}
)
WITH_PLACES: dict[Callable[..., Any], Callable[..., Any]] = {torch.max_pool2d: functional.max_pool2d}
"""What can tell where a maximum lies, of those that cannot."""
BENDS = RECTIFIERS | CLAMPS | BOUNDED | POOLINGS | PRODUCTS
"""What has a rule; of products those whose factors both depend on the picture."""
ROUNDING = 8
"""Differences of so many times the rounding of a value are none: the slope is the value's own."""


class DeepLiftSettings(PictureSettings):
    """What the picture is compared with."""

    baseline: Plain = "mean"
    """The plain picture: ``mean``, the mean colour of the network's pictures (0 as the network takes it, captum's
    default), or a grey from 0 to 1. Pixels of that colour get 0."""


class Recorded(CallMode):
    """While it lasts, what goes into and comes out of calls that are not linear is recorded, in their order."""

    def __init__(self) -> None:
        """Begin without records."""
        super().__init__()
        self.records: list[tuple[Tensor, ...]] = []

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call `func`, and record its values."""
        if is_product(func, args):
            self.records.append((args[0].detach().clone(), args[1].detach().clone()))
        elif func in POOLINGS:
            self.records.append((args[0].detach().clone(), *_pooled(func, args, named)))
        elif _is_elementwise(func, args, named):
            before = args[0].detach().clone()  # it may work in place
            result = func(*args, **named)
            self.records.append((before, result.detach().clone()))
            return result
        return func(*args, **named)


class RescaleRules(CallMode):
    """While it lasts, what is computed hands back multipliers instead of gradients: differences of results by inputs.

    Linear layers hand back their gradient already. What acts on each value alone follows the rescale rule; a maximum
    gives its rise to where it lies, and its fall to where it lay; products give each factor's difference
    times the other's mean. The rest (softmax, layer normalisation, attention) hands back plain gradients. It watches
    calls, not modules: rectifiers in place, used twice or called as functions need no care.
    """

    def __init__(self, records: Sequence[tuple[Tensor, ...]]) -> None:
        """Take what was `Recorded` of the plain picture."""
        super().__init__()
        self._records: Iterator[tuple[Tensor, ...]] = iter(records)

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call `func`; the values are its own, the backward pass follows its rule."""
        if is_product(func, args):
            first, second = (one.clone() for one in args[:2])  # it may work in place
            plain_first, plain_second = (_like(*pair) for pair in zip(next(self._records), args, strict=False))
            mean_first, mean_second = (first + plain_first).detach() / 2, (second + plain_second).detach() / 2
            return same_value(func(*args, **named), first * mean_second + second * mean_first)
        if func in POOLINGS:
            plain_before, plain_result, plain_places = (_like(one, args[0]) for one in next(self._records))
            result, places = _pooled(func, args, named)
            way_back = _moved(args[0], result, places, plain_before, plain_result, plain_places)
            return same_value(result, way_back)
        if _is_elementwise(func, args, named):
            before = args[0].clone()  # it may work in place
            result = func(*args, **named)
            plain, plain_result = (_like(one, before) for one in next(self._records))
            multiplier, near = _quotient(result - plain_result, before, plain)
            return same_value(result, torch.where(near, result, before * multiplier))
        return func(*args, **named)


def _is_elementwise(func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Return whether a call acts on each value of something that depends on the picture alone."""
    known = func in RECTIFIERS | CLAMPS | BOUNDED or rectifies(func, args, named)
    return known and isinstance(args[0], Tensor) and args[0].requires_grad


def _like(plain: Tensor, value: Tensor) -> Tensor:
    """Return what was recorded of one picture, once for each picture of `value`, whose first axis begins with them."""
    return (
        plain.repeat(len(value) // len(plain), *[1] * (plain.ndim - 1))
        if len(plain) > 1
        else plain.expand(len(value), *plain.shape[1:])
    )


def _quotient(rise: Tensor, value: Tensor, plain: Tensor) -> tuple[Tensor, Tensor]:
    """Return `rise` / (value - plain) without graph, 0 where the two are equal but for rounding; and where that is."""
    difference, near = (value - plain).detach(), _equal(value.detach(), plain)
    return torch.where(near, 0.0, rise.detach() / torch.where(near, 1.0, difference)), near


def _equal(values: Tensor, others: Tensor) -> Tensor:
    """Return where two tensors are equal but for rounding."""
    scale = torch.maximum(values.abs(), others.abs())
    return (values - others).abs() <= ROUNDING * torch.finfo(scale.dtype).eps * scale


def _pooled(func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return maxima (N, C, h, w) and where they lie, counted over rows and columns of the input."""
    values, places = WITH_PLACES.get(func, func)(*args, **{**named, "return_indices": True})
    return values.detach(), places


def _moved(
    before: Tensor, result: Tensor, places: Tensor, plain_before: Tensor, plain_result: Tensor, plain_places: Tensor
) -> Tensor:
    """Return maxima (N, C, h, w) whose backward pass gives a rise to where they lie, and a fall to where they lay.

    Of a plain picture they lie anywhere in a window: then the place where they lie now counts.
    """
    here, plain_here = _taken(before, places), _taken(plain_before, places)
    lay = torch.where(_equal(plain_here, plain_result), places, plain_places)
    there, plain_there = _taken(before, lay), _taken(plain_before, lay)
    top = torch.maximum(result, plain_result)
    risen, near = _quotient(top - plain_result, here, plain_here)
    fallen, _ = _quotient(result - top, there, plain_there)
    return here * torch.where(near & (result >= plain_result), 1.0, risen) + there * fallen


def _taken(values: Tensor, places: Tensor) -> Tensor:
    return values.flatten(2).gather(2, places.flatten(2)).reshape(places.shape)


class DeepLift:
    """(x - x') times the multipliers that the rules hand back from a logit, summed over channels.

    Source: Shrikumar, Greenside and Kundaje 2017, DeepLIFT, rescale rule; as gradients by Ancona et al. 2018.
    The values of a map add up to y(x) - y(x') for networks of convolutions, dense layers, normalisation in evaluation
    mode, pooling, rectifiers and gates. Own code and not captum's, which watches modules: it misses functions, refuses
    modules that run twice, and does not add up where there is max pooling.
    """

    def __init__(self, model: nn.Module, settings: DeepLiftSettings) -> None:
        """Bind to `model`."""
        self._model, self.settings = model, settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the input, as `explain.protocol.Method` says."""
        check_request(images, classes)
        images = images.detach()
        start = self._start(images.shape[1]).to(images)
        recorded = Recorded()
        class_gradients(self._model, start.expand(1, *images.shape[1:]), [[]], lambda: recorded)
        multipliers = class_gradients(self._model, images, classes, lambda: RescaleRules(recorded.records))
        return finished(
            ((image - start).to(of_image) * of_image).sum(dim=1)
            for image, of_image in zip(images, multipliers, strict=True)
        )

    def add_up(self, image: Tensor, maps: FloatMaps) -> tuple[Tensor, NDArray[np.float64]]:
        """Return the plain picture (3, H, W) that `maps` (K, H, W) of `image` begin from, and the sum of each map."""
        return self._start(len(image)).to(image).expand_as(image), maps.sum(axis=(1, 2), dtype=np.float64)

    def _start(self, channels: int) -> Tensor:
        return plain_picture(self.settings.baseline, self.settings, channels)


ROW = MethodRow(
    "deeplift", "DeepLIFT", "method", "gradients", DeepLift, DeepLiftSettings, "bilinear", signed=True,
    images_at_once=16, cost="1 forward, K backward", source="Shrikumar et al. 2017", unit="logit",
    note="adds up to the logit less that of the plain baseline picture, in convolutional networks; pixels of the "
    "baseline's colour get 0",
    claims=("place", "class", "sign", "mass", "sum"),
    reference="explain.references.by_captum:deeplift", tolerance=FLIPPED,
)  # fmt: skip
