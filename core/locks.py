"""Locks between processes, which end with the process that holds them."""

import contextlib
import fcntl
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

from core.errors import BrickbenchError

AT_ONCE = 0.0
FOR_EVER = math.inf
_PAUSE_S = 0.05


@contextlib.contextmanager
def lock(
    folder: Path,
    file: str | None = None,
    *,
    wait_s: float = FOR_EVER,
    busy: BrickbenchError | None = None,
    mode: int = 0o666,
) -> Iterator[bool]:
    """Hold the lock of `folder`, or of `file` in it, while the block lasts; gives False where nothing can be locked.

    On a file system without locks (some network ones) the block runs all the same: whoever needs more asks.

    Args:
        folder: is there. Locked itself, nothing is left behind.
        file: the name of a file of locks, made if need be, never through a link; it stays.
        wait_s: how long to wait for the process that holds it: `FOR_EVER`, `AT_ONCE` (not at all), or seconds.
        busy: what is raised when the wait is over; needed unless it is `FOR_EVER`.
        mode: permissions of the file, if it is made.
    """
    if file is None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    else:
        descriptor = os.open(folder / file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        yield _taken(descriptor, wait_s, busy)
    finally:
        os.close(descriptor)


def sole_writer(folder: Path) -> contextlib.AbstractContextManager[bool]:
    """Return the lock of `folder`, which raises BrickbenchError if another process holds it.

    For files that are read, added to and written anew: of two writers the second would undo the first.
    """
    busy = f"Another process is writing in {folder}. Wait until it is done, then run this again."
    return lock(folder, wait_s=AT_ONCE, busy=BrickbenchError(busy))


def is_running(process: int) -> bool:
    """Return whether a process of this machine, named by its number, runs; one that is somebody else's does too."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _taken(descriptor: int, wait_s: float, busy: BrickbenchError | None) -> bool:
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait_s == FOR_EVER else fcntl.LOCK_NB))
            return True
        except BlockingIOError as error:
            assert busy is not None
            if time.monotonic() >= until:
                raise busy from error
        except OSError:
            return False
        time.sleep(_PAUSE_S)
