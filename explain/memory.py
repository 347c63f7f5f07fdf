"""Batch sizes that adapt to what fits into memory, and say so."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from core.errors import BrickbenchError

Result = TypeVar("Result")
_NO_MEMORY = ("can't allocate memory", "could not create a memory", "could not create a primitive", "bad_alloc")
"""What torch and oneDNN say on a CPU."""


class BatchSize:
    """How many items one pass takes: halved for good each time memory runs out."""

    def __init__(self, size: int, unit: str) -> None:
        """Start with `size` items, called `unit` (plural) in `note`."""
        self.size = self._first = size
        self._unit = unit

    def batches(self, count: int, work: Callable[[slice], Result]) -> Iterator[Result]:
        """Yield what `work` returns for consecutive slices of ``range(count)``; one that did not fit is cut in two.

        Raises:
            BrickbenchError: not even one item fits.
        """
        start = 0
        while start < count:
            stop = min(start + self.size, count)
            result = self._try(work, slice(start, stop))
            if result is None:
                self._halve(stop - start)
                continue
            yield result[0]
            start = stop

    @property
    def note(self) -> str | None:
        """Such as ``8 pictures at once, since 32 did not fit into memory``; None if all went as planned."""
        if self.size == self._first:
            return None
        return f"{self.size} {self._unit} at once, since {self._first} did not fit into memory"

    def _try(self, work: Callable[[slice], Result], part: slice) -> tuple[Result] | None:
        try:
            return (work(part),)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Out of the handler, so that the error's frames hold no tensors any more.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None

    def _halve(self, tried: int) -> None:
        if tried <= 1:
            raise BrickbenchError(
                f"Memory does not hold what one of the {self._unit} takes: use a machine with more, a smaller input "
                "size, or --device cpu."
            )
        self.size = tried // 2


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether `error` says that a device's memory, or the machine's, ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
