"""A run folder: what it says about itself, whether a run may go on in it, what it holds."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file, require_writable
from core.settings import Settings
from dataset.index import open_index
from dataset.pile_dataset import PileDataset
from training.parts import listed, only_in
from training.run.old_settings import is_of_version_0_2, of_today
from training.run.provenance import code_commit, library_versions
from training.run.settings import TrainingSettings, differences

RUN_FILE = "run.yaml"
SETTINGS_FILE = "settings.yaml"
EPOCHS_FILE = "epochs.jsonl"

Row = dict[str, Any]
"""One line of epochs.jsonl: epoch, learning_rate, train_loss, val_loss, val_map_macro …, seconds; None for NaN."""


class RunInfo(Settings):
    """What a run folder says about itself, in ``run.yaml``; other stages and the index read it."""

    run_id: str
    """Name of the folder when the run began; unique within a dataset's index."""
    dataset: str
    """Absolute path of the dataset it trained on."""
    dataset_digest: str
    """12 digits that differ whenever a picture or label of its train or val split differs."""
    model: str
    """Name of the network."""
    model_kwargs: dict[str, Any]
    """Further arguments of the network."""
    classes: tuple[str, ...]
    """part_ids, one a logit."""
    input_size_px: int
    """Side of the square that the network takes, in pixels."""
    settings_digest: str
    """Digest of the resolved settings."""
    seed: int
    """Seed of the run."""
    device: str | None = None
    """Where it began to train; None in runs of older versions."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Versions of Python and of the libraries that it began with."""
    git_commit: str | None = None
    """Commit of the code that it began with, ``-dirty`` behind it if files differed; None outside a checkout."""

    @classmethod
    def load_run(cls, run_folder: Path) -> "RunInfo":
        """Return the information in `run_folder`.

        Raises:
            BrickbenchError: the folder is no run.
        """
        if not (run_folder / RUN_FILE).is_file():
            raise BrickbenchError(
                f"{run_folder} is no run: it has no {RUN_FILE}. Give a folder that `brickbench train run` made."
            )
        return cls.load(run_folder / RUN_FILE)


def begin_run(run_folder: Path, info: RunInfo, settings: TrainingSettings) -> RunInfo:
    """Write ``run.yaml`` and ``settings.yaml``, or make sure that the run in `run_folder` is this very one.

    What comes back is what ``run.yaml`` says: `info` with the versions of libraries and code beside it, or, of a run
    that goes on, what it began with: of one that was moved or renamed, its first name and place.

    Raises:
        SettingsError: the folder holds a run with other settings or of other pictures.
        BrickbenchError: the folder holds something else, or cannot be written.
    """
    if (run_folder / RUN_FILE).is_file():
        there = RunInfo.load_run(run_folder)
        if is_of_version_0_2(run_folder / SETTINGS_FILE):
            raise SettingsError(
                f"{run_folder} was begun by Brickbench 0.2, which varied pictures otherwise, so it cannot go on: its "
                f"checkpoints still serve. Choose another folder with -o, and start from its weights with --weights "
                f"{run_folder}/checkpoints/CHECKPOINT.safetensors."
            )
        other = differences(load_settings(run_folder), settings)
        if other:
            longer = f", or train it longer with `brickbench train resume {run_folder} --epochs {settings.epochs}`"
            raise SettingsError(
                f"{run_folder} holds a run with other settings ({'; '.join(other)}): choose another folder with -o, "
                f"or give the same settings to go on with it"
                f"{longer if len(other) == 1 and other[0].startswith('epochs:') else ''}."
            )
        if there.classes != info.classes:
            raise SettingsError(_other_parts(run_folder, there.classes, info))
        if there.dataset_digest != info.dataset_digest:
            raise SettingsError(
                f"{run_folder} holds a run on other pictures than the train and val splits of {info.dataset} "
                f"(it was begun on {there.dataset}): choose another folder with -o to train on these."
            )
        return there
    if run_folder.is_dir() and any(not path.name.startswith(".") for path in run_folder.iterdir()):
        raise BrickbenchError(f"{run_folder} is not empty and holds no run: choose another folder with -o.")
    require_writable(run_folder)
    settings.save(run_folder / SETTINGS_FILE)
    info = info.model_copy(update={"versions": library_versions(), "git_commit": code_commit()})
    info.save(run_folder / RUN_FILE)  # last: with it, the folder is a run
    return info


def _other_parts(run_folder: Path, classes: tuple[str, ...], info: RunInfo) -> str:
    only_there, only_here = only_in(classes, info.classes), only_in(info.classes, classes)
    parts = [f"the run alone has {listed(only_there)}"] if only_there else []
    parts += [f"the dataset alone has {listed(only_here)}"] if only_here else []
    return (
        f"{run_folder} holds a run on other parts than those of the dataset {info.dataset} "
        f"({'; '.join(parts) or 'their order differs'}), so it cannot go on there: choose another folder with -o, and "
        f"start from its weights with --weights {run_folder}/checkpoints/CHECKPOINT.safetensors."
    )


def load_settings(run_folder: Path) -> TrainingSettings:
    """Return the settings that a run was begun with; of a run of version 0.2 those of today that are nearest."""
    path = run_folder / SETTINGS_FILE
    if is_of_version_0_2(path):
        return TrainingSettings.parse(of_today(yaml.safe_load(path.read_text(encoding="utf-8"))), where=str(path))
    return TrainingSettings.load(path)


def dataset_of(run_folder: Path) -> Path:
    """Return the dataset of a run: the one that holds the run folder, also after a copy; else the one it names.

    Raises:
        BrickbenchError: it is in neither place.
    """
    recorded = Path(RunInfo.load_run(run_folder).dataset)
    for place in (run_folder.resolve().parent.parent, recorded):
        if (place / "dataset.yaml").is_file():
            return place
    raise BrickbenchError(f"The dataset {recorded} of the run {run_folder} is gone: say where it is with -d.")


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


def write_epochs(run_folder: Path, history: list[Row]) -> None:
    """Write ``epochs.jsonl``, one line an epoch."""
    with atomic_file(run_folder / EPOCHS_FILE) as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in history), encoding="utf-8")


def read_epochs(run_folder: Path) -> list[Row]:
    """Return the lines of ``epochs.jsonl``; none if no epoch has ended yet."""
    path = run_folder / EPOCHS_FILE
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
