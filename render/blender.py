"""The one place where Blender's Python module is imported."""

import contextlib
import os
import sys
from collections.abc import Iterator

from core.errors import BrickbenchError
from core.system import install_hint, missing_libraries

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


try:
    with _on_one_core():
        import bpy
        import mathutils
except ImportError as error:
    missing = missing_libraries()
    way_out = install_hint(missing) if missing else "Run `make setup` to install the locked packages."
    raise BrickbenchError(f"Blender's module bpy cannot be imported: {error}. {way_out}") from error

__all__ = ["UNIT_MM", "bpy", "mathutils", "quiet", "reset"]

UNIT_MM = 10.0
"""One Blender unit: bricks are then about one unit large, where its rigid-body solver is at its best."""


def reset(threads: int) -> None:
    """Empty the scene and set the renderer up: Cycles on `threads` CPU threads; nothing in it yet."""
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
