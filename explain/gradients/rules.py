"""Backward passes by rules of their own: guided backpropagation, and layer-wise relevance propagation.

LRP hands the logit back layer by layer, each share in proportion. Source: Bach et al. 2015; the gamma rule for
convolutions and the epsilon rule for dense layers as Montavon et al. 2019 advise; the gamma rule for inputs of any
sign of Andéol et al. 2021, with the bias as it is. Own code and not captum's, which accepts neither leaky ReLU nor a
layer used twice, changes the network's weights while it works, and has the plain gamma rule alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from core.settings import Settings
from explain.gradients.pixel_gradients import input_x_gradient, pixel_row, strongest_channel

RECTIFIERS: frozenset[Callable[..., Any]] = frozenset(
    {
        torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, functional.relu, functional.relu6, functional.hardtanh,
        functional.hardtanh_, functional.leaky_relu, functional.leaky_relu_, functional.prelu, functional.rrelu,
        functional.rrelu_, torch.rrelu, functional.elu, functional.elu_, functional.selu, functional.selu_, torch.selu,
        functional.celu, functional.celu_, torch.celu, functional.silu, functional.gelu, functional.hardswish,
        functional.mish, functional.softplus, functional.threshold, torch.threshold, torch.threshold_,
    }
)  # fmt: skip
CLAMPS: frozenset[Callable[..., Any]] = frozenset(
    {
        torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_, torch.clip, torch.clip_, Tensor.clip, Tensor.clip_,
        torch.clamp_min, torch.clamp_min_, Tensor.clamp_min, Tensor.clamp_min_,
    }
)  # fmt: skip
"""Rectifiers where their lower bound is 0."""
MAXIMA: frozenset[Callable[..., Any]] = frozenset({torch.maximum, Tensor.maximum, torch.max, Tensor.max})
"""Rectifiers where the other is a constant 0."""
BENT: frozenset[Callable[..., Any]] = (RECTIFIERS | CLAMPS) - {
    torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, functional.relu, functional.leaky_relu, functional.leaky_relu_,
}  # fmt: skip
"""Rectifiers whose derivative is not output by input, as ReLU's and leaky ReLU's is: smooth ones, and those with an
upper end, as ReLU6, which in its flat part would hand back nothing."""

BOUNDED: frozenset[Callable[..., Any]] = frozenset(
    {
        torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_, torch.tanh, torch.tanh_, Tensor.tanh,
        Tensor.tanh_, functional.hardsigmoid,
    }
)  # fmt: skip
"""What else networks apply to each value alone: gates."""
PRODUCTS: frozenset[Callable[..., Any]] = frozenset({torch.mul, Tensor.mul, Tensor.mul_})


def is_product(func: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Return whether a call multiplies two values that both depend on the picture, as a gate does."""
    return func in PRODUCTS and all(isinstance(one, Tensor) and one.requires_grad for one in args[:2])


def rectifies(func: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    """Return whether a call is a rectifier's: whether it cuts, or bends, what is below 0."""
    if func in CLAMPS:
        lower = args[1] if len(args) > 1 else named.get("min")
        return isinstance(lower, int | float) and lower == 0
    if func in MAXIMA:
        other = args[1] if len(args) > 1 else named.get("other")
        return isinstance(other, Tensor) and not other.requires_grad and not bool(other.any())
    return func in RECTIFIERS


class CallMode(TorchFunctionMode, ABC):
    """While it lasts, torch's functions are called by way of `call`: layers used twice or in place need no care."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return what `call` makes of the call."""
        del types
        return self.call(func, args, dict(kwargs or {}))

    @abstractmethod
    def call(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call `func`, and do what the mode is for."""


class GuidedRectifiers(CallMode):
    """While it lasts, gradients that reach a rectifier's output lose what is below 0.

    Source: Springenberg et al. 2014. It watches calls, not modules: a rectifier in place, used twice, or called as a
    function is guided like any other, and nothing is hooked into the network. For ReLU this is the paper's rule;
    networks with another rectifier (bricknet's leaky ReLU) get its own derivative after the same cut, where captum,
    which knows ``nn.ReLU`` alone, would return the plain gradient.
    """

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call `func`, and guide what comes back if it rectifies."""
        guided = rectifies(func, args, named)  # before the call, which may work in place
        result = func(*args, **named)
        if guided and result.requires_grad:
            result.register_hook(lambda gradient: gradient.clamp(min=0))
        return result


def guided_backprop(_image: Tensor, gradients: Tensor) -> Tensor:
    """Return the largest size of a guided gradient over the channels, (K, H, W) of (K, C, H, W).

    Not their sum: what looks for red reacts to red upwards and to green and blue downwards, which adds up to nothing
    on its own red brick.
    """
    return strongest_channel(gradients)


class LrpSettings(Settings):
    """The rules' constants."""

    gamma: float = Field(0.25, ge=0)
    """How much convolutions favour some contributions; 0 would make the whole rule input x gradient, which is noisy."""
    rule: Literal["generalised", "plain"] = "generalised"
    """Which contributions those are: of the sign of their sum (``generalised``), or with a positive weight (``plain``,
    the first papers' rule and captum's). The plain rule is meant for inputs that are never negative; pixels less their
    mean are, and there it divides by sums that may be nearly 0."""
    epsilon: float = Field(1e-6, gt=0)
    """Added to the size of every denominator; larger values absorb weak relevance."""


_NAMES = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
"""Arguments of convolutions and dense layers, in their order."""


class RelevanceRules(CallMode):
    """While it lasts, what is computed hands back relevance divided by activation instead of gradients.

    In these terms ReLU, leaky ReLU, pooling, normalisation in evaluation mode, sums and products with constants hand
    back their gradient already; convolutions and dense layers follow the gamma and the epsilon rule. It watches
    calls, not modules: layers used twice or in place need no care, and nothing is hooked into the network.
    """

    def __init__(self, settings: LrpSettings) -> None:
        """Take the rules' constants."""
        super().__init__()
        self._settings = settings

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call `func`; the values are its own, the backward pass follows its rule."""
        if func is functional.conv2d or func is functional.linear:
            given = dict(zip(_NAMES, args, strict=False)) | named
            values, weight = given.pop("input"), given.pop("weight")
            result = func(values, weight, **given)
            share = result if func is functional.linear else self._share(partial(func, **given), values, weight, result)
            steady = share + torch.where(share < 0, -self._settings.epsilon, self._settings.epsilon)
            return same_value(result, share * (result / steady).detach())
        return hand_on(func, args, named) if bends(func, args) else func(*args, **named)

    def _share(self, convolve: Callable[..., Tensor], values: Tensor, weight: Tensor, result: Tensor) -> Tensor:
        """Return the sums by which the relevance of `result` is shared out among `values`."""
        gamma = self._settings.gamma
        if gamma == 0:
            return result
        if self._settings.rule == "plain":
            return convolve(values, weight + gamma * weight.clamp(min=0))
        return generalised_gamma(convolve, values, weight, result.detach(), gamma)


def generalised_gamma(
    convolve: Callable[..., Tensor], values: Tensor, weight: Tensor, result: Tensor, gamma: float
) -> Tensor:
    """Return the sums of a convolution in which contributions of the sign of their sum count 1 + gamma times.

    Such a sum is at least as far from 0 as the plain one, so that dividing by it is safe. Where no value is negative,
    sums above 0 are those of the plain gamma rule. Source: Andéol et al. 2021, with the bias as it is.

    Args:
        convolve: of values and weights, and of a bias unless its ``bias`` is None.
        values: (N, C, H, W), of any sign.
        weight: of the convolution.
        result: the plain sums.
        gamma: 0 or more.
    """
    upward, downward = weight + gamma * weight.clamp(min=0), weight + gamma * weight.clamp(max=0)
    high, low = values.clamp(min=0), values.clamp(max=0)
    up, down = convolve(high, upward), convolve(high, downward)
    if bool((values < 0).any()):
        up, down = up + convolve(low, downward, bias=None), down + convolve(low, upward, bias=None)
    return torch.where(result > 0, up, down)


def bends(func: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Return whether a call is that of a rectifier in `BENT`, and not a clamp of indices."""
    return func in BENT and bool(args) and args[0].is_floating_point()


def hand_on(func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
    """Return what `func` makes of its first argument, which gets all relevance of the result: the identity rule."""
    before = args[0].clone()  # it may work in place
    result = func(*args, **named)
    ratio = torch.where(before == 0, 0.0, result / before)
    return same_value(result, before * ratio.detach())


def same_value(value: Tensor, way_back: Tensor) -> Tensor:
    """Return `value` with the backward pass of `way_back`."""
    return value.detach() + (way_back - way_back.detach())


GUIDED_ROW = pixel_row(
    "guided_backprop", "Guided backprop", guided_backprop, unit="logit/unit", source="Springenberg et al. 2014",
    signed=False, mode=lambda _settings: GuidedRectifiers,
    note="sharp, but hardly depends on the class or even on trained weights (Adebayo et al. 2018); has no sign",
)  # fmt: skip
LRP_ROW = pixel_row(
    "lrp", "LRP (gamma)", input_x_gradient, unit="logit",
    source="Bach et al. 2015; Montavon et al. 2019; Andéol et al. 2021", cost="3 to 5 forward, 2 to 4 K backward",
    settings=LrpSettings,
    mode=lambda settings: partial(RelevanceRules, settings),
    note="for convolutional networks; batch normalisation and biases absorb some of the logit; rule=plain is captum's",
)  # fmt: skip
