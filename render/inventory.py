"""What lies in a box: pairs of part and colour with their numbers, from a list or a table as Rebrickable writes it."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from blender_assets.catalogue import Catalogue
from blender_assets.colors import color_by_name
from core.csv_table import TableError, decode_table, read_table
from core.errors import SettingsError

REBRICKABLE_CODES = {
    "41": 43, "43": 39, "45": 37, "57": 38, "143": 41, "158": 326, "182": 57, "230": 45, "326": 330, "1004": 231,
    "1050": 353, "1062": 368, "1088": 370,
}  # fmt: skip
"""Rebrickable's colour numbers that LDraw's code is another of; as in its table of colours of 2025."""

_REBRICKABLE_NAMES = {"trans-very lt blue": 39, "trans-flame yellowish orange": 231, "vibrant yellow": 368}
_COLUMNS = {
    "part": ("part_num", "part_id", "part"),
    "color": ("color_name", "colour_name", "color", "colour", "color_id", "colour_id"),
    "quantity": ("quantity", "qty"),
}
"""What the columns are called, in any case; where there are several of a kind, the first in the list is taken."""


class Entry(NamedTuple):
    """So many pieces of a part in a colour."""

    part_id: str
    color: str
    """Its LDraw name."""
    quantity: int = 1


def read_inventory(path: Path) -> tuple[Entry, ...]:
    """Return the entries of a table (CSV), pieces of the same part and colour counted together.

    It needs a column ``part_num`` (or part_id, part) and one of colours: ``color_name``, ``color``, or Rebrickable's
    ``color_id``. Names are LDraw's or Rebrickable's; numbers are Rebrickable's, of which thirteen differ from LDraw's
    codes. Without a column ``quantity`` each row is one piece.

    Raises:
        SettingsError: it cannot be read, lacks a column, or a line holds an unknown colour or no number of pieces.
    """
    try:
        rows = read_table(decode_table(path.read_bytes()))
    except OSError as error:
        raise SettingsError(f"Cannot read the inventory {path}: {error.strerror or error}.") from error
    except TableError as error:
        raise SettingsError(f"The inventory {path} {error}.") from error
    if not rows:
        raise SettingsError(f"The inventory {path} is empty.")
    places = _places(path, [cell.lower() for cell in rows[0].cells])
    counts: dict[tuple[str, str], int] = {}
    for row in rows[1:]:
        cell = {name: row.cells[at] if at < len(row.cells) else "" for name, at in places.items()}
        where = f"In line {row.line} of {path}"
        number = cell.get("quantity", "1")
        if not cell["part"] or not number.isdecimal():
            raise SettingsError(f"{where}: expected a part and a number of pieces, got {cell['part']!r}, {number!r}.")
        try:
            pair = cell["part"], _color_name(cell["color"])
        except SettingsError as error:
            raise SettingsError(f"{where}: {error}") from error
        counts[pair] = counts.get(pair, 0) + int(number)
    return tuple(Entry(*pair, quantity) for pair, quantity in counts.items())


def _places(path: Path, header: list[str]) -> dict[str, int]:
    places = {}
    for column, names in _COLUMNS.items():
        found = next((name for name in names if name in header), None)
        if found is not None:
            places[column] = header.index(found)
        elif column != "quantity":
            raise SettingsError(
                f"The inventory {path} has no column {names[0]} (or {', '.join(names[1:])}) in its first line; "
                f"that holds {', '.join(header)}."
            )
    return places


def _color_name(text: str) -> str:
    """Return LDraw's name of a colour that Rebrickable calls `text`, by name or number."""
    code = REBRICKABLE_CODES.get(text, _REBRICKABLE_NAMES.get(text.lower()))
    return color_by_name(text if code is None else str(code)).name


def known_entries(held: Any, catalogue: Catalogue, wanted: Collection[str] | None) -> list[Entry]:
    """Return the entries of `wanted` parts (None: of all), under the numbers that `wanted` or the catalogue has.

    `held` is the file of a table, or a list of lists: part, colour, number of pieces.

    Raises:
        SettingsError: it cannot be read, or a part is not in the catalogue and `wanted` does not say which to take.
    """
    try:
        found = read_inventory(Path(held)) if isinstance(held, str) else [Entry(*entry) for entry in held]
        entries = [entry._replace(color=color_by_name(str(entry.color)).name) for entry in found]
    except TypeError as error:
        raise SettingsError("an inventory is a file or a list of lists: part, colour, number of pieces") from error
    unknown = sorted({entry.part_id for entry in entries if entry.part_id not in catalogue})
    if unknown and wanted is None:
        raise SettingsError(
            f"The inventory has {len(unknown)} unknown parts, such as {', '.join(unknown[:5])}: name an LDraw library "
            "that has them (ldraw), or in parts those to take, and all others are passed over."
        )
    names = {catalogue[name].part_id: name for name in wanted or () if name in catalogue}
    kept = []
    for entry in entries:
        if entry.part_id in catalogue:
            number = catalogue[entry.part_id].part_id
            if wanted is None or number in names:
                kept.append(entry._replace(part_id=names.get(number, number)))
    return kept


def quantities(entries: tuple[Entry, ...]) -> dict[str, dict[str, float]]:
    """Return the number of pieces by part and colour."""
    held: dict[str, dict[str, float]] = {}
    for part_id, color, quantity in entries:
        colors = held.setdefault(part_id, {})
        colors[color] = colors.get(color, 0) + quantity
    return held


def pieces(held: Mapping[str, Mapping[str, float]], part_id: str) -> float:
    """Return the number of pieces of a part in all its colours."""
    return sum(held.get(part_id, {}).values())
