"""The one place where Blender's Python module is imported."""

import atexit
import contextlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.errors import BrickbenchError
from core.locks import is_running
from core.system import install_hint, missing_libraries

_SCRATCH = Path(tempfile.gettempdir()) / f"brickbench-blender-{socket.gethostname()}-{os.getpid()}"

# bpy puts its own scripts first on sys.path. A worker process inherits that list, and would then find
# the scripts' half of bpy before the compiled one.
sys.path[:] = [entry for entry in sys.path if not entry.endswith("/scripts/modules")]


@contextlib.contextmanager
def _on_one_core() -> Iterator[None]:
    """Keep this process on one core while the block lasts, where the system can.

    Blender's task library (TBB) counts cores as it is loaded, and from then on keeps that many threads, which spin for
    work in every step of physics: on two cores they doubled its CPU time. Cycles asks for its own threads later.
    """
    if not hasattr(os, "sched_setaffinity"):  # not Linux
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[os.getpid() % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def _own_scratch() -> Iterator[None]:
    """Have Blender choose a temporary folder, while the block lasts, that goes when this process ends.

    Blender makes a folder ``blender_XXXXXX`` in TMPDIR when it starts and when it is reset, and a process that is ended
    at once leaves it. Here it lies in one that is named after this process.
    """
    before = os.environ.get("TMPDIR")
    with contextlib.suppress(OSError):  # a disk that is full or not ours: Blender says so when it has to write
        _SCRATCH.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = str(_SCRATCH)
    try:
        yield
    finally:
        os.environ.pop("TMPDIR", None)
        if before is not None:
            os.environ["TMPDIR"] = before


def sweep_scratch() -> None:
    """Remove what processes of this machine that are gone left."""
    start = _SCRATCH.name.removesuffix(str(os.getpid()))
    for old in _SCRATCH.parent.glob(f"{start}*"):
        process = old.name.removeprefix(start)
        if process.isdecimal() and not is_running(int(process)):
            shutil.rmtree(old, ignore_errors=True)


sweep_scratch()
atexit.register(shutil.rmtree, _SCRATCH, ignore_errors=True)
try:
    with _on_one_core(), _own_scratch():
        import bpy
        import mathutils
except ImportError as error:
    missing = missing_libraries()
    way_out = install_hint(missing) if missing else "Run `make setup` to install the locked packages."
    raise BrickbenchError(f"Blender's module bpy cannot be imported: {error}. {way_out}") from error

__all__ = ["UNIT_MM", "bpy", "mathutils", "quiet", "reset", "sweep_scratch"]

UNIT_MM = 10.0
"""One Blender unit: bricks are then about one unit large, where its rigid-body solver is at its best."""


def reset(threads: int) -> None:
    """Empty the scene and set the renderer up: Cycles on `threads` CPU threads; nothing in it yet."""
    with _own_scratch():
        bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.threads_mode = "FIXED"
    scene.render.threads = threads
    bpy.context.preferences.edit.use_global_undo = False


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what Blender's C code prints on stdout away from the user's stdout."""
    sys.stdout.flush()
    kept, silence = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(silence)
