"""Answers made elsewhere, checked row by row and taken in whole or not at all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import BrickbenchError, SettingsError
from evaluation.study.answers.answers import COLUMNS, Answers
from evaluation.study.answers.import_columns import ForeignTable, read_foreign
from evaluation.study.key import Item, Key, Side, TrialKind

Row = dict[str, str]
_SIDES = [side.value for side in Side]
_KINDS = [kind.value for kind in TrialKind]


@dataclass(frozen=True)
class Problem:
    """What is wrong with a row, and the way out."""

    file: str
    row: int
    """Its number as a spreadsheet counts: the heading is row 1."""
    column: str
    problem: str


@dataclass(frozen=True)
class Imported:
    """What was found in foreign files."""

    answers: Answers
    """Those of the rows without problems."""
    problems: tuple[Problem, ...]
    rows: int


@dataclass
class _Seen:
    """What earlier rows said, to hold later ones against."""

    trials: dict[tuple[str, ...], str] = field(default_factory=dict)
    positions: dict[tuple[str, str], str] = field(default_factory=dict)
    familiarity: dict[str, tuple[str, str]] = field(default_factory=dict)
    spelling: dict[str, tuple[str, str]] = field(default_factory=dict)


def take_in(
    paths: Sequence[Path],
    *,
    columns: Mapping[str, str] | None = None,
    values: Mapping[tuple[str, str], str] | None = None,
    methods: tuple[str, str] | None = None,
    key: Key | None = None,
) -> Imported:
    """Return the answers in `paths`, tables of `import_columns.read_foreign`, and all that is wrong with them.

    Args:
        paths: CSV tables with a row an answer, or with a row a participant (counts); all of one kind.
        columns: field to heading.
        values: (field, word) to meaning.
        methods: of counts: the one that was counted, and the other one.
        key: of the study that was answered; items and methods must be in it, and it tells pictures and parts.

    Raises:
        BrickbenchError: a file cannot be read as a table, or there are both kinds.
        SettingsError: `methods` is missing where counts need it, or given where they do not.
    """
    tables = [read_foreign(path, columns or {}, values or {}) for path in paths]
    if len({table.is_counts for table in tables}) > 1:
        raise BrickbenchError(
            "Some files have a row an answer and some a row a participant: take in one kind at a time."
        )
    if tables[0].is_counts and methods is None:
        raise SettingsError(
            f"{tables[0].name} counts answers but does not say of which method: name it with --first, and the other "
            "one with --second."
        )
    if not tables[0].is_counts and methods is not None:
        raise SettingsError(f"{tables[0].name} names the methods in each row: leave out --first and --second.")
    problems: list[Problem] = []
    good: list[Row] = []
    seen = _Seen()
    for table in tables:
        for number, cells in table.rows:
            faults = list(_check(table, number, cells, seen, key))
            problems += [Problem(table.name, number, column, text) for column, text in faults]
            if not faults:
                assert isinstance(cells, dict)
                good += count_rows(cells, *methods) if methods else [cells]
    known = {person: level for person, (level, _) in seen.familiarity.items()}
    return Imported(as_answers(good, known, key), tuple(problems), sum(len(table.rows) for table in tables))


def as_answers(rows: Sequence[Row], familiarity: Mapping[str, str], key: Key | None = None) -> Answers:
    """Return checked `rows` as answers; `familiarity` is by participant, and `key` tells pictures and parts."""
    items = _items(key)
    answers: list[dict[str, object]] = []
    for row in rows:
        answer: dict[str, object] = {name: row.get(name, "") for name in COLUMNS}
        for name in ("image_id", "part_id"):
            answer[name] = row.get(name) or getattr(items.get(row.get("item", "")), name, "")
        answer["chosen"] = _side(row["chosen"], row)
        answer["expected"] = _side(row.get("expected", ""), row) or ""
        answer["familiarity"] = int(float(familiarity.get(row["participant"], "-1")))
        answer["position"] = int(float(row.get("position") or 0))
        answer["kind"] = (row.get("kind") or TrialKind.MAIN).lower()
        answer["seconds"] = float(row.get("seconds") or "nan")
        answers.append(answer)
    return Answers.of_rows(answers)


def count_rows(cells: Mapping[str, str], first: str, second: str) -> list[Row]:
    """Return a row an answer for one participant's counts.

    The item is empty, which says that neither it nor the sides are known: `first` stands on the left in all of them
    only because something must.
    """
    trials, chosen = int(float(cells["trials"])), int(float(cells["chosen_first"]))
    row = {"participant": cells["participant"], "item": "", "left": first, "right": second}
    return [row | {"chosen": "left" if number < chosen else "right"} for number in range(trials)]


def _check(
    table: ForeignTable, number: int, cells: Row | str, seen: _Seen, key: Key | None
) -> Iterable[tuple[str, str]]:
    """Yield column and problem for each thing that is wrong with a row; `seen` takes in what it says."""
    if isinstance(cells, str):
        yield "", f"{cells}. Quote cells that hold the delimiter."
        return
    where = f"row {number} of {table.name}"
    empty = [name for name in table.fields if not cells[name] and name in _FILLED]
    yield from ((name, "is empty. Fill it, or leave the row out.") for name in empty)
    yield from _check_familiarity(cells, where, seen)
    if table.is_counts:
        yield from _check_counts(cells, where, seen)
    elif not empty:
        yield from _check_sides(cells, where, seen)
        yield from _check_position(cells, where, seen)
        if key is not None:
            yield from _check_key(cells, _items(key))


def _check_counts(cells: Row, where: str, seen: _Seen) -> Iterable[tuple[str, str]]:
    whole = {name: _whole(cells[name]) for name in ("trials", "chosen_first")}
    for name, value in whole.items():
        if cells[name] and value is None:
            yield name, f"is {cells[name]!r}, not a whole number from 0 up."
    trials, chosen = whole["trials"], whole["chosen_first"]
    if trials is not None and chosen is not None and chosen > trials:
        yield "chosen_first", f"is {chosen}, more than the {trials} trials."
    if trials == 0:
        yield "trials", "is 0: leave out people who answered nothing."
    before = seen.trials.setdefault((cells["participant"],), where)
    if cells["participant"] and before != where:
        yield "participant", f"{cells['participant']} is counted in {before} already. Keep one row a participant."


def _check_sides(cells: Row, where: str, seen: _Seen) -> Iterable[tuple[str, str]]:
    left, right = cells["left"], cells["right"]
    if left == right:
        yield "right", f"is {right}, the same as on the left. A choice needs two methods."
    for name in ("left", "right"):
        known, first = seen.spelling.setdefault(cells[name].lower(), (cells[name], where))
        if known != cells[name]:
            yield name, f"is written {cells[name]}, but {known} in {first}. Write it one way."
    if _side(cells["chosen"], cells) is None:
        problem = f"is {cells['chosen']!r}: neither left nor right, nor the method on one side ({left}, {right}). "
        yield "chosen", f"{problem}Tell what it means with --value 'chosen:{cells['chosen']}=left'."
    kind = (cells.get("kind") or TrialKind.MAIN).lower()
    if kind not in _KINDS:
        yield "kind", f"is {kind!r}, not one of {', '.join(_KINDS)}."
    if kind == TrialKind.ATTENTION and _side(cells.get("expected", ""), cells) is None:
        yield "expected", "of an attention check should be left or right."
    if kind == TrialKind.MAIN:
        trial = (cells["participant"], cells["item"], *sorted((left, right)))
        before = seen.trials.setdefault(trial, where)
        if before != where:
            problem = f"{cells['participant']} chose between {left} and {right} on {cells['item']} in {before} already."
            yield "item", f"{problem} Mark repetitions in a column kind (repeat, swapped), or keep one row."


def _check_position(cells: Row, where: str, seen: _Seen) -> Iterable[tuple[str, str]]:
    position = cells.get("position", "")
    if position and not _whole(position):
        yield "position", f"is {position!r}, not a whole number from 1 up. Leave it empty where it is unknown."
    elif position:
        before = seen.positions.setdefault((cells["participant"], str(_whole(position))), where)
        if before != where:
            yield "position", f"{position} of {cells['participant']} is taken by {before} already."
    seconds = cells.get("seconds", "")
    if seconds and not _is_duration(seconds):
        yield "seconds", f"is {seconds!r}, not a number from 0 up. Leave it empty where it is unknown."


def _check_familiarity(cells: Row, where: str, seen: _Seen) -> Iterable[tuple[str, str]]:
    level = cells.get("familiarity", "")
    if not level or not cells["participant"]:
        return
    if _whole(level) not in (0, 1, 2):
        problem = f"is {level!r}; expected 0 (not familiar), 1 (a bit familiar), 2 (familiar), or these words. "
        yield "familiarity", f"{problem}Tell what it means with --value 'familiarity:{level}=1'."
        return
    known, before = seen.familiarity.setdefault(cells["participant"], (level, where))
    if _whole(known) != _whole(level):
        yield "familiarity", f"of {cells['participant']} is {level} here and {known} in {before}. One person has one."


def _check_key(cells: Row, items: Mapping[str, Item]) -> Iterable[tuple[str, str]]:
    item = items.get(cells["item"])
    if item is None:
        yield "item", f"{cells['item']} is not in the study. Its items are called like {next(iter(items))}."
        return
    for name in ("left", "right"):
        if cells[name] not in item.explanations:
            yield name, f"{cells[name]} is no method of {cells['item']}, which has {', '.join(item.explanations)}."


def _items(key: Key | None) -> dict[str, Item]:
    return {} if key is None else {item.item_id: item for item in key.items}


def _side(text: str, cells: Mapping[str, str]) -> str | None:
    """Return ``left`` or ``right`` for a side or the method on it, None for anything else."""
    for side in _SIDES:
        if text.lower() in (side, cells[side].lower()):
            return side
    return None


def _whole(text: str) -> int | None:
    """Return the whole number from 0 up in `text`, None where there is none; spreadsheets write 2 as 2.0 at times."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() and 0 <= value < 1e9 else None


def _is_duration(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False


_FILLED = ("participant", "item", "left", "right", "chosen", "trials", "chosen_first")
"""Columns in which no cell may be empty."""
