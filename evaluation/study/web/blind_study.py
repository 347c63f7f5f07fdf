"""What participants may know of a study: their trials' order, opaque names, pictures and parts; no method."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from core.errors import BrickbenchError
from evaluation.study.key import PUBLIC, Item, Trial, read_key
from evaluation.study.settings import StudySettings, read_settings

KINDS = {".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}


@dataclass(frozen=True)
class BlindTrial:
    """One trial as its participant sees it."""

    trial_id: str
    picture: str
    """File in ``public/``, as the next two."""
    left: str
    right: str
    part_name: str | None
    """None where the settings do not tell it."""

    @property
    def files(self) -> tuple[str, str, str]:
        """Return the files that the trial shows."""
        return self.picture, self.left, self.right


@dataclass(frozen=True)
class Standing:
    """Where a participant is."""

    sheet: int | None = None
    """None: has not begun."""
    answered: int = 0
    language: str | None = None


@dataclass(frozen=True)
class BlindStudy:
    """All that the server needs of a study's key; what unblinds stays in the key."""

    folder: Path
    study_id: str
    settings: StudySettings
    sheets: dict[int, tuple[BlindTrial, ...]]
    """Trials in their order, by the number of the sheet."""

    @cached_property
    def files(self) -> frozenset[str]:
        """Return the names of all pictures that participants see."""
        return frozenset().union(*self.files_of.values())

    @cached_property
    def files_of(self) -> dict[int, frozenset[str]]:
        """Return the names of the pictures on each sheet."""
        return {
            sheet: frozenset(name for trial in trials for name in trial.files) for sheet, trials in self.sheets.items()
        }

    def picture(self, name: str) -> bytes:
        """Return the bytes of one of `files`."""
        return (self.folder / PUBLIC / name).read_bytes()

    def page_state(self, standing: Standing) -> dict[str, Any]:
        """Return, as JSON, what a participant's page learns: the present trial, and the next one's pictures.

        Pictures are loaded beforehand; of what comes later it learns nothing.
        """
        if standing.sheet is None:
            return {"stage": "new"}
        trials, answered = self.sheets[standing.sheet], standing.answered
        where = {"language": standing.language, "answered": answered, "total": len(trials)}
        if answered == len(trials):
            return {"stage": "done", **where}
        ahead = trials[answered + 1].files if answered + 1 < len(trials) else ()
        return {"stage": "trial", **where, "trial": vars(trials[answered]), "ahead": ahead}


def read_blind(study: Path) -> BlindStudy:
    """Return what participants may know of the study in the folder `study`.

    Raises:
        BrickbenchError: it is no study, it has no sheet, or a picture is missing or has a name that it should not have.
    """
    key, settings = read_key(study), read_settings(study)
    items = {item.item_id: item for item in key.items}
    sheets = {
        sheet.sheet: tuple(
            _blind_trial(trial, items[trial.item_id], key.part_names if settings.show_class_name else None)
            for trial in sheet.trials
        )
        for sheet in key.sheets
    }
    if not sheets or not all(sheets.values()):
        raise BrickbenchError(f"The study {study} has no trials. Build it again with `brickbench study build`.")
    blind = BlindStudy(study, key.study_id, settings, sheets)
    for name in sorted(blind.files):
        if Path(name).name != name or Path(name).suffix not in KINDS:
            raise BrickbenchError(
                f"The picture {name!r} should be a file of {PUBLIC}/ that ends in {', '.join(KINDS)}. "
                "Build the study again."
            )
        if not (study / PUBLIC / name).is_file():
            raise BrickbenchError(
                f"The picture {study / PUBLIC / name} is missing. Bring it back, or build the study again."
            )
    return blind


def _blind_trial(trial: Trial, item: Item, part_names: dict[str, str] | None) -> BlindTrial:
    name = None if part_names is None else part_names.get(item.part_id, item.part_id)
    left, right = (item.explanations[method] for method in (trial.left, trial.right))
    return BlindTrial(trial.trial_id, item.picture, left, right, name)
