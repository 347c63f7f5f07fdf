"""Which column of a foreign table means what, and which of its words mean which value."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.csv_table import TableError, TableRow, decode_table, read_table
from core.errors import BrickbenchError, SettingsError
from core.settings import near_matches

SYNONYMS: dict[str, tuple[str, ...]] = {
    "participant": ("person", "respondent", "subject", "user", "rater"),
    "item": ("question", "stimulus", "picture", "image"),
    "left": ("left method", "method left", "option left"),
    "right": ("right method", "method right", "option right"),
    "chosen": ("choice", "answer", "response", "winner", "preferred"),
    "familiarity": ("familiar", "expertise"),
    "position": ("order", "trial number"),
    "kind": ("trial kind", "type"),
    "expected": ("expected answer",),
    "image_id": (),
    "part_id": ("part",),
    "seconds": ("time", "response time", "rt"),
    "language": ("lang",),
}
"""Columns of a table with a row an answer, and other headings for them; case, spaces and underlines do not count."""
COUNT_SYNONYMS: dict[str, tuple[str, ...]] = {
    "participant": SYNONYMS["participant"],
    "trials": ("items", "answers", "questions", "total", "n"),
    "chosen_first": ("first", "chosen", "count", "wins"),
    "familiarity": SYNONYMS["familiarity"],
}
"""The same of a table with a row a participant."""
NEEDED = ("participant", "item", "left", "right", "chosen")
COUNTS_NEEDED = ("participant", "trials", "chosen_first")
WORDS: dict[str, dict[str, str]] = {
    "chosen": {"l": "left", "r": "right", "links": "left", "rechts": "right"},
    "expected": {"l": "left", "r": "right", "links": "left", "rechts": "right"},
    "familiarity": {
        "not familiar": "0",
        "a bit familiar": "1",
        "familiar": "2",
        "niet bekend": "0",
        "een beetje bekend": "1",
        "bekend": "2",
        "-1": "",
    },
    "seconds": {"nan": ""},
}
"""Words of cells that are understood without being told, in lower case, and what they mean."""


@dataclass(frozen=True)
class ForeignTable:
    """A table as text, its columns renamed to ours."""

    name: str
    """The file's name, for messages."""
    fields: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str] | str], ...]
    """Row as a spreadsheet counts (the heading is 1), and cells by field, or what is wrong with the whole row."""
    is_counts: bool


def read_foreign(path: Path, columns: Mapping[str, str], values: Mapping[tuple[str, str], str]) -> ForeignTable:
    """Return the CSV file `path` with its columns renamed and its words replaced.

    Args:
        path: in UTF-8, cells parted by comma, semicolon or tab, headings in the first row.
        columns: field to heading, where the heading is none that is known.
        values: (field, word in lower case) to what it means.

    Raises:
        BrickbenchError: it cannot be read, or a needed column is missing.
        SettingsError: `columns` names a field or heading that there is not.
    """
    heading, *lines = _read_rows(path)
    is_counts = not _has_sides(heading.cells, columns)
    column_of = _match(path.name, heading.cells, columns, is_counts=is_counts)
    rows: list[tuple[int, dict[str, str] | str]] = []
    for line in lines:
        if len(line.cells) != len(heading.cells):
            rows.append((line.number, f"has {len(line.cells)} cells where the heading has {len(heading.cells)}"))
            continue
        cells = {field: _meaning(field, line.cells[column], values) for field, column in column_of.items()}
        rows.append((line.number, cells))
    if not rows:
        raise BrickbenchError(f"{path.name} has a heading but no answers. Put one answer a row below it.")
    return ForeignTable(path.name, tuple(column_of), tuple(rows), is_counts)


def parse_columns(texts: Sequence[str]) -> dict[str, str]:
    """Return field to heading from texts like ``chosen=Your choice``."""
    known = sorted({*SYNONYMS, *COUNT_SYNONYMS})
    headings = {}
    for text in texts:
        field, equals, heading = text.partition("=")
        if not equals or field not in known:
            raise SettingsError(
                f"--column {text!r} should read FIELD=HEADING with a field of {', '.join(known)}"
                f"{near_matches(field, known)}."
            )
        headings[field] = heading.strip()
    return headings


def parse_values(texts: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return (field, word in lower case) to its meaning from texts like ``familiarity:expert=2``."""
    known = sorted({*SYNONYMS, *COUNT_SYNONYMS})
    meanings = {}
    for text in texts:
        cell, equals, meaning = text.rpartition("=")
        field, colon, word = cell.partition(":")
        if not equals or not colon or field not in known:
            raise SettingsError(
                f"--value {text!r} should read FIELD:WORD=MEANING, such as familiarity:expert=2, with a field of "
                f"{', '.join(known)}{near_matches(field, known)}."
            )
        meanings[field, word.strip().lower()] = meaning.strip()
    return meanings


def _read_rows(path: Path) -> list[TableRow]:
    try:
        rows = read_table(decode_table(path.read_bytes()))
    except OSError as error:
        raise BrickbenchError(f"Cannot read {path}: {error.strerror or error}.") from error
    except TableError as error:
        raise BrickbenchError(f"{path.name} {error}.") from error
    if not rows or rows[0].number != 1:
        raise BrickbenchError(f"{path.name} has no heading: its first row should name the columns.")
    return rows


def _has_sides(heading: Sequence[str], columns: Mapping[str, str]) -> bool:
    known = {_plain(name) for field in ("left", "right") for name in (field, *SYNONYMS[field])}
    return "left" in columns or "right" in columns or any(_plain(name) in known for name in heading)


def _match(name: str, heading: Sequence[str], columns: Mapping[str, str], *, is_counts: bool) -> dict[str, int]:
    """Return field to column in `heading`, from 0; a field's own name comes before its synonyms."""
    table, needed = (COUNT_SYNONYMS, COUNTS_NEEDED) if is_counts else (SYNONYMS, NEEDED)
    headings = ", ".join(heading)
    column_of: dict[str, int] = {}
    for field, title in columns.items():
        if title not in heading:
            raise SettingsError(f"--column {field}={title}: {name} has no such heading; it has {headings}.")
        if field in table:
            column_of[field] = list(heading).index(title)
    plain = [_plain(title) for title in heading]
    for field, others in table.items():
        for title in (field, *others):
            if field not in column_of and plain.count(_plain(title)) == 1:
                column = plain.index(_plain(title))
                if column not in column_of.values():
                    column_of[field] = column
    missing = [field for field in needed if field not in column_of]
    if missing:
        shape = "one row an answer needs " + ", ".join(NEEDED) + "; one row a participant needs "
        raise BrickbenchError(
            f"{name} has no column for {', '.join(missing)}; it has {headings}. A table with {shape}"
            f"{', '.join(COUNTS_NEEDED)}. Name a column with --column {missing[0]}=HEADING."
        )
    return column_of


def _meaning(field: str, cell: str, values: Mapping[tuple[str, str], str]) -> str:
    word = cell.lower()
    return values.get((field, word), WORDS.get(field, {}).get(word, cell))


def _plain(title: str) -> str:
    return re.sub(r"[\s_-]+", " ", title.strip().lower())
