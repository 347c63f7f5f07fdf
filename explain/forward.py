"""The one way in which methods ask a network: pictures in its own numbers, logits that are checked, errors in words."""

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from core.errors import BrickbenchError
from explain.checks import check_logits
from explain.memory import is_out_of_memory
from explain.protocol import device_of

REFUSALS = (RuntimeError, ValueError, TypeError, AssertionError, IndexError)
"""What networks raise when they do not take a picture; torch's own are RuntimeErrors."""


def ask(
    model: nn.Module, pictures: Tensor, classes: Sequence[Sequence[int]] = (), reduced: torch.dtype | None = None
) -> Tensor:
    """Return the logits (N, C) of `pictures`, float32 or float64 as the network's weights are.

    Args:
        model: in evaluation mode.
        pictures: (N, channels, H, W) of any device and numbers; they are brought to the network's, with a graph.
        classes: as in `check_logits`.
        reduced: numbers that autocast computes in; None for the network's own.

    Raises:
        BrickbenchError: the network does not take such pictures, gives no logits, or none that are finite.
    """
    device, numbers = device_of(model), numbers_of(model)
    try:
        with torch.autocast(device.type, reduced, enabled=reduced is not None):
            logits = model(pictures.to(device, numbers))
    except REFUSALS as error:
        if is_out_of_memory(error):
            raise
        raise BrickbenchError(
            f"{type(model).__name__} failed on pictures {tuple(pictures.shape)}: {first_line(error)}. It should take "
            "pictures of that size and so many channels."
        ) from error
    if reduced is not None and isinstance(logits, Tensor):
        logits = logits.float()
    check_logits(logits, len(pictures), classes)
    return logits  # type: ignore[no-any-return]


def numbers_of(model: nn.Module) -> torch.dtype:
    """Return the type of the weights of `model`, float32 where it has none; BrickbenchError if they are too coarse."""
    weights = chain(model.parameters(), model.buffers())
    dtype = next((weight.dtype for weight in weights if weight.is_floating_point()), torch.float32)
    if dtype not in (torch.float32, torch.float64):
        raise BrickbenchError(
            f"{type(model).__name__} computes in {str(dtype).removeprefix('torch.')}, too coarse for maps, which are "
            "small differences: explain model.float(), which has the same weights."
        )
    return dtype


def opened(model: nn.Module, *, looks_inside: bool) -> nn.Module:
    """Return the network that `model` wraps, itself if it wraps none: of DataParallel and torch.compile what is within.

    Args:
        model: as a user has it.
        looks_inside: whether the method hooks modules, watches calls, or needs gradients.

    Raises:
        BrickbenchError: its weights are not made yet, of inference mode, or too coarse; or it is TorchScript, and has
            to be looked into.
    """
    if not isinstance(model, nn.Module):
        raise BrickbenchError(f"A network should be a torch.nn.Module; {type(model).__name__} came: wrap it in one.")
    while (within := dict(model.named_children()).get("module" if _is_parallel(model) else "_orig_mod")) is not None:
        model = within
    lazy = next((name for name, weight in model.named_parameters() if is_lazy(weight)), None)
    if lazy is not None:
        raise BrickbenchError(
            f"{type(model).__name__} has weights that are not made yet ({lazy}): let it take a batch first, as in "
            "model(images)."
        )
    if any(weight.is_inference() for weight in chain(model.parameters(), model.buffers())):
        raise BrickbenchError(
            f"{type(model).__name__} has weights of torch.inference_mode, which no gradient passes: make or move the "
            "network outside of it (torch.no_grad will do)."
        )
    if looks_inside and any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise BrickbenchError(
            f"{type(model).__name__} is TorchScript, which cannot be looked into: give the network that it was made "
            "from, or take a method that only asks for logits, such as lime or occlusion."
        )
    numbers_of(model)
    return model


def first_line(error: Exception) -> str:
    """Return the first line of what `error` says, without its full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _is_parallel(model: nn.Module) -> bool:
    return isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel)
