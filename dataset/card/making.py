"""How a dataset can be made again, and what it cannot say: the sentences of a card that follow from its figures."""

import shlex
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from core.errors import BrickbenchError
from dataset.card.facts import Facts
from dataset.dataset_folder import DatasetFolder
from dataset.manifest import Manifest
from dataset.splits import SPLITS, SPLITS_FILE

RENDER_SETTINGS = "render.yaml"
FEW_IMAGES = 20  # below this a figure for one part has an interval wider than a fifth


@dataclass(frozen=True)
class Making:
    """How to make a dataset again."""

    commands: tuple[str, ...]
    notes: tuple[str, ...]
    settings: str | None
    """The render's settings as YAML, None for a dataset without renders."""


def how_made(dataset: DatasetFolder, facts: Facts) -> Making:
    """Return the commands and settings that give a dataset again, under its name.

    Raises:
        BrickbenchError: its ``settings.yaml`` cannot be read.
    """
    manifest, folder = dataset.manifest, shlex.quote(dataset.name)
    commands: list[str] = []
    notes: list[str] = []
    settings = _render_settings(dataset.root) if facts.totals["synthetic"] else None
    piles, count = facts.totals["piles"], facts.totals["last_pile"] + 1
    if settings is not None:
        commands.append(f"brickbench render run {RENDER_SETTINGS} -o {folder} --count {count} --seed {manifest.seed}")
        notes.append(
            "A pile is a pure function of settings, seed and number: labels come back byte for byte, and on one type "
            "of machine pixels too."
        )
        rules = {"label_rule": manifest.label_rule, "split_rule": manifest.split_rule}
        if changed := [name for name, rule in rules.items() if settings.get(name, {}) != rule.model_dump()]:
            notes.append(f"In dataset.yaml {' and '.join(changed)} changed after the render: change it again.")
        if piles < count:
            notes.append(f"Of these {count:,} piles the dataset holds {piles:,}.")
    elif facts.totals["synthetic"]:
        notes.append("The settings of the render are not in the dataset, so its renders cannot be made again.")
    if facts.totals["photos"]:
        commands.append(f"brickbench dataset import PHOTOS -o {folder}")
        notes.append(
            "Photos are not made again: PHOTOS stands for the folder that they were imported from, with the options of "
            "that import."
        )
    if (dataset.root / SPLITS_FILE).is_file():
        notes.append(f"Splits were written into {SPLITS_FILE} by `brickbench dataset split`: take that file over.")
    commands.append(f"brickbench dataset check {folder}")
    text = None if settings is None else yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    return Making(tuple(commands), tuple(notes), text)


def known_limits(facts: Facts, manifest: Manifest) -> list[str]:
    """Return what the dataset cannot say, in sentences."""
    totals, rule = facts.totals, manifest.label_rule
    limits = []
    if totals["synthetic"]:
        limits.append(
            f"A brick is a label where {rule.min_visible_fraction:.0%} of its silhouette and {rule.min_visible_px} "
            "pixels are seen. A part without a label may still be there, hidden."
        )
        limits.append(
            "Rendered pictures are not photographs: plastic, light and camera are models of the real ones"
            + (", and no photo is here to measure the difference by." if not totals["photos"] else ".")
        )
    if totals["photos"]:
        limits.append("Of photos only what was annotated is known: no hidden part, no pose, no light, no floor.")
    if totals["photos_elsewhere"]:
        limits.append(
            f"{totals['photos_elsewhere']:,} photos are used where they lie and are not in the folder of the dataset."
        )
    if totals["twins"]:
        limits.append(
            f"{totals['twins']:,} pictures are twins, others without one part: they are no further piles, and count "
            "double."
        )
    if totals["unlabelled"]:
        limits.append(f"{totals['unlabelled']:,} pictures have no label.")
    missing = [split for split in SPLITS if not any(row["split"] == split for row in facts.groups)]
    if missing:
        limits.append(f"No picture is in the split {' or '.join(missing)}.")
    rare = [part for part in facts.parts if part.images["test"] < FEW_IMAGES]
    if rare and "test" not in missing:
        names = ", ".join(part.name for part in rare[:5]) + (" and others" if len(rare) > 5 else "")
        limits.append(
            f"{len(rare)} of {len(facts.parts)} parts are labels of fewer than {FEW_IMAGES} test pictures ({names}), "
            "too few to tell how well each is recognised."
        )
    return limits


def software() -> str:
    """Return the name and version of this software."""
    try:
        return f"Brickbench {metadata.version('brickbench')}"
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "Brickbench"


def _render_settings(root: Path) -> dict[str, Any] | None:
    path = root / "settings.yaml"
    if not path.is_file():
        return None
    try:
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BrickbenchError(
            f"{path} cannot be read: {str(error).splitlines()[0]}. Mend it, or move it away to do without."
        ) from error
    render = values.get("render") if isinstance(values, dict) else None
    return render if isinstance(render, dict) else None
