"""What else a result may hang on: the versions of the libraries and the commit of this code."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

LIBRARIES = (
    "brickbench",
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "albumentations",
    "opencv-python-headless",
    "pillow",
)
_GIT_WAIT_S = 10


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed `LIBRARIES`."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # such as another build of opencv
            continue
    return versions


def code_commit(file: Path = Path(__file__)) -> str | None:
    """Return the commit of the git checkout that `file` is part of, ``-dirty`` behind it if tracked files differ.

    None without git, and where `file` is not tracked: an environment may lie in the checkout of something else.
    """
    git = ["git", "--no-optional-locks", "-C", str(file.parent)]
    if _output([*git, "ls-files", "--error-unmatch", file.name]) is None:
        return None
    return _output([*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"])


def _output(command: list[str]) -> str | None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_GIT_WAIT_S, env=environment)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
