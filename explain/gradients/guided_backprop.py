"""Guided backpropagation: gradients that pass rectifiers only where they speak for the class."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from explain.gradients.pixel_gradients import pixel_row, strongest_channel

RECTIFIERS: frozenset[Callable[..., Any]] = frozenset(
    {
        torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, functional.relu, functional.relu6, functional.hardtanh,
        functional.hardtanh_, functional.leaky_relu, functional.leaky_relu_, functional.prelu, functional.rrelu,
        functional.rrelu_, torch.rrelu, functional.elu, functional.elu_, functional.selu, functional.selu_, torch.selu,
        functional.celu, functional.celu_, torch.celu, functional.silu, functional.gelu, functional.hardswish,
        functional.mish, functional.softplus, functional.threshold, functional.threshold_, torch.threshold,
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


def rectifies(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Return whether a call is a rectifier's: whether it cuts, or bends, what is below 0."""
    if func in CLAMPS:
        lower = args[1] if len(args) > 1 else kwargs.get("min")
        return isinstance(lower, int | float) and lower == 0
    if func in MAXIMA:
        other = args[1] if len(args) > 1 else kwargs.get("other")
        return isinstance(other, Tensor) and not other.requires_grad and not bool(other.any())
    return func in RECTIFIERS


class GuidedRectifiers(TorchFunctionMode):
    """While it lasts, gradients that reach a rectifier's output lose what is below 0.

    Source: Springenberg et al. 2014. It watches calls, not modules: a rectifier in place, used twice, or called as a
    function is guided like any other, and nothing is hooked into the network. For ReLU this is the paper's rule;
    networks with another rectifier (bricknet's leaky ReLU) get its own derivative after the same cut, where captum,
    which knows ``nn.ReLU`` alone, would return the plain gradient.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func`, and guide what comes back if it rectifies."""
        del types
        guided = rectifies(func, args, kwargs or {})  # before the call, which may work in place
        result = func(*args, **(kwargs or {}))
        if guided and result.requires_grad:
            result.register_hook(lambda gradient: gradient.clamp(min=0))
        return result


def guided_backprop(_image: Tensor, gradients: Tensor) -> Tensor:
    """Return the largest size of a guided gradient over the channels, (K, H, W) of (K, 3, H, W).

    Not their sum: what looks for red reacts to red upwards and to green and blue downwards, which adds up to nothing
    on its own red brick.
    """
    return strongest_channel(gradients)


ROW = pixel_row(
    "guided_backprop", "Guided backprop", guided_backprop, unit="logit/unit", source="Springenberg et al. 2014",
    signed=False, mode=lambda _settings: GuidedRectifiers,
    note="sharp, but hardly depends on the class or even on trained weights (Adebayo et al. 2018); has no sign",
)  # fmt: skip
