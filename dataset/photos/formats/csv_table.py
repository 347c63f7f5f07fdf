"""A CSV of file and part numbers: with or without a header, with boxes or without, or a column of 0 and 1 a class."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.csv_table import TableError, TableRow, decode_table, read_table
from core.errors import BrickbenchError
from dataset.photos.annotations import AnnotatedPhoto, Annotations, Box, PhotoError, PhotoObject, Reason, merged
from dataset.photos.coordinates import box_of, frame_of
from dataset.photos.folder import PICTURE_SUFFIXES, SPLIT_NAMES, PhotoFolder

# Headings are compared in lower case and by their letters and digits alone: `Image ID` is `imageid`.
FILE_COLUMNS = ("file", "filename", "filenames", "image", "imageid", "imagename", "imagefile", "imagepath", "path",
                "filepath", "photo", "picture", "img")  # fmt: skip
CLASS_COLUMNS = (
    "part", "parts", "partid", "partids", "partnumber", "partnumbers", "partnum", "class", "classes",
    "classname", "label", "labels", "labelname", "tag", "tags", "category",
)  # fmt: skip
SPLIT_COLUMNS = ("split", "subset", "set")
CORNERS = (
    ("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("xtl", "ytl", "xbr", "ybr"),
    ("left", "top", "right", "bottom"), ("x0", "y0", "x1", "y1"),
)  # fmt: skip
SIZES = tuple(
    (*corner, *size)
    for corner in (("x", "y"), ("left", "top"), ("xmin", "ymin"), ("bboxx", "bboxy"), ("boxx", "boxy"))
    for size in (("w", "h"), ("width", "height"), ("bboxwidth", "bboxheight"), ("bboxw", "bboxh"), ("boxw", "boxh"))
)
CENTRES = tuple(
    (*centre, *size)
    for centre in (("xcenter", "ycenter"), ("xcentre", "ycentre"), ("centerx", "centery"), ("cx", "cy"))
    for size in (("w", "h"), ("width", "height"))
)
_BOX_WORDS = {name for layout in (*CORNERS, *SIZES, *CENTRES) for name in layout} - {"width", "height"}
_BOX_WORDS |= {"bbox", "box", "boundingbox", "region", "regionshapeattributes"}
PLACES = ("", "images", "photos")
_FLAGS = {"0", "1", "0.0", "1.0", ""}


@dataclass(frozen=True)
class _Row:
    """What one row says of one picture: `problem` is a clause where it cannot be used."""

    line: int
    name: str
    class_names: tuple[str, ...] = ()
    split: str | None = None
    box: Box | None = None
    frame: tuple[float, float] | None = None
    problem: str | None = None


def fits(folder: PhotoFolder) -> bool:
    """Return whether there is a table."""
    return bool(folder.ending(".csv", ".tsv"))


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos that the tables name; rows of one photo are gathered.

    Boxes of which no number in the table is above 1 are shares of the picture.

    Raises:
        BrickbenchError: a table cannot be read, or no column of it holds files.
    """
    found = Annotations()
    for table in folder.ending(".csv", ".tsv"):
        try:
            rows = _read_table(read_table(decode_table(folder.read_bytes(table))), folder)
        except (PhotoError, TableError) as error:
            raise BrickbenchError(f"{folder.root / table} {error}.") from error
        _add_photos(folder, table, rows, found)
    found.left_out = folder.unnamed(found.photos, found.set_aside)
    return found


def _add_photos(folder: PhotoFolder, table: str, rows: Sequence[_Row], found: Annotations) -> None:
    boxes = [row.box for row in rows if row.box is not None]
    are_shares = bool(boxes) and all(-1.0 <= value <= 1.0 for box in boxes for value in box)
    base = table.rpartition("/")[0]
    near = [f"{base}/{place}".strip("/") for place in PLACES]
    problems: dict[str, str] = {}
    counts: Counter[str] = Counter()
    photos: list[AnnotatedPhoto] = []
    for row in rows:
        key = row.name
        try:
            key = folder.find(row.name, table, near)
            if row.problem:
                raise PhotoError(f"line {row.line} of {table} {row.problem}")
            things = tuple(PhotoObject(name, row.box) for name in row.class_names if row.box is not None)
            names = () if row.box is not None else row.class_names
            frame = (1.0, 1.0) if are_shares and row.box is not None else row.frame
            photos.append(AnnotatedPhoto(key, table, row.split, names, things, frame))
        except PhotoError as error:
            problems.setdefault(key, str(error))
        counts[key] += len(row.class_names)
    found.set_aside += [Reason(name, problem, counts[name]) for name, problem in problems.items()]
    joined, conflicts = merged(photo for photo in photos if photo.file not in problems)
    found.photos += joined
    found.set_aside += conflicts


def _read_table(rows: list[TableRow], folder: PhotoFolder) -> list[_Row]:
    if not rows or len(rows[0].cells) < 2:
        raise PhotoError("is no table of files and part numbers: its first line has one column")
    header = [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in rows[0].cells]
    if not set(header) & set(FILE_COLUMNS):
        return _rows_without_header(rows, folder)
    file_column = next(header.index(name) for name in FILE_COLUMNS if name in header)
    if not set(header) & set(CLASS_COLUMNS):
        return [_row_of_flags(rows[0].cells, row, file_column) for row in rows[1:]]
    layout = _box_layout(header, rows[0].cells)
    return [_row_of_names(header, row, file_column, layout, folder) for row in rows[1:]]


def _rows_without_header(rows: list[TableRow], folder: PhotoFolder) -> list[_Row]:
    """Return the rows of a table without headings: file and parts, or RetinaNet's file, four corners and class."""
    if len(rows) > 1 and not _is_picture_name(rows[0].cells[0]) and _is_picture_name(rows[1].cells[0]):
        raise PhotoError(
            f"has no column of files: its headings are {', '.join(rows[0].cells)}; call it one of file, image or path"
        )
    at = next((places for places in ((1, 5), (2, 1), (4, 3)) if _are_boxes(rows, *places, folder)), None)
    if at is None:
        return [_Row(row.line, row.cells[0], _names(row.cells[1:], folder)) for row in rows]
    first, name = at
    result = []
    for row in rows:
        corners = row.cells[first : first + 4]
        box = box_of(corners, f"line {row.line}") if any(corners) else None
        result.append(_Row(row.line, row.cells[0], _names(row.cells[name : name + 1], folder), box=box))
    return result


def _are_boxes(rows: list[TableRow], first: int, name: int, folder: PhotoFolder) -> bool:
    """Return whether all rows have four corners from column `first` on, right of and below each other.

    Part numbers are numbers too: where each of them is the number of a part, they are parts.
    """
    width = max(first + 4, name + 1)
    filled = [row.cells for row in rows if any(row.cells[1:])]
    if not filled or any(len(cells) != width or not cells[name] for cells in filled):
        return False
    try:
        boxes = [tuple(float(cell) for cell in cells[first : first + 4]) for cells in filled]
    except ValueError:
        return False
    if not all(left < right and top < bottom for left, top, right, bottom in boxes):
        return False
    return not all(cell.casefold() in folder.part_names for cells in filled for cell in cells[first : first + 4])


def _is_picture_name(text: str) -> bool:
    return text.lower().endswith(PICTURE_SUFFIXES)


def _box_layout(header: Sequence[str], titles: Sequence[str]) -> tuple[str, ...]:
    """Return the headings of a table's four box columns, none if it has no boxes.

    Raises:
        PhotoError: it has columns of boxes that are not read.
    """
    for layout in (*CORNERS, *CENTRES, *SIZES):
        if set(layout) <= set(header):
            return layout
    odd = [title for name, title in zip(header, titles, strict=True) if name in _BOX_WORDS]
    if odd:
        raise PhotoError(
            f"has boxes in the columns {', '.join(odd)}, which cannot be read; call them xmin, ymin, xmax, ymax, or "
            "x, y, width, height, one number each"
        )
    return ()


def _row_of_names(
    header: Sequence[str], row: TableRow, file_column: int, layout: tuple[str, ...], folder: PhotoFolder
) -> _Row:
    if len(row.cells) <= file_column or not row.cells[file_column]:
        return _Row(row.line, f"line {row.line}", problem="names no file")
    name = row.cells[file_column]
    cells = dict(zip(header, row.cells, strict=False))
    extra = row.cells[len(header) :]
    if extra and header[-1] in CLASS_COLUMNS:  # a name with a comma that was not put in quotes, or several parts
        cells[header[-1]] = ", ".join([cells[header[-1]], *extra])
    elif any(extra):
        return _Row(row.line, name, problem=f"has {len(row.cells)} cells where the heading has {len(header)}")
    split = next((cells[column].lower() for column in SPLIT_COLUMNS if cells.get(column)), "")
    if split and split not in SPLIT_NAMES:
        raise PhotoError(f"names the split {split!r} in line {row.line}; known are train, val and test")
    names = _names([cells[column] for column in cells if column in CLASS_COLUMNS], folder)
    result = _Row(row.line, name, names, SPLIT_NAMES.get(split))
    values = [cells.get(column, "") for column in layout]
    if not any(values):
        return result
    if not names:
        return replace(result, problem="has a box, but no part")
    try:
        box = _corners(box_of(values, "it"), layout)
        frame = None if "width" in layout else frame_of(cells.get("width"), cells.get("height"), "it")
    except PhotoError:
        return replace(result, problem=f"has a box that is no four numbers: {', '.join(values)}")
    return replace(result, box=box, frame=frame)


def _corners(values: Box, layout: tuple[str, ...]) -> Box:
    if layout in CORNERS:
        return values
    x, y, width, height = values
    if layout in CENTRES:
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    return x, y, x + width, y + height


def _row_of_flags(header: Sequence[str], row: TableRow, file_column: int) -> _Row:
    if len(row.cells) <= file_column or not row.cells[file_column]:
        return _Row(row.line, f"line {row.line}", problem="names no file")
    cells = [
        (name, cell)
        for number, (name, cell) in enumerate(zip(header, row.cells, strict=False))
        if number != file_column
    ]
    if any(cell not in _FLAGS for _, cell in cells):
        raise PhotoError("has no column of part numbers; call it one of part, part_id, class or label")
    return _Row(row.line, row.cells[file_column], tuple(name for name, cell in cells if cell[:1] == "1"))


def _names(cells: Sequence[str], folder: PhotoFolder) -> tuple[str, ...]:
    """Return the class names in some cells, each of which may hold several.

    Names of parts have commas, such as ``Slope, inverted 45 2 x 1``: pieces that are one together stay together.
    """
    names: list[str] = []
    for cell in cells:
        for text in [cell] if cell.casefold() in folder.part_names else re.split(r"[;|]", cell):
            pieces = text.split(",")
            while pieces:
                ends = range(len(pieces), 0, -1)
                wholes = {end: " ".join(",".join(pieces[:end]).split()) for end in ends}
                end = next((end for end in ends if wholes[end].casefold() in folder.part_names), 1)
                names.append(wholes[end])
                del pieces[:end]
    return tuple(dict.fromkeys(name for name in names if name))
