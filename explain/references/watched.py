"""Which functions a network calls: in which of its modules, or between them, where a library's hooks do not reach."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from explain.gradients.rules import CallMode

Call = tuple[Callable[..., Any], nn.Module | None]
"""A function, and the innermost module without children that called it; None between modules."""


class _Watch(CallMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.runs: list[nn.Module] = []
        self.inside: list[nn.Module] = []

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        self.calls.append((func, self.inside[-1] if self.inside else None))
        return func(*args, **named)

    def begin(self, module: nn.Module, _inputs: object) -> None:
        self.inside.append(module)
        self.runs.append(module)

    def end(self, _module: nn.Module, _inputs: object, _output: object) -> None:
        self.inside.pop()


def watched(model: nn.Module, image: Tensor) -> tuple[list[Call], list[nn.Module]]:
    """Return the functions called in a forward pass of `image` (3, H, W), and the modules without children it runs."""
    watch = _Watch()
    leaves = [module for module in model.modules() if not any(module.children())]
    handles = [leaf.register_forward_pre_hook(watch.begin) for leaf in leaves]
    handles += [leaf.register_forward_hook(watch.end, always_call=True) for leaf in leaves]
    batch = image[None]
    try:
        with torch.no_grad(), watch:
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return watch.calls, watch.runs
