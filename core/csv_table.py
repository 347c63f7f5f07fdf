"""Tables of spreadsheets: read whatever their encoding and separator, and written so that no cell is a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.files import decode_text

SEPARATORS = ",;\t"
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(?P<separator>.)\"?[ \t]*(?:\r\n|\r|\n|$)", re.IGNORECASE)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class TableError(ValueError):
    """A table that cannot be read; its text is a clause, which names the line and column and goes behind the file."""


@dataclass(frozen=True)
class TableRow:
    """One row with something in it: the line of the file on which it ends, and its number in a spreadsheet, from 1."""

    line: int
    number: int
    cells: tuple[str, ...]


def decode_table(data: bytes) -> str:
    """Return the text of a table, as `decode_text` does; raises TableError if it is neither UTF-8 nor UTF-16."""
    try:
        return decode_text(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TableError(
            f"is not UTF-8 text (line {line}, byte {error.start}); save it as “CSV UTF-8” in the spreadsheet program"
        ) from error


def read_table(text: str) -> list[TableRow]:
    """Return the rows of a table with their cells stripped of white space; rows without any text are left out.

    Cells are parted by what Excel's first line ``sep=;`` names, else by the one of comma, semicolon and tab that the
    first row has most of.

    Raises:
        TableError: a quote is not closed, or a row is damaged otherwise.
    """
    skipped = 0
    named = _SEPARATOR_LINE.match(text)
    if named:
        separator = named["separator"]
        text, skipped = text[named.end() :], 1
    else:
        first = re.sub(r'"[^"]*"', "", text.lstrip().partition("\n")[0])
        separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    rows = []
    try:
        for number, row in enumerate(reader, start=1):
            cells = tuple(cell.strip() for cell in row)
            if any(cells):
                rows.append(TableRow(reader.line_num + skipped, number, cells))
    except csv.Error as error:
        opened = _open_quote(text, separator)
        if opened is not None:
            line, column = opened
            raise TableError(f"has a quote in line {line + skipped}, column {column} that is not closed") from error
        raise TableError(f"has a damaged line {reader.line_num + skipped}: {error}") from error
    return rows


def harmless(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe in front."""
    is_formula = isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def table_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV with commas, for spreadsheets: see `harmless`."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _open_quote(text: str, separator: str) -> tuple[int, int] | None:
    """Return the line and column of the first quote that nothing closes before a separator, None if there is none."""
    end = rf"{re.escape(separator)}\r\n"
    cell = rf' *"(?:[^"]|"")*"(?=[{end}]|$)|(?! *")[^{end}]*'
    whole = re.match(rf"(?:(?:{cell})[{end}])*(?:{cell})?", text)
    opened = text.find('"', whole.end() if whole else 0)
    if opened < 0:
        return None
    return text.count("\n", 0, opened) + 1, opened - text.rfind("\n", 0, opened)
