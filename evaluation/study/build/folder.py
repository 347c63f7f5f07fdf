"""A study's folder from a run's maps: whole, or not there."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from core.files import atomic_folder, sha256_hex
from evaluation.study.build.checks import choose_checks
from evaluation.study.build.drawing import draw_items
from evaluation.study.build.existing import RECORD, BuildRecord, Origin, is_there
from evaluation.study.build.preregistration import PREREGISTRATION, preregistration, simulated_power
from evaluation.study.build.public_files import folder_digest, write_pictures
from evaluation.study.build.selection import choose_items, find_candidates, has_empty_map, listed_items
from evaluation.study.build.sheets import make_sheets
from evaluation.study.key import KEY, PUBLIC, Key, read_key, write_key
from evaluation.study.settings import SETTINGS_FILE, StudySettings
from training.run.run import Run

TRIAL_DIGITS = 16


@dataclass(frozen=True)
class Built:
    """A study that is whole."""

    study: Path
    study_id: str
    items: int
    sheets: int
    trials: int
    """Number that one participant sees."""
    pictures: int
    picture_bytes: int
    """Size of each."""
    key_sha256: str
    is_new: bool
    """False where it was there already."""


def build_study(
    run: Run,
    study: Path,
    settings: StudySettings,
    *,
    listed: Path | None = None,
    checkpoint: str | None = None,
    power_simulations: int = 0,
    workers: int = 1,
    force: bool = False,
) -> Built:
    """Make a study's folder, or return the one that is there if it is this very study.

    Args:
        run: whose maps are shown, with the dataset that its pictures are in.
        study: the folder to make.
        settings: `items` is the number of the listed ones where there is a list.
        listed: CSV of image_id and part_id: the items, instead of a choice.
        checkpoint: whose maps; None takes the best one's, or the last that has some.
        power_simulations: studies that `workers` simulate for each power in the preregistration; 0 leaves it out.
        workers: processes.
        force: replace another study, but never one that has answers or links.

    Raises:
        SettingsError: an unknown method, checkpoint or setting.
        BrickbenchError: maps are lacking, the list does not fit, or the folder holds something else.
    """
    candidates = find_candidates(run, settings, checkpoint)
    if listed is None:
        choice = choose_items(candidates, settings, lambda one: not settings.empty_maps and has_empty_map(run, one))
    else:
        choice = listed_items(candidates, listed)
    settings = StudySettings.parse({**settings.model_dump(), "items": len(choice.items)})
    origin = Origin(
        run_id=run.info.run_id,
        checkpoint=candidates.checkpoint,
        listed=None if listed is None else sha256_hex(listed.read_bytes()),
        power_simulations=power_simulations,
    )
    if is_there(study, origin, settings, force=force):
        return _built(study, is_new=False)
    aside = study.with_name(f".{study.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    with atomic_folder(study) as folder:
        pictures = run.dataset.pictures(settings.split, with_masks=True)
        checks = choose_checks(pictures, [one.image_id for one in choice.items], settings)
        drawn = draw_items(run, settings, choice.items, checks, pictures)
        sheets = make_sheets(
            settings,
            [item.item_id for item in drawn.items],
            [item.item_id for item in drawn.checks],
            lambda sheet, place: drawn.namer.name("trial", sheet, place, digits=TRIAL_DIGITS),
        )
        key = Key(
            study_id=drawn.namer.name("study", digits=12),
            methods=settings.methods,
            part_names={part.part_id: part.name for part in run.dataset.parts},
            items=(*drawn.items, *drawn.checks),
            sheets=sheets,
        )
        write_pictures(folder / PUBLIC, drawn.files)
        settings.save(folder / SETTINGS_FILE)
        write_key(folder, key)
        digest = sha256_hex((folder / KEY).read_bytes())
        record = BuildRecord(origin=origin, key=digest, public=folder_digest(folder / PUBLIC))
        (folder / RECORD).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
        text = preregistration(
            settings,
            key,
            digest,
            origin=origin,
            model=run.info.model,
            passed_over=choice.passed_over,
            power=simulated_power(settings, power_simulations, workers),
        )
        (folder / PREREGISTRATION).write_text(text, encoding="utf-8")
        if study.exists():
            study.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
    return _built(study, is_new=True)


def _built(study: Path, *, is_new: bool) -> Built:
    key = read_key(study)
    pictures = sorted((study / PUBLIC).iterdir())
    return Built(
        study=study,
        study_id=key.study_id,
        items=sum(item.explanations.keys() >= set(key.methods) for item in key.items),
        sheets=len(key.sheets),
        trials=len(key.sheets[0].trials),
        pictures=len(pictures),
        picture_bytes=pictures[0].stat().st_size,
        key_sha256=sha256_hex((study / KEY).read_bytes()),
        is_new=is_new,
    )
