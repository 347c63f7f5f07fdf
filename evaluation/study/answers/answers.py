"""Answers of a forced-choice study as one plain table, wherever they were given, and its file: Parquet or CSV."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import BrickbenchError, SettingsError
from core.files import output_file

NUMBERS: dict[str, Any] = {"familiarity": np.int64, "position": np.int64, "seconds": np.float64}
"""Types of the columns that are no text."""


@dataclass(frozen=True)
class Answers:
    """One row an answer: N answers, each a choice between two methods on one item by one participant.

    All arrays have N entries. Attention checks and repeated trials are rows like the others, told by `kind`.
    """

    participant: NDArray[np.str_]
    item: NDArray[np.str_]
    left: NDArray[np.str_]
    """Method shown on the left."""
    right: NDArray[np.str_]
    chosen: NDArray[np.str_]
    """``left`` or ``right``."""
    familiarity: NDArray[np.int64]
    """The participant's: 0 not familiar, 1 a bit familiar, 2 familiar, -1 not asked."""
    position: NDArray[np.int64]
    """Place of the trial in the participant's order, from 1; 0 where unknown."""
    kind: NDArray[np.str_]
    """``main``, ``repeat``, ``swapped`` or ``attention``."""
    expected: NDArray[np.str_]
    """``left`` or ``right`` for attention checks, empty elsewhere."""
    image_id: NDArray[np.str_]
    """To join with scores; empty where unknown, as `part_id`."""
    part_id: NDArray[np.str_]
    seconds: NDArray[np.float64]
    """Time from the page's appearance to the choice; NaN where unknown."""
    language: NDArray[np.str_]
    """That of the participant's page; empty where unknown."""

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, object]]) -> Self:
        """Return `rows`, each with a value for every column, as answers; None in `seconds` becomes NaN."""
        held = list(rows)
        return cls(**{name: np.array([row[name] for row in held], NUMBERS.get(name, np.str_)) for name in COLUMNS})

    def __len__(self) -> int:
        """Return the number of answers."""
        return len(self.participant)

    def where(self, keep: NDArray[np.bool_]) -> "Answers":
        """Return the answers at which `keep` is true."""
        return Answers(**{name: array[keep] for name, array in vars(self).items()})

    @property
    def winner(self) -> NDArray[np.str_]:
        """Return the chosen method of each answer."""
        return np.where(self.chosen == "left", self.left, self.right)


COLUMNS = tuple(field.name for field in fields(Answers))
ENDINGS = (".parquet", ".csv")
_TYPES = {name: pa.from_numpy_dtype(NUMBERS[name]) if name in NUMBERS else pa.string() for name in COLUMNS}


def answer_table(answers: Answers) -> pa.Table:
    """Return `answers` as an Arrow table of the columns `COLUMNS`; unknown seconds are null."""
    arrays = []
    for name in COLUMNS:
        values = getattr(answers, name)
        mask = np.isnan(values) if name == "seconds" else None
        arrays.append(pa.array(values.tolist(), _TYPES[name], mask=mask))
    return pa.table(arrays, names=list(COLUMNS))


def write_answers(path: Path, answers: Answers) -> None:
    """Write `answers` to `path`, as Parquet or CSV by its ending, over what is there.

    Raises:
        SettingsError: the ending is neither.
        BrickbenchError: the file cannot be written.
    """
    require_ending(path)
    table = answer_table(answers)
    with output_file(path, "Choose another place.") as temporary:
        if path.suffix == ".csv":
            pc.write_csv(table, temporary)
        else:
            pq.write_table(table, temporary)


def read_answer_file(path: Path) -> Answers:
    """Return the answers in `path`, as `write_answers` wrote them.

    Raises:
        SettingsError: the ending is neither Parquet's nor CSV's.
        BrickbenchError: the file cannot be read, or is no canonical file of answers.
    """
    require_ending(path)
    try:
        if path.suffix == ".csv":
            types = pc.ConvertOptions(column_types=_TYPES, strings_can_be_null=False)
            table = pc.read_csv(path, convert_options=types)
        else:
            table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise BrickbenchError(f"Cannot read {path}: {str(error).splitlines()[0]}. {_WAY_OUT}") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise BrickbenchError(
            f"{path} is no canonical file of answers: it lacks {', '.join(missing)} and has "
            f"{', '.join(table.column_names) or 'no column'}. {_WAY_OUT}"
        )
    try:
        table = table.select(COLUMNS).cast(pa.schema(_TYPES.items()))
    except pa.ArrowException as error:
        raise BrickbenchError(f"{path} holds other types of values: {error}. {_WAY_OUT}") from error
    for name in COLUMNS:
        if name != "seconds" and table[name].null_count:
            row = table[name].to_pylist().index(None) + 1
            raise BrickbenchError(f"{path} has no {name} in row {row}. {_WAY_OUT}")
    return Answers.of_rows(table.to_pylist())


def require_ending(path: Path) -> None:
    """Raise SettingsError unless the ending of `path` is one of `ENDINGS`."""
    if path.suffix not in ENDINGS:
        raise SettingsError(f"A file of answers ends in {' or '.join(ENDINGS)}, not like {path.name}.")


_WAY_OUT = "Take in answers made elsewhere with `brickbench study import`."
