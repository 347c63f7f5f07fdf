"""The system libraries that Blender's wheel needs and does not bring. Standard library only.

``python -m core.system`` is the set-up step: it looks for them, installs the missing ones as root on
Debian or Ubuntu, and otherwise prints the one line to run and ends with exit code 1.
"""

import ctypes
import os
import shutil
import subprocess
import sys

DEBIAN_PACKAGE_OF = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXext.so.6": "libxext6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
}
"""Shared library to the Debian package that holds it."""


def missing_libraries() -> list[str]:
    """Return the shared libraries that the loader does not find."""
    return [name for name in DEBIAN_PACKAGE_OF if not _loads(name)]


def install_command(missing: list[str]) -> list[str]:
    """Return the command that installs the Debian packages of `missing`."""
    return ["apt-get", "install", "-y", "--no-install-recommends", *(DEBIAN_PACKAGE_OF[name] for name in missing)]


def install_hint(missing: list[str]) -> str:
    """Return one sentence that says which libraries are missing and the line that installs them."""
    return f"System libraries are missing ({', '.join(missing)}); run: sudo {' '.join(install_command(missing))}"


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def main() -> int:
    """Install what is missing if that is possible here; return 0 when nothing is missing any more."""
    missing = missing_libraries()
    if not missing:
        return 0
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(install_hint(missing), file=sys.stderr)
        return 1
    print(f"Installing {', '.join(DEBIAN_PACKAGE_OF[name] for name in missing)}", file=sys.stderr)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], [*install_command(missing)]):
        if subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode != 0:
            print(f"`{' '.join(command)}` failed. {install_hint(missing)}", file=sys.stderr)
            return 1
    # The loader keeps a list of what it did not find for as long as this process lives: ask a fresh one.
    again = subprocess.run(
        [sys.executable, "-c", "from core.system import *; raise SystemExit(len(missing_libraries()))"]
    )
    if again.returncode:
        print(install_hint(missing_libraries()), file=sys.stderr)
    return min(again.returncode, 1)


if __name__ == "__main__":
    raise SystemExit(main())
