"""The study that a folder holds already: is it the wanted one, and may another take its place?"""

from pathlib import Path

from core.errors import BrickbenchError
from core.files import sha256_hex
from core.settings import Settings
from evaluation.study.build.public_files import folder_digest
from evaluation.study.key import KEY, PUBLIC
from evaluation.study.settings import SETTINGS_FILE, StudySettings, read_settings

RECORD = "build.json"
COLLECTED = ("answers.sqlite", "participants.csv")
"""What people gave, and links that they were given: a study that has these is never replaced."""


class Origin(Settings):
    """What a study is built from, besides its settings."""

    run_id: str
    checkpoint: str
    listed: str | None
    """SHA-256 of the list of items, if one was given."""
    power_simulations: int
    """For the preregistration."""


class BuildRecord(Settings):
    """What a study was built from, and what tells whether it is whole: ``build.json``."""

    origin: Origin
    key: str
    """SHA-256 of ``key.json``."""
    public: str
    """Digest of the pictures."""


def is_there(study: Path, origin: Origin, settings: StudySettings, *, force: bool) -> bool:
    """Return whether a folder holds the wanted study, whole; if not, it may be replaced.

    Raises:
        BrickbenchError: it holds something else that may not be replaced.
    """
    if not study.exists():
        return False
    if not (study / KEY).is_file():
        if not study.is_dir() or any(study.iterdir()):
            raise BrickbenchError(f"{study} is there and is no study: choose another folder with -o.")
        return False
    differences = _differences(study, origin, settings)
    if not differences:
        return True
    differs = f"{study} holds a study that differs ({'; '.join(differences)})"
    collected = [name for name in COLLECTED if (study / name).exists()]
    if collected:
        raise BrickbenchError(
            f"{differs} and has {' and '.join(collected)}, which are never replaced: choose another folder with -o."
        )
    if not force:
        raise BrickbenchError(f"{differs}: choose another folder with -o, or replace it with --force.")
    return False


def _differences(study: Path, origin: Origin, settings: StudySettings) -> list[str]:
    try:
        record = BuildRecord.model_validate_json((study / RECORD).read_text(encoding="utf-8"))
        own_settings = read_settings(study)
    except (OSError, ValueError, BrickbenchError):
        return [f"{RECORD} or {SETTINGS_FILE} is missing or damaged"]
    differences = [
        f"{name} is {getattr(old, name)!r}, not {getattr(new, name)!r}"
        for old, new in ((record.origin, origin), (own_settings, settings))
        for name in type(new).model_fields
        if getattr(old, name) != getattr(new, name)
    ]
    if sha256_hex((study / KEY).read_bytes()) != record.key:
        differences.append(f"{KEY} was changed")
    if not (study / PUBLIC).is_dir() or folder_digest(study / PUBLIC) != record.public:
        differences.append(f"pictures in {PUBLIC} are missing or changed")
    return differences
