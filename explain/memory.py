"""What fits into memory: batch sizes that adapt and say so, and a CPU that says when it runs out."""

import contextlib
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
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


SHARE_OF_FREE = 0.9
"""What a run may take of the memory that is free when it starts; the rest is for what else goes on."""


@contextlib.contextmanager
def within_free_memory(device: torch.device) -> Iterator[None]:
    """While it lasts, asking for more memory than is free raises, so that a batch can shrink.

    Linux grants more memory than there is, and kills the process that uses it. So what this process may hold is limited
    to what it holds plus `SHARE_OF_FREE` of what is free in the machine and its control group. Nothing is limited on
    other systems, nor where a GPU does the work: it raises by itself.
    """
    free = free_memory_bytes() if device.type == "cpu" else None
    held = _kilobytes(Path("/proc/self/status"), "VmData:")
    if free is None or held is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = held + int(SHARE_OF_FREE * free)
    known = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([wanted, *known]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def free_memory_bytes() -> int | None:
    """Return what this process can still take of the machine's memory and of its control group's; None if unknown."""
    machine = _kilobytes(Path("/proc/meminfo"), "MemAvailable:")
    return None if machine is None else min([machine, *_free_in_groups(Path("/sys/fs/cgroup"))])


def _kilobytes(file: Path, name: str) -> int | None:
    """Return the bytes that a line such as ``MemAvailable:   123 kB`` tells."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in file.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None


def _free_in_groups(mounted: Path) -> Iterator[int]:
    """Yield what is free in the control groups (version 2) of this process; files kept in memory count as free."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = mounted / next(line for line in lines if line.startswith("0::")).removeprefix("0::").lstrip("/")
        for group in (own, *own.parents):
            if not group.is_relative_to(mounted):
                return
            with contextlib.suppress(OSError, ValueError):  # "max": no limit
                limit = int((group / "memory.max").read_text())
                used = int((group / "memory.current").read_text())
                counts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
                yield limit - used + int(counts.get("inactive_file", 0)) + int(counts.get("active_file", 0))
