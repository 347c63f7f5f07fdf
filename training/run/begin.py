"""A run is begun in a folder, with what else it may hang on, or goes on there if it is the very same one."""

import hashlib
import json
import os
import platform
import subprocess
from pathlib import Path

from core.errors import BrickbenchError, SettingsError
from core.files import require_writable
from core.versions import installed_versions
from dataset.database import open_index
from dataset.pile_dataset import PileDataset
from training.run.parts import how_parts_differ
from training.run.run import RUN_FILE, SETTINGS_FILE, Run, RunInfo
from training.run.settings import TrainingSettings, differences

LIBRARIES = (
    "brickbench", "torch", "torchvision", "timm", "numpy", "albumentations", "opencv-python-headless", "pillow",
)  # fmt: skip
_GIT_WAIT_S = 10


def begin_run(run_folder: Path, info: RunInfo, settings: TrainingSettings) -> RunInfo:
    """Write ``run.yaml`` and ``settings.yaml``, or make sure that the run in `run_folder` is this very one.

    What comes back is what ``run.yaml`` says: `info` with the versions of libraries and code beside it, or, of a run
    that goes on, what it began with: of one that was moved or renamed, its first name and place.

    Raises:
        SettingsError: the folder holds a run with other settings or of other pictures.
        BrickbenchError: the folder holds something else, or cannot be written.
    """
    if (run_folder / RUN_FILE).is_file():
        begun = Run.open(run_folder)
        _require_same(begun, info, settings)
        return begun.info
    others = run_folder.iterdir() if run_folder.is_dir() else ()
    if any(not path.name.startswith(".") and path.name != SETTINGS_FILE for path in others):  # those are written first
        raise BrickbenchError(f"{run_folder} is not empty and holds no run: choose another folder with -o.")
    require_writable(run_folder)
    settings.save(run_folder / SETTINGS_FILE)
    versions = {"python": platform.python_version()} | installed_versions(LIBRARIES)
    info = info.model_copy(update={"versions": versions, "git_commit": code_commit()})
    info.save(run_folder / RUN_FILE)  # last: with it, the folder is a run
    return info


def _require_same(begun: Run, info: RunInfo, settings: TrainingSettings) -> None:
    other = differences(begun.settings, settings)
    if other:
        longer = f", or train it longer with `brickbench train resume {begun.folder} --epochs {settings.epochs}`"
        raise SettingsError(
            f"{begun.folder} holds a run with other settings ({'; '.join(other)}): choose another folder with -o, "
            f"or give the same settings to go on with it"
            f"{longer if len(other) == 1 and other[0].startswith('epochs:') else ''}."
        )
    if begun.info.classes != info.classes:
        parts = how_parts_differ({"run": begun.info.classes, "dataset": info.classes}) or "their order differs"
        raise SettingsError(
            f"{begun.folder} holds a run on other parts than those of the dataset {info.dataset} ({parts}), so it "
            f"cannot go on there: choose another folder with -o, and start from its weights with --weights "
            f"{begun.folder}/checkpoints/CHECKPOINT.safetensors."
        )
    if begun.info.dataset_digest != info.dataset_digest:
        raise SettingsError(
            f"{begun.folder} holds a run on other pictures than the train and val splits of {info.dataset} "
            f"(it was begun on {begun.info.dataset}): choose another folder with -o to train on these."
        )


def digest_of_pictures(root: Path, *parts: PileDataset) -> str:
    """Return 12 hexadecimal digits that differ whenever a picture, its name or a label in `parts` differs."""
    with open_index(root) as index:
        content = dict(index.execute("SELECT image_id, content_hash FROM images").fetchall())
    digest = hashlib.sha256()
    for part in parts:
        names = [[image_id, content[image_id]] for image_id in part.image_ids]
        digest.update(json.dumps([part.split, part.classes, names]).encode())
        digest.update(part.targets.tobytes())
    return digest.hexdigest()[:12]


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
