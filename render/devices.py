"""What Cycles computes on: the processor, or a GPU through one of its back ends; its kernels, compiled once a node.

Compiling kernels takes up to minutes.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from core.engines.interface import GPU_VARIABLES, worker_number
from core.errors import BrickbenchError
from core.locks import lock
from render.blender import bpy

GPU_BACK_ENDS = ("optix", "cuda", "hip", "oneapi", "metal")
"""Best first: OptiX traces rays by hardware that CUDA leaves idle."""
DEVICES = ("auto", "cpu", *GPU_BACK_ENDS)


def best_device() -> str:
    """Return the first of `GPU_BACK_ENDS` that Cycles can use on this machine, or ``cpu``."""
    return next((name for name in GPU_BACK_ENDS if _gpus(name)), "cpu")


def count_gpus(device: str) -> int:
    """Return how many GPUs `device`, one of `DEVICES`, has on this machine; 0 for the processor."""
    back_end = best_device() if device == "auto" else device
    return 0 if back_end == "cpu" else len(_gpus(back_end))


def require_device(device: str) -> None:
    """Raise BrickbenchError unless Cycles can compute on `device`, one of `DEVICES`, on this machine."""
    if device in {"auto", "cpu"} or _gpus(device):
        return
    there = [name for name in GPU_BACK_ENDS if _gpus(name)]
    others = f"It has {', '.join(there)}" if there else "It has none of the others either"
    hidden = [name for name in GPU_VARIABLES if os.environ.get(name) == ""]
    way_out = (
        f"{hidden[0]} is empty, which hides GPUs: give --worker-gpus on Ray, or unset it"
        if hidden
        else "use --device auto or cpu, or mend the driver"
    )
    raise BrickbenchError(f"Cycles finds no GPU for --device {device} on this machine. {others}; {way_out}.")


def choose_device(device: str) -> None:
    """Make Cycles compute on `device`, one of `DEVICES`; ``auto`` is the best there is.

    Of several GPUs each worker takes one, by its number. Labels do not depend on the device; pixels do, in their last
    bits.

    Raises:
        BrickbenchError: this machine has no such device.
    """
    require_device(device)
    if device == "auto":
        device = best_device()
    cycles = bpy.context.scene.cycles
    if device == "cpu":
        cycles.device = "CPU"
        return
    gpus = _gpus(device)
    bpy.context.preferences.addons["cycles"].preferences.compute_device_type = device.upper()
    mine = worker_number() % len(gpus)
    for number, candidate in enumerate(gpus):
        candidate.use = number == mine
    cycles.device = "GPU"
    cycles.denoising_use_gpu = True


def chosen_device() -> str:
    """Return the name of what Cycles computes on in this process: ``cpu``, or such as ``optix: NVIDIA H100``."""
    if bpy.context.scene.cycles.device == "CPU":
        return "cpu"
    preferences = bpy.context.preferences.addons["cycles"].preferences
    back_end = preferences.compute_device_type
    used = [device.name for device in _gpus(back_end) if device.use]
    return f"{back_end.lower()}: {' + '.join(used)}"


def _gpus(back_end: str) -> list["bpy.types.PropertyGroup"]:
    preferences = bpy.context.preferences.addons["cycles"].preferences
    return [device for device in preferences.get_devices_for_type(back_end.upper()) if device.type != "CPU"]


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
