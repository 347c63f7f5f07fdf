"""The list of parts that someone wants: which of them are in the photos, which are missing, which nobody knows.

Read from a text file, a CSV file as Rebrickable and others write them, or a wanted list of BrickLink (XML).
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from core.csv_table import TableError, decode_table, read_table
from core.errors import SettingsError
from training.label.label_photos import LabelledPhoto

PART_COLUMNS = (
    "part", "part_num", "part_id", "part number", "part_no", "itemid", "item_id", "blitemno", "bricklink_id",
    "design_id", "designid", "number",
)  # fmt: skip
COUNT_COLUMNS = ("quantity", "qty", "minqty", "count", "amount")
NEAR = 3
_LARGEST_BYTES = 20_000_000
_LINE = re.compile(r"(?P<part>[^\s,;]+)(?:[\s,;]+[x×]?\s*(?P<count>\d+)\s*[x×]?)?\s*(?:[,;#].*)?", re.IGNORECASE)
_WAY_OUT = "Give a text file with one part number a line, a CSV file with a column `part`, or a BrickLink wanted list."


@dataclass(frozen=True)
class WantedPart:
    """One part of the list, with the number wanted where the list says one."""

    part_id: str
    count: int | None = None


@dataclass(frozen=True)
class Answer:
    """What the photos say of one wanted part."""

    part_id: str
    name: str
    wanted: int | None
    status: str
    """``found``, ``missing``, or ``unknown`` to the network."""
    photos: int
    """Photos in which it was found."""
    probability: float | None
    """The highest one in any photo; None for an unknown part, and without a photo."""
    photo: str | None
    """Where it has that one."""
    near: tuple[str, ...] = ()
    """Parts that the network knows, with numbers like that of an unknown one."""

    def as_row(self) -> dict[str, object]:
        """Return the answer as a row of a table."""
        return {
            "part_id": self.part_id,
            "name": self.name or None,
            "wanted": self.wanted,
            "status": self.status,
            "photos": self.photos,
            "probability": self.probability,
            "best_photo": self.photo,
            "near": ", ".join(self.near) or None,
        }


def read_parts_list(path: Path) -> list[WantedPart]:
    """Return the parts in the file, each once, in their order; numbers wanted in several lines add up.

    Raises:
        SettingsError: it cannot be read, or has no part in it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"The parts list {path} cannot be read: {error.strerror or error}.") from error
    if len(data) > _LARGEST_BYTES:
        raise SettingsError(f"{path} is no parts list: it has {len(data) // 1_000_000} MB. {_WAY_OUT}")
    try:
        text = decode_table(data)
    except TableError as error:
        raise SettingsError(f"The parts list {path} {error}. {_WAY_OUT}") from error
    is_xml = text.lstrip().startswith("<")
    parts = _from_xml(path, text) if is_xml else _from_table(path, text) or _from_lines(path, text)
    counts: dict[str, int | None] = {}
    for part in parts:
        before = counts.get(part.part_id)
        counts[part.part_id] = part.count if before is None else before + (part.count or 0)
    if not counts:
        raise SettingsError(f"The parts list {path} has no part in it. {_WAY_OUT}")
    return [WantedPart(part_id, count) for part_id, count in counts.items()]


def answer_list(
    wanted: Sequence[WantedPart], photos: Sequence[LabelledPhoto], classes: Sequence[str], names: dict[str, str]
) -> list[Answer]:
    """Return for each wanted part whether it is in some photo; photos that could not be read count for nothing.

    `classes` are the part_ids that the network knows, `names` what parts are called.
    """
    known = {part_id.lower(): part_id for part_id in classes}
    seen: dict[str, list[tuple[float, str, bool]]] = {part_id: [] for part_id in classes}
    for photo in photos:
        for sight in photo.parts:
            seen[sight.part_id].append((sight.probability, str(photo.path), sight.is_found))
    answers = []
    for part in wanted:
        part_id = known.get(part.part_id.lower())
        if part_id is None:
            near = near_parts(part.part_id, classes)
            answers.append(Answer(part.part_id, "", part.count, "unknown", 0, None, None, near))
            continue
        best = max(seen[part_id], key=lambda one: one[0], default=None)  # the first photo of equals
        found = sum(is_found for *_, is_found in seen[part_id])
        probability, best_photo = (None, None) if best is None else best[:2]
        status = "found" if found else "missing"
        answers.append(Answer(part_id, names.get(part_id, ""), part.count, status, found, probability, best_photo))
    return answers


def near_parts(part_id: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Return up to `NEAR` known parts with a number like `part_id`: other moulds and prints of the same part first.

    ``3062`` and ``3062a`` are moulds of ``3062b``, ``3001pr0042`` is a printed ``3001``.
    """
    base = _base(part_id)
    same = [known for known in classes if base and _base(known) == base]
    alike = difflib.get_close_matches(part_id.lower(), classes, n=NEAR, cutoff=0.75)
    return tuple(dict.fromkeys([*same, *alike]))[:NEAR]


def _base(part_id: str) -> str:
    digits = re.match(r"\d+", part_id)
    return digits[0] if digits else ""


def _from_xml(path: Path, text: str) -> list[WantedPart]:
    try:
        items = list(ET.fromstring(text).iter("ITEM"))
    except ET.ParseError as error:
        raise SettingsError(f"The parts list {path} is damaged XML ({error}). {_WAY_OUT}") from error
    parts = []
    for item in items:
        part_id = (item.findtext("ITEMID") or "").strip()
        if part_id and (item.findtext("ITEMTYPE") or "P").strip().upper() == "P":
            parts.append(WantedPart(part_id, _count(item.findtext("MINQTY") or item.findtext("QTY"))))
    return parts


def _from_table(path: Path, text: str) -> list[WantedPart]:
    """Return the parts of a CSV file with a header that names a column of them; none if it is no such file."""
    try:
        rows = [row.cells for row in read_table(text)]
    except TableError as error:
        if not any(name in text.partition("\n")[0].lower() for name in PART_COLUMNS):
            return []  # lines of text, of which one begins with a quote
        raise SettingsError(f"The parts list {path} {error}. {_WAY_OUT}") from error
    if not rows:
        return []
    columns = [cell.lower() for cell in rows[0]]
    part_at = next((columns.index(name) for name in PART_COLUMNS if name in columns), None)
    if part_at is None:
        return []
    count_at = next((columns.index(name) for name in COUNT_COLUMNS if name in columns), len(columns))
    filled = [(*row, *[""] * (len(columns) + 1 - len(row))) for row in rows[1:]]
    return [WantedPart(row[part_at], _count(row[count_at])) for row in filled if row[part_at]]


def _from_lines(path: Path, text: str) -> list[WantedPart]:
    parts = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        match = _LINE.fullmatch(content)
        if match is None:
            raise SettingsError(
                f"Line {number} of {path} should read PART or PART COUNT, got {content[:60]!r}. {_WAY_OUT}"
            )
        parts.append(WantedPart(match["part"], _count(match["count"])))
    return parts


def _count(text: str | None) -> int | None:
    cleaned = (text or "").strip()
    return int(cleaned) if cleaned.isdecimal() else None
