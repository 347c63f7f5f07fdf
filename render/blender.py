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

try:
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
    """Empty the scene and set the renderer up: Cycles on `threads` CPU threads, at least two; nothing in it yet.

    With one thread Cycles keeps a second one spinning that waits for work it may not take: two workers on two cores
    took 14.9 s with one thread each and 11.3 s with two for the same pictures.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.threads_mode = "FIXED"
    scene.render.threads = max(threads, 2)
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
