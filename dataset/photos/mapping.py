"""Whose class is which part: a mapping file, the names as they are, and all unknown ones told at once."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from core.errors import SettingsError
from core.settings import near_matches
from dataset.manifest import PartInfo

NULLS = {"", "null", "~", "Null", "NULL"}
SHOWN = 40  # unknown classes in a message; more do not fit a screen
CATEGORY = "photo"  # of parts that only an import has named


def load_mapping(path: Path) -> dict[str, str | None]:
    """Return the mapping in a YAML file of ``class name: part_id`` lines; null leaves a class out.

    Everything is read as text, so that ``3001`` is a part number and ``no`` a class name.

    Raises:
        SettingsError: the file cannot be read, or holds something else.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"Cannot read the mapping file {path}: {str(error).splitlines()[0]}.") from error
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise SettingsError(f"The mapping file {path} should hold `class name: part_id` lines.")
    mapping: dict[str, str | None] = {}
    for name, part in values.items():
        if name.strip() in mapping:
            raise SettingsError(f"The mapping file {path} has the class {name.strip()!r} twice.")
        mapping[name.strip()] = None if part.strip() in NULLS else part.strip()
    return mapping


def map_classes(
    classes: Iterable[str],
    parts: Sequence[PartInfo],
    mapping: Mapping[str, str | None],
    *,
    keep_names: bool,
    take_targets: bool,
) -> tuple[dict[str, str | None], tuple[PartInfo, ...]]:
    """Return the part_id of each class (None: left out), and the parts that the dataset needs besides its own.

    A class is looked up in `mapping`, then among the parts: by part_id or name, whatever its case.

    Args:
        classes: class names of the photos.
        parts: those of the dataset, in order.
        mapping: class name to part_id or name of a part.
        keep_names: unknown names become parts of their own.
        take_targets: what `mapping` names becomes a part too, as in a dataset that has none yet.

    Raises:
        SettingsError: classes are unknown; lists all of them with the nearest known ones.
    """
    known = {key.casefold(): part.part_id for part in reversed(parts) for key in (part.name, part.part_id)}
    known |= {part.part_id.casefold(): part.part_id for part in reversed(parts)}
    part_of: dict[str, str | None] = {}
    added: dict[str, PartInfo] = {}
    unknown: list[str] = []
    for name in sorted(set(classes)):
        wanted = mapping.get(name, name)
        if wanted is None:
            part_of[name] = None
        elif wanted.casefold() in known:
            part_of[name] = known[wanted.casefold()]
        elif keep_names or (take_targets and name in mapping):
            part_of[name] = wanted
            added.setdefault(wanted, PartInfo(part_id=wanted, name=wanted, category=CATEGORY))
        else:
            near = near_matches(wanted, [text for part in parts for text in (part.part_id, part.name)])
            unknown.append((repr(name) if wanted == name else f"{name!r} (mapped to {wanted!r})") + near)
    if unknown:
        raise SettingsError(_unknown_message(unknown, bool(parts)))
    return part_of, tuple(added.values())


def _unknown_message(unknown: Sequence[str], has_parts: bool) -> str:
    listed = ", ".join(unknown[:SHOWN]) + (f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else "")
    count = "1 class is" if len(unknown) == 1 else f"{len(unknown)} classes are"
    where = "no part of the dataset" if has_parts else "no part of the dataset, which has none yet"
    return (
        f"{count} {where}: {listed}. Say what they are in a YAML file of `class name: part_id` lines (null leaves a "
        "class out) and give it with --mapping, or add --keep-names to make each of them a part of its own."
    )
