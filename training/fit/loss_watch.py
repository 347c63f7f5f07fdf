"""The losses of an epoch: each must be a number, and reading them must not make a GPU wait."""

import math
from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

from core.errors import BrickbenchError
from training.run.checkpoint import checkpoint_name
from training.run.settings import TrainingSettings

LATE = 2
"""Batches by which a loss is read late on a GPU, which then always has work before it; other devices wait anyway."""


class LossWatch:
    """The losses of the batches of one epoch: their sum over pictures, and the latest one in words."""

    def __init__(self, check: Callable[[float, int], None], late: int = 0) -> None:
        """Take `check`, which is called with every loss and the number of its batch, and raises if it is no number."""
        self._check, self._late = check, late
        self._waiting: deque[tuple[Tensor, torch.cuda.Event | None, int, int]] = deque()
        self.sum, self.pictures, self.note = 0.0, 0, ""

    def add(self, loss: Tensor, number: int, pictures: int) -> None:
        """Take the mean loss (a scalar) of batch `number`, and check those that are due."""
        copied = None
        held = loss.detach()
        if held.is_cuda:
            held = held.to("cpu", non_blocking=True)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record()
        self._waiting.append((held, copied, number, pictures))
        while len(self._waiting) > self._late:
            self._read()

    def finish(self) -> None:
        """Check those that are left."""
        while self._waiting:
            self._read()

    def _read(self) -> None:
        held, copied, number, pictures = self._waiting.popleft()
        if copied is not None:
            copied.synchronize()
        loss = held.item()
        self._check(loss, number)
        self.sum += loss * pictures
        self.pictures += pictures
        self.note = f", loss {loss:.3f}"


def require_number(loss: float, where: str, epoch: int, settings: TrainingSettings) -> None:
    """Raise BrickbenchError unless `loss` is finite; says where it was not, and which checkpoint is left."""
    if not math.isfinite(loss):
        kept = f"checkpoint {checkpoint_name(epoch - 1)} is kept" if epoch > 1 else "no epoch had ended"
        raise BrickbenchError(
            f"The loss became {loss} in {where} ({kept}): train in another folder with a learning_rate "
            f"below {settings.learning_rate:g}."
        )
