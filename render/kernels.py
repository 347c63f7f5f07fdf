"""Kernels of a GPU, compiled once on each node before the workers there start: compiling takes up to minutes."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from core.locks import lock


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
    with lock(path.parent, path.name, mode=0o600):
        if not path.read_bytes():
            work()
            path.write_bytes(b"done\n")
