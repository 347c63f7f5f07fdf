"""Where a network runs."""

import torch

from core.errors import SettingsError


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; ``auto`` takes the first GPU that torch can use, else the CPU.

    Raises:
        SettingsError: `name` is no device, or this machine lacks it.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingsError(f"Unknown device {name!r}: give auto, cpu, cuda, cuda:1 or mps.") from error
    count = torch.cuda.device_count() if device.type == "cuda" else int(torch.backends.mps.is_available())
    if device.type != "cpu" and (device.type not in {"cuda", "mps"} or (device.index or 0) >= count):
        raise SettingsError(
            f"This machine has no device {name!r} that torch can use (it finds {count}): give --device auto or cpu."
        )
    return device
