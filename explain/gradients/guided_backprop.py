"""Guided backpropagation: gradients that pass rectifiers only where they speak for the class."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from explain.gradients.pixel_gradients import pixel_row

RECTIFIERS: frozenset[Callable[..., Any]] = frozenset(
    {
        torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, functional.relu, functional.relu6, functional.hardtanh,
        functional.leaky_relu, functional.prelu, functional.elu, functional.silu, functional.gelu, functional.hardswish,
        functional.mish,
    }
)  # fmt: skip


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
        result = func(*args, **(kwargs or {}))
        if func in RECTIFIERS and result.requires_grad:
            result.register_hook(lambda gradient: gradient.clamp(min=0))
        return result


def guided_backprop(_image: Tensor, gradients: Tensor) -> Tensor:
    """Return the sum over channels of guided gradients, (K, H, W) of (K, 3, H, W)."""
    return gradients.sum(dim=1)


ROW = pixel_row(
    "guided_backprop", "Guided backprop", guided_backprop, unit="logit/unit", source="Springenberg et al. 2014",
    mode=lambda _settings: GuidedRectifiers,
    note="sharp, but hardly depends on the class or even on trained weights (Adebayo et al. 2018)",
)  # fmt: skip
