"""A CSV of file and part numbers: with or without a header, with boxes or without, or a column of 0 and 1 a class."""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from core.errors import BrickbenchError
from dataset.photos.annotations import AnnotatedPhoto, Annotations, PhotoError, PhotoObject, Reason
from dataset.photos.folder import SPLIT_NAMES, PhotoFolder

FILE_COLUMNS = ("file", "filename", "file_name", "image", "image_id", "path", "photo", "picture", "img")
CLASS_COLUMNS = (
    "part", "parts", "part_id", "part_ids", "part_number", "part_numbers", "part_num", "class", "classes",
    "class_name", "label", "labels", "tag", "tags", "category",
)  # fmt: skip
SPLIT_COLUMNS = ("split", "subset", "set")
BOX_COLUMNS = ("xmin", "ymin", "xmax", "ymax")
PLACES = ("", "images", "photos")


def fits(folder: PhotoFolder) -> bool:
    """Return whether there is a table."""
    return bool(folder.ending(".csv", ".tsv"))


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos that the tables name; rows of one photo are gathered.

    Raises:
        BrickbenchError: a table cannot be read, or no column of it holds files.
    """
    found = Annotations()
    rows_of: dict[tuple[str, str], list[AnnotatedPhoto]] = defaultdict(list)
    for table in folder.ending(".csv", ".tsv"):
        base = table.rpartition("/")[0]
        try:
            lines = _read_table(folder.read_text(table))
        except (PhotoError, csv.Error) as error:
            raise BrickbenchError(f"{folder.root / table} {error}.") from error
        for name, row in lines:
            try:
                file = folder.find(name, table, [f"{base}/{place}".strip("/") for place in PLACES])
                rows_of[table, file].append(replace(row, file=file, annotation=table))
            except PhotoError as error:
                found.set_aside.append(Reason(name, str(error)))
    for rows in rows_of.values():
        names = tuple(dict.fromkeys(name for row in rows for name in row.class_names))
        things = tuple(thing for row in rows for thing in row.objects)
        for split in dict.fromkeys(row.split for row in rows):  # in two splits: a leak, which is found later
            found.photos.append(replace(rows[0], class_names=names, objects=things, split=split))
    found.left_out = folder.unnamed(found.photos, found.set_aside)
    return found


def _read_table(text: str) -> list[tuple[str, AnnotatedPhoto]]:
    first = text.lstrip().partition("\n")[0]
    delimiter = re.search(r"[\t,;]", re.sub(r'"[^"]*"', "", first))
    if delimiter is None:
        raise PhotoError("is no table of files and part numbers: its first line has one column")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter[0], strict=True, skipinitialspace=True)
    rows = [[cell.strip() for cell in line] for line in lines if any(cell.strip() for cell in line)]
    header = [cell.lower().replace(" ", "_") for cell in rows[0]]
    if not set(header) & set(FILE_COLUMNS):
        return [(row[0], AnnotatedPhoto("", class_names=_names(row[1:]))) for row in rows]
    file_column = next(header.index(name) for name in FILE_COLUMNS if name in header)
    if not set(header) & set(CLASS_COLUMNS):
        return [_row_of_flags(rows[0], row, file_column) for row in rows[1:]]
    return [_row_of_names(header, row, file_column) for row in rows[1:]]


def _row_of_names(header: Sequence[str], row: Sequence[str], file_column: int) -> tuple[str, AnnotatedPhoto]:
    cells = dict(zip(header, row, strict=False))
    split = next((cells[name].lower() for name in SPLIT_COLUMNS if cells.get(name)), "")
    if split and split not in SPLIT_NAMES:
        raise PhotoError(f"names the split {split!r}; known are train, val and test")
    names = _names([cells[name] for name in cells if name in CLASS_COLUMNS])
    photo = AnnotatedPhoto("", class_names=names, split=SPLIT_NAMES.get(split))
    if all(cells.get(name) for name in BOX_COLUMNS):
        try:
            left, top, right, bottom = (float(cells[name]) for name in BOX_COLUMNS)
            frame = (float(cells["width"]), float(cells["height"])) if cells.get("width") else None
        except (ValueError, KeyError) as error:
            raise PhotoError(f"has a box that is no four numbers, for {row[file_column]!r}") from error
        things = tuple(PhotoObject(name, (left, top, right, bottom)) for name in names)
        photo = replace(photo, class_names=(), objects=things, frame=frame)
    return row[file_column], photo


def _row_of_flags(header: Sequence[str], row: Sequence[str], file_column: int) -> tuple[str, AnnotatedPhoto]:
    cells = [
        (name, cell) for number, (name, cell) in enumerate(zip(header, row, strict=False)) if number != file_column
    ]
    if any(cell not in {"0", "1", "0.0", "1.0", ""} for _, cell in cells):
        raise PhotoError(f"has no column of part numbers; call it one of {', '.join(CLASS_COLUMNS[:6])}")
    return row[file_column], AnnotatedPhoto("", class_names=tuple(name for name, cell in cells if cell[:1] == "1"))


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    """Return the class names in some cells, each of which may hold several."""
    names = (name.strip() for cell in cells for name in re.split(r"[;,|]", cell))
    return tuple(dict.fromkeys(name for name in names if name))
