"""Numbers of the forward passes: fewer digits only where they leave the explanation as it is."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from core.settings import Settings
from explain.memory import BatchSize
from explain.protocol import check_logits

Precision = Literal["float32", "tf32", "bfloat16", "float16"]
TOLERANCE = 0.05
"""Most that reduced numbers may scatter a logit, as a share of how far perturbing the picture scatters it."""
_CHECKED = 8
"""Perturbed pictures, at each of four places in their order, of which both precisions are asked."""


class PassSettings(Settings):
    """Settings of methods that ask the network about many perturbed pictures."""

    precision: Precision = "float32"
    """Numbers of the forward passes. The others are for GPUs: ``tf32`` rounds within convolutions, ``bfloat16`` and
    ``float16`` are autocast's. A picture whose logits they scatter by more than a twentieth of what the perturbations
    do is done in float32 all the same; both are compared on 32 of its perturbed pictures."""


def logits_with(model: nn.Module, pictures: Tensor, classes: Sequence[int], precision: Precision) -> Tensor:
    """Return the logits (B, K) of `classes`, in float32 where they were computed in fewer digits.

    Raises:
        BrickbenchError: the network has no such class.
    """
    with _numbers(precision, pictures.device):
        logits: Tensor = model(pictures)
    check_logits(logits, len(pictures), [classes])
    chosen = logits[:, list(classes)]
    return chosen.float() if chosen.dtype in (torch.bfloat16, torch.float16) else chosen


def settle_precision(
    model: nn.Module,
    count: int,
    make: Callable[[slice], Tensor],
    classes: Sequence[int],
    batch: BatchSize,
    precision: Precision,
) -> Precision:
    """Return `precision` if it is good enough for the `count` pictures that `make` gives, else ``float32``."""
    if precision == "float32":
        return precision
    kinds: tuple[Precision, Precision] = ("float32", precision)
    answers: list[tuple[Tensor, ...]] = []
    for start in np.linspace(0, max(0, count - _CHECKED), 4).astype(int).tolist():

        def both(part: slice, start: int = start) -> tuple[Tensor, ...]:
            pictures = make(slice(start + part.start, start + part.stop))
            return tuple(logits_with(model, pictures, classes, kind) for kind in kinds)

        answers += batch.batches(min(_CHECKED, count), both)
    exact, reduced = (torch.cat(logits).double() for logits in zip(*answers, strict=True))
    scatter = (reduced - exact).std(dim=0, correction=0)
    return precision if bool((scatter <= TOLERANCE * exact.std(dim=0, correction=0)).all()) else "float32"


@contextmanager
def _numbers(precision: Precision, device: torch.device) -> Iterator[None]:
    """Let forward passes inside compute in `precision`; torch's own default on a GPU is tf32."""
    convolutions = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = convolutions.fp32_precision
    convolutions.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    try:
        if precision in ("float32", "tf32"):
            yield
        else:
            with torch.autocast(device.type, getattr(torch, precision)):
                yield
    finally:
        convolutions.fp32_precision = before
