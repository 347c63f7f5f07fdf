"""Layer-wise relevance propagation: the logit handed back layer by layer, each share in proportion.

Source: Bach et al. 2015; the gamma rule for convolutions and the epsilon rule for dense layers as Montavon et al.
2019 advise, with captum's gamma rule, which leaves the bias as it is. Own code and not captum's, which accepts
neither leaky ReLU nor a layer used twice, and changes the network's weights while it works.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from core.settings import Settings
from explain.gradients.guided_backprop import CLAMPS, RECTIFIERS
from explain.gradients.input_x_gradient import input_x_gradient
from explain.gradients.pixel_gradients import pixel_row

BENT: frozenset[Callable[..., Any]] = (RECTIFIERS | CLAMPS) - {
    torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, functional.relu, functional.leaky_relu, functional.leaky_relu_,
}  # fmt: skip
"""Rectifiers whose derivative is not output by input, as ReLU's and leaky ReLU's is: smooth ones, and those with an
upper end, as ReLU6, which in its flat part would hand back nothing."""


class LrpSettings(Settings):
    """The rules' constants."""

    gamma: float = Field(0.25, ge=0)
    """How much convolutions favour positive weights; 0 would make the whole rule input x gradient, which is noisy."""
    epsilon: float = Field(1e-6, gt=0)
    """Added to the size of every denominator; larger values absorb weak relevance."""


class RelevanceRules(TorchFunctionMode):
    """While it lasts, what is computed hands back relevance divided by activation instead of gradients.

    In these terms ReLU, leaky ReLU, pooling, normalisation in evaluation mode, sums and products with constants hand
    back their gradient already; convolutions and dense layers follow the gamma and the epsilon rule. It watches
    calls, not modules: layers used twice or in place need no care, and nothing is hooked into the network.
    """

    def __init__(self, gamma: float, epsilon: float) -> None:
        """Take the rules' constants."""
        super().__init__()
        self._gamma, self._epsilon = gamma, epsilon

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func`; the values are its own, the backward pass follows its rule."""
        del types
        named = dict(kwargs or {})
        if func is functional.conv2d or func is functional.linear:
            result = func(*args, **named)
            weight = args[1] if len(args) > 1 else named.pop("weight")
            favoured = weight + self._gamma * weight.clamp(min=0) if func is functional.conv2d else weight
            share = func(args[0], favoured, *args[2:], **named)
            steady = share + torch.where(share < 0, -self._epsilon, self._epsilon)
            return _same_value(result, share * (result / steady).detach())
        if func in BENT:
            before = args[0].clone()  # it may work in place
            result = func(*args, **named)
            ratio = torch.where(before == 0, 0.0, result / before)
            return _same_value(result, before * ratio.detach())
        return func(*args, **named)


def _same_value(value: Tensor, way_back: Tensor) -> Tensor:
    """Return `value` with the backward pass of `way_back`."""
    return value.detach() + (way_back - way_back.detach())


ROW = pixel_row(
    "lrp", "LRP (gamma)", input_x_gradient, unit="logit", source="Bach et al. 2015; Montavon et al. 2019",
    cost="2 forward, 2 K backward", settings=LrpSettings,
    mode=lambda settings: partial(RelevanceRules, settings.gamma, settings.epsilon),
    note="for convolutional networks; batch normalisation and biases absorb some of the logit",
)  # fmt: skip
