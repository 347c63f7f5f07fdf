"""Maps on disk: raw arrays in small files, with one row a map beside them, found again by image, part and method."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import BrickbenchError
from core.files import atomic_file
from core.locks import lock
from core.settings import Settings
from explain.method_key import MethodKey
from explain.protocol import FloatMaps

ATTRIBUTIONS = "attributions"
SETTINGS_FILE = "settings.yaml"
DEFAULT_LAYER_FILE = "default_layer.txt"
"""Says, in a folder of maps whose method reads a layer, that the rule chose it: nobody named it."""


@dataclass(frozen=True)
class Attribution:
    """Where one map is and what it explains."""

    attribution_id: str
    run_id: str
    checkpoint: str
    image_id: str
    part_id: str
    method: str
    method_settings_hash: str
    file: str
    """The array's file, relative to the run's folder."""
    row: int
    """Its place in that array."""
    seconds: float
    """Time it took, its share of what was computed together."""

    @property
    def method_key(self) -> MethodKey:
        """Method with settings; as text the name of its folder."""
        return MethodKey(self.method, self.method_settings_hash)


_KINDS = {str: pa.string(), int: pa.int32(), float: pa.float64()}
_SCHEMA = pa.schema([(name, _KINDS[kind]) for name, kind in get_type_hints(Attribution).items()])


def method_folder(run_folder: Path, method: str, settings: Settings) -> Path:
    """Return the folder of a method's maps, with the method's settings written in it."""
    folder = run_folder / ATTRIBUTIONS / str(MethodKey(method, settings.digest()))
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        if not (folder / SETTINGS_FILE).is_file():
            settings.save(folder / SETTINGS_FILE)
    return folder


def keep_default_layer(folder: Path, note: str) -> None:
    """Write into a folder of maps that the rule chose the layer, with what there is to know of the choice."""
    with lock(folder), atomic_file(folder / DEFAULT_LAYER_FILE) as temporary:
        temporary.write_text(f"{note}\n")


def shard_files(run_folder: Path) -> list[Path]:
    """Return the parquet files of all maps of a run, sorted; leftovers of killed processes are not among them."""
    return sorted(path for path in (run_folder / ATTRIBUTIONS).glob("*/*.parquet") if not path.name.startswith("."))


def read_shard(path: Path, image_id: str | None = None) -> list[Attribution]:
    """Return the rows of one parquet file, or of one picture; raises BrickbenchError if it is damaged."""
    wanted = None if image_id is None else [("image_id", "=", image_id)]
    return _attributions(_read(path, filters=wanted))


def read_identities(path: Path) -> set[str]:
    """Return the attribution_ids in one parquet file, without its other columns; raises as `read_shard`."""
    return set(_read(path, columns=["attribution_id"]).column(0).to_pylist())


def read_attributions(run_folder: Path, image_id: str | None = None) -> list[Attribution]:
    """Return the rows of all maps of a run, or of those of one picture, in the order of their files."""
    return [row for path in shard_files(run_folder) for row in read_shard(path, image_id)]


def find_attributions(
    index: duckdb.DuckDBPyConnection, image_id: str, part_id: str | None = None, method: str | None = None
) -> list[Attribution]:
    """Return the rows of a picture's maps from a dataset's index, of all runs: in milliseconds, however many there are.

    Args:
        index: from `dataset.index.open_index`.
        image_id: the picture.
        part_id: None for all parts.
        method: None for all methods.
    """
    rows = index.execute(
        f"SELECT {', '.join(field.name for field in fields(Attribution))} FROM attributions "
        "WHERE image_id = ? AND part_id = ifnull(?, part_id) AND method = ifnull(?, method) ORDER BY ALL",
        [image_id, part_id, method],
    ).fetchall()
    return [Attribution(*row) for row in rows]


def write_shard(folder: Path, rows: Sequence[Attribution], maps: Sequence[NDArray[np.floating[Any]]]) -> Path:
    """Write maps (each (h, w), all of one size and dtype) and their rows as the next shard of `folder`.

    The rows come last: without them the array counts as not there and is written over. Returns the rows' file. Two
    processes must not do this at once in one folder (`explain.shard_writer` sees to that).
    """
    number = 1 + max((int(path.stem) for path in folder.glob("[0-9]*.parquet")), default=-1)
    path = folder / f"{number:06d}.npy"
    name = f"{ATTRIBUTIONS}/{folder.name}/{path.name}"
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.stack(list(maps)))
    placed = [{**vars(row), "file": name, "row": place} for place, row in enumerate(rows)]
    with atomic_file(path.with_suffix(".parquet")) as temporary:
        pq.write_table(pa.Table.from_pylist(placed, schema=_SCHEMA), temporary)
    return path.with_suffix(".parquet")


def load_maps(run_folder: Path, rows: Sequence[Attribution]) -> Iterator[FloatMaps]:
    """Yield the raw map (h, w) float32 of each row, whatever it is stored as.

    Only the maps asked for are read from the disk; a file is opened once for rows that follow each other.

    Raises:
        BrickbenchError: a file is missing or damaged.
    """
    name, array = "", np.zeros((0, 0, 0), dtype=np.float32)
    for row in rows:
        if row.file != name:
            array, name = _load(run_folder / row.file), row.file
        if row.row >= len(array):
            raise _damaged(run_folder / row.file)
        yield np.asarray(array[row.row], dtype=np.float32)


def _read(path: Path, **options: Any) -> pa.Table:
    try:
        return pq.read_table(path, schema=_SCHEMA, partitioning=None, **options)
    except (OSError, pa.ArrowException) as error:
        raise BrickbenchError(
            f"{path} is damaged: delete it and {path.with_suffix('.npy').name} beside it, then run `explain run` again."
        ) from error


def _attributions(table: pa.Table) -> list[Attribution]:
    columns = [table.column(field.name).to_pylist() for field in fields(Attribution)]
    return [Attribution(*values) for values in zip(*columns, strict=True)]


def _load(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path) from error
    if array.ndim != 3 or array.dtype.kind != "f":
        raise _damaged(path)
    return np.asarray(array)


def _damaged(path: Path) -> BrickbenchError:
    return BrickbenchError(
        f"The maps in {path} are damaged or missing: delete {path.with_suffix('.parquet').name} beside it "
        "and run `explain run` again."
    )
