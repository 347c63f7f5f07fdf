"""Whose class is which part: a mapping file, the names as they are, and all unknown ones told at once."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path

from core.errors import SettingsError
from core.settings import near_matches
from dataset.manifest import PartInfo
from dataset.photos.annotation_text import NULLS, load_yaml_text
from dataset.photos.annotations import PhotoError

Catalogue = Callable[[str], PartInfo | None]
"""What a number, a former number or a name means: the part as it is numbered today, None if there is none."""

ALIKE = 0.85  # share of letters that words of five letters and more have in common if one letter is missing
SHORT = 5  # letters; of shorter words another letter makes another word
FILLERS = {"lego", "part", "piece", "class"}  # words that tell no part from another
SHOWN = 40  # unknown classes in a message; more do not fit a screen
CATEGORY = "photo"  # of parts that only an import has named


def load_mapping(path: Path) -> dict[str, str | None]:
    """Return the mapping in a YAML file of ``class name: part_id`` lines; null leaves a class out.

    Everything is read as text, so that ``3001`` is a part number and ``no`` a class name.

    Raises:
        SettingsError: the file cannot be read, or holds something else.
    """
    try:
        values = load_yaml_text(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Cannot read the mapping file {path}: {str(error).splitlines()[0]}.") from error
    except PhotoError as error:
        raise SettingsError(f"Cannot read the mapping file {path}: {error}.") from error
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
    catalogue: Catalogue | None = None,
) -> tuple[dict[str, str | None], tuple[PartInfo, ...]]:
    """Return the part_id of each class (None: left out), and the parts that the dataset needs besides its own.

    A class is looked up in `mapping`, then among the parts: by part_id or name, whatever its case, then by what
    `catalogue` says that it is today. Control characters in it do not count.

    Args:
        classes: class names of the photos.
        parts: those of the dataset, in order.
        mapping: class name to part_id or name of a part.
        keep_names: unknown names become parts of their own.
        take_targets: what `mapping` names becomes a part too, as in a dataset that has none yet.
        catalogue: knows parts that the dataset may not have.

    Raises:
        SettingsError: classes are unknown (lists all of them with the nearest known ones), or two that would become
            parts look like one.
    """
    known = {clean_name(part.name).casefold(): part.part_id for part in reversed(parts)}
    known |= {clean_name(part.part_id).casefold(): part.part_id for part in reversed(parts)}
    today = {now.part_id: part.part_id for part in reversed(parts) if (now := _look_up(catalogue, part.part_id))}
    part_of: dict[str, str | None] = {}
    added: dict[str, PartInfo] = {}
    unknown: list[str] = []
    for name in sorted(set(classes)):
        target = mapping.get(name, mapping.get(clean_name(name), name))
        if target is None:
            part_of[name] = None
            continue
        target = clean_name(target)
        part = _look_up(catalogue, target)
        if target.casefold() in known:
            part_of[name] = known[target.casefold()]
        elif part is not None and part.part_id in today:
            part_of[name] = today[part.part_id]
        elif target and (keep_names or (take_targets and name in mapping)):
            part = part or PartInfo(part_id=target, name=target, category=CATEGORY)
            part_of[name] = part.part_id
            added.setdefault(part.part_id, part)
        else:
            near = near_matches(target, [text for part in parts for text in (part.part_id, part.name)])
            unknown.append((repr(name) if target == name else f"{name!r} (mapped to {target!r})") + near)
    if unknown:
        raise SettingsError(_unknown_message(unknown, bool(parts)))
    _ask_about_likes(part_of, parts, added, mapping)
    return part_of, tuple(added.values())


def clean_name(name: str) -> str:
    """Return a name without control and format characters, in composed form: what a reader sees of it."""
    text = unicodedata.normalize("NFC", name)
    kept = (
        "" if unicodedata.category(letter) in {"Cc", "Cf"} and letter not in "\t\n\r" else letter for letter in text
    )
    return " ".join("".join(kept).split())


def are_alike(one: str, other: str) -> bool:
    """Return whether two class names may be two spellings of one: `brick` and `LegoBrick`, `wheel` and `Wheels`.

    Names with digits are alike only where case, spaces and marks make the difference: 3001a and 3001b are two moulds.
    """
    first, second = _words(one), _words(other)
    if "".join(first) == "".join(second):
        return bool(first) or one.casefold() == other.casefold()
    if len(first) != len(second) or any(word.isdecimal() for word in (*first, *second)):
        return False
    return all(_are_alike_words(*pair) for pair in zip(first, second, strict=True))


def _are_alike_words(one: str, other: str) -> bool:
    """Return whether two words are equal, or long ones of which one may be mistyped."""
    if one == other or min(len(one), len(other)) < SHORT:
        return one == other
    return difflib.SequenceMatcher(None, one, other).ratio() >= ALIKE


@cache
def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case and singular, without those that say nothing."""
    words = [word.lower() for word in re.findall(r"\d+|[A-Z]+(?![a-z])|[^\W\d_][^\W\d_A-Z]*", name)]
    words = [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words]
    return tuple(word for word in words if word not in FILLERS) or tuple(words)


def _look_up(catalogue: Catalogue | None, text: str) -> PartInfo | None:
    return catalogue(text) if catalogue is not None else None


def _ask_about_likes(
    part_of: Mapping[str, str | None],
    parts: Sequence[PartInfo],
    added: Mapping[str, PartInfo],
    mapping: Mapping[str, str | None],
) -> None:
    """Raise SettingsError if a class becomes a part that looks like another one, and the mapping names neither."""
    new = [name for name, part in part_of.items() if part and part in added and added[part].category == CATEGORY]
    fresh = [name for name in new if name not in mapping]
    others = [part.part_id for part in parts if part.category == CATEGORY]
    pairs = [*combinations(fresh, 2), *((name, other) for name in fresh for other in others)]
    alike = [
        (one, other) for one, other in pairs if are_alike(one, other) and part_of[one] != part_of.get(other, other)
    ]
    if alike:
        listed = "; ".join(f"{one!r} and {other!r}" for one, other in alike[:SHOWN])
        one, other = alike[0]
        raise SettingsError(
            f"These classes would become parts of their own, but look like one: {listed}. Say in a YAML file for "
            f"--mapping what they are: `{one}: {other}` makes them one part, `{one}: {one}` keeps two."
        )


def _unknown_message(unknown: Sequence[str], has_parts: bool) -> str:
    listed = ", ".join(unknown[:SHOWN]) + (f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else "")
    count = "1 class is" if len(unknown) == 1 else f"{len(unknown)} classes are"
    where = "no part of the dataset" if has_parts else "no part of the dataset, which has none yet"
    return (
        f"{count} {where}: {listed}. Say what they are in a YAML file of `class name: part_id` lines (null leaves a "
        "class out) and give it with --mapping, or add --keep-names to make each of them a part of its own."
    )
