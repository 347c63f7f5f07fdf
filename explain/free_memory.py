"""A CPU that says when memory runs out, instead of a process that is killed."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import torch

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
