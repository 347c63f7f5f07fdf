"""The canonical file of answers: one row an answer, the columns of `Answers`, as Parquet or CSV."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from core.errors import BrickbenchError, SettingsError
from core.files import output_file
from evaluation.study.answers.answers import COLUMNS, NUMBERS, Answers

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
