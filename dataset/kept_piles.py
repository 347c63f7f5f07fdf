"""Piles of a shard that is not whole yet, kept so that a stop loses only those that workers were on."""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.files import atomic_file
from dataset.records import ImageRecord, InstanceRecord, ThingRecord
from dataset.shards import SHARDS_FOLDER, Picture, pile_shard, shard_folder

_KEPT = ".piles"
_SCHEMA = pa.schema([("record", pa.string()), ("data", pa.binary()), ("geometry", pa.binary())])


class KeptPiles:
    """The finished piles of one shard, a file each, in a hidden folder beside the shard's place."""

    def __init__(self, root: Path, number: int) -> None:
        """Take the dataset and the shard's number."""
        place = shard_folder(root, pile_shard(number))
        self._folder = place.with_name(f".{place.name}{_KEPT}")

    def keep(self, pile_index: int, pictures: Sequence[Picture]) -> None:
        """Keep all pictures of a pile."""
        rows = [
            {
                "record": json.dumps(dataclasses.asdict(record)),
                "data": data,
                "geometry": geometry[0] if geometry else None,
            }
            for record, data, *geometry in pictures
        ]
        self._folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(self._file(pile_index)) as temporary:
            table = pa.Table.from_pylist(rows, schema=_SCHEMA)
            pq.write_table(table, temporary, compression="none", write_page_checksum=True)

    def read(self, pile_index: int) -> list[Picture] | None:
        """Return the pictures of a pile; None where it was not kept, or the file is damaged: it is made again then."""
        try:
            file = pq.ParquetFile(self._file(pile_index), page_checksum_verification=True)
            rows = file.read(use_threads=False).to_pylist()
            return [_picture(**row) for row in rows]
        except (OSError, pa.ArrowException, ValueError, TypeError, KeyError):
            return None

    def clear(self) -> None:
        """Remove them all: the shard is there."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _file(self, pile_index: int) -> Path:
        return self._folder / f"{pile_index:08d}.parquet"


def clear_kept_piles(root: Path) -> None:
    """Remove what is kept for shards that are there: a worker died after its shard was whole."""
    for folder in (root / SHARDS_FOLDER).glob(f".*{_KEPT}"):
        if folder.with_name(folder.name[1:].removesuffix(_KEPT)).is_dir():
            shutil.rmtree(folder, ignore_errors=True)


def _picture(record: str, data: bytes, geometry: bytes | None) -> Picture:
    values = json.loads(record)
    instances = tuple(InstanceRecord(**_with_tuples(brick)) for brick in values.pop("instances"))
    things = tuple(ThingRecord(**_with_tuples(thing)) for thing in values.pop("things"))
    image = ImageRecord(**_with_tuples(values), instances=instances, things=things)
    return (image, data) if geometry is None else (image, data, geometry)


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with tuples where JSON has lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
