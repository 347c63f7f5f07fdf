"""Where things are kept that can be made again."""

import os
import sys
from pathlib import Path

VARIABLE = "BRICKBENCH_CACHE"
"""Environment variable that names another folder."""


def cache_folder() -> Path:
    """Return the folder that `BRICKBENCH_CACHE` names, else one in the platform's own place; it need not be there.

    The places are those of the XDG base directory specification, Apple's and Microsoft's guidelines.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "brickbench"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "brickbench" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brickbench"
