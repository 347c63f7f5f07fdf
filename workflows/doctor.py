"""``brickbench doctor``: does this machine have what Brickbench needs?"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from core.cli import json_option, print_rows
from core.errors import BrickbenchError
from core.system import install_hint, missing_libraries

MIN_FREE_GIB = 2.0
"""The demo writes 0.13 GiB; 10,000 pictures of 224 pixels take about 0.6 GiB as PNG."""

PACKAGES = (
    "albumentations", "captum", "cv2", "duckdb", "embreex", "lime", "manifold3d", "numpy", "pyarrow",
    "pycocotools", "pytorch_grad_cam", "sklearn", "skimage", "timm", "torch", "torchvision",
)  # fmt: skip
"""Imported one by one; Blender has a check of its own."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    check: str
    ok: bool
    found: str
    way_out: str = ""


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check Python, system libraries, Blender, packages, devices, disk and where stages are loaded from.

    Ends with exit code 1 if something that is needed is missing.

    \b
    Example:
      brickbench doctor
    """
    findings = examine()
    if as_json:
        print_rows([asdict(finding) for finding in findings], as_json=True)
    else:
        rows = [{"": "ok" if f.ok else "MISSING", "check": f.check, "found": f.found} for f in findings]
        print_rows(rows, as_json=False)
    wrong = [finding for finding in findings if not finding.ok]
    if wrong:
        raise BrickbenchError(" ".join(f"{f.check}: {f.way_out}" for f in wrong))


def examine() -> list[Finding]:
    """Return one finding for each thing that is needed, and some that are good to know."""
    return [check() for check in (_python, _libraries, _blender, _packages, _devices, _disk, _origins)]


def _python() -> Finding:
    ok = sys.version_info[:2] == (3, 11)
    return Finding("python", ok, platform.python_version(), "Make the environment with Python 3.11 (`make setup`).")


def _libraries() -> Finding:
    missing = missing_libraries()
    return Finding(
        "system libraries", not missing, ", ".join(missing) or "all there", install_hint(missing) if missing else ""
    )


def _blender() -> Finding:
    code = "import bpy; print(bpy.app.version_string); import embreex"
    ok, text = _in_new_python(code)
    return Finding("bpy", ok, text, "Run `make setup`; if it was run, see `system libraries` above.")


def _packages() -> Finding:
    code = (
        "import importlib, os; os.environ['NO_ALBUMENTATIONS_UPDATE'] = '1'\n"
        f"for name in {PACKAGES!r}: importlib.import_module(name)\n"
        "import torch; print(f'torch {torch.__version__} and', " + str(len(PACKAGES) - 1) + ", 'others')"
    )
    ok, text = _in_new_python(code)
    return Finding("packages", ok, text, "Run `make setup` to install the locked packages.")


def _devices() -> Finding:
    cores = len(os.sched_getaffinity(0))
    ok, text = _in_new_python(
        "import torch; print(', '.join(torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())))"
    )
    gpus = text if ok and text else "no GPU"
    return Finding("devices", True, f"{cores} CPU cores; {gpus}")


def _disk() -> Finding:
    free_gib = shutil.disk_usage(Path.cwd()).free / 2**30
    return Finding(
        "disk",
        free_gib >= MIN_FREE_GIB,
        f"{free_gib:.1f} GiB free here",
        f"Free {MIN_FREE_GIB:.0f} GiB, or work elsewhere.",
    )


def _origins() -> Finding:
    from brickbench import STAGES, check_origins

    try:
        check_origins()
    except BrickbenchError as error:
        return Finding("import origins", False, str(error), "Use an environment of Brickbench's own.")
    spec = importlib.util.find_spec("brickbench")
    home = Path(spec.origin).parent if spec and spec.origin else Path()
    return Finding("import origins", True, f"{len(STAGES)} packages from {home}")


def _in_new_python(code: str) -> tuple[bool, str]:
    """Run `code` in a fresh interpreter (a broken native package may kill it) and return its last line."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode < 0:
        return False, f"died of signal {-done.returncode}"
    return done.returncode == 0, lines[-1] if lines else ""
