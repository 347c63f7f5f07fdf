"""Kernels of a GPU, compiled once on each node before the workers there start: compiling takes up to minutes."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def once_a_node(name: str, work: Callable[[], object], folder: Path | None = None) -> None:
    """Do `work` unless it was done under `name` on this machine; others who come meanwhile wait until it is done.

    If it fails or its process dies, the next one that waits does it. What Cycles and the driver compile stays in their
    own caches; if somebody empties those, each worker compiles for itself.

    Args:
        name: of what is done; such as Blender's version and the GPU.
        work: what is to be done once.
        folder: on this machine's own disk, emptied at each start of the machine; None takes that of temporary files.
    """
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    path = (folder or Path(tempfile.gettempdir())) / f"brickbench-{os.getuid()}-{digest}"
    # Not through a link that somebody else may have laid there.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not os.read(descriptor, 1):
            work()
            os.write(descriptor, b"done\n")
    finally:
        os.close(descriptor)
