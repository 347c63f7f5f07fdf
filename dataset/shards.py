"""Shards: folders of 64 piles that are whole or not there, which workers write and nobody changes."""

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import BrickbenchError
from core.files import atomic_folder, sha256_hex
from dataset.records import ImageRecord
from dataset.schema import IMAGES_SCHEMA, INSTANCES_SCHEMA

Picture = tuple[ImageRecord, bytes] | tuple[ImageRecord, bytes, bytes]
"""A record, the bytes of its image file and, where `geometry_file` is named, those of that file."""

PILES_PER_SHARD = 64  # some hundred files a folder: few enough to list fast, and little to lose to a kill
SHARDS_FOLDER = "shards"
GEOMETRY_FOLDER = "geometry"
_SHARD_NAME = re.compile(r"\d{6,}")


class DamagedShardError(BrickbenchError):
    """A shard that cannot be used; `what` says in a clause what is wrong with it."""

    def __init__(self, message: str, what: str) -> None:
        """Take the whole message, and the clause alone."""
        super().__init__(message)
        self.what = what


@dataclass(frozen=True)
class ShardTables:
    """A shard's rows, and the SHA-256 of the two files they came from."""

    images: pa.Table
    instances: pa.Table
    digest: str


def shard_folder(root: Path, shard_index: int) -> Path:
    """Return where shard number `shard_index` of the dataset `root` is, or will be."""
    return root / SHARDS_FOLDER / f"{shard_index:06d}"


def list_shards(root: Path) -> list[int]:
    """Return the numbers of the complete shards of `root`, sorted; leftovers of killed workers do not count."""
    folder = root / SHARDS_FOLDER
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if _SHARD_NAME.fullmatch(path.name) and path.is_dir())


def write_shard(root: Path, shard_index: int, pictures: Iterable[Picture]) -> None:
    """Write one shard: each picture's file as it comes, then the rows; a shard that is there stays as it is.

    Args:
        root: the dataset's folder.
        shard_index: its number, 0 or more.
        pictures: records, each with the bytes of its files; may be a generator.

    Raises:
        ValueError: a record's hash, file name or image_id does not fit; nothing is written then.
    """
    if shard_index < 0:
        raise ValueError(f"shard_index should be 0 or more, got {shard_index}")
    images: list[dict[str, Any]] = []
    instances: list[dict[str, Any]] = []
    seen: set[str] = set()
    with atomic_folder(shard_folder(root, shard_index)) as folder:
        (folder / "images").mkdir()
        for record, data, *geometry in pictures:
            path = PurePosixPath(record.file)
            if path.parent != PurePosixPath("images") or path.name in {"", ".."}:
                raise ValueError(f"file should be images/NAME.EXT, got {record.file!r}")
            if (record.geometry_file is not None) != bool(geometry) or (
                geometry and record.geometry_file != f"{GEOMETRY_FOLDER}/{record.image_id}.npz"
            ):
                raise ValueError(f"geometry_file should be {GEOMETRY_FOLDER}/{record.image_id}.npz where there is one")
            if sha256_hex(data) != record.content_hash:
                raise ValueError(f"content_hash of image {record.image_id!r} is not that of its bytes")
            if not seen.isdisjoint({record.file, record.image_id}):
                raise ValueError(f"image {record.image_id!r} ({record.file}) comes twice")
            seen |= {record.file, record.image_id}
            (folder / path).write_bytes(data)
            if record.geometry_file is not None:
                (folder / GEOMETRY_FOLDER).mkdir(exist_ok=True)
                (folder / record.geometry_file).write_bytes(geometry[0])
            images.append({name: getattr(record, name) for name in IMAGES_SCHEMA.names})
            instances += [
                {"image_id": record.image_id}
                | {name: getattr(brick, name) for name in INSTANCES_SCHEMA.names if name != "image_id"}
                for brick in record.instances
            ]
        _write_rows(folder / "images.parquet", images, IMAGES_SCHEMA)
        _write_rows(folder / "instances.parquet", instances, INSTANCES_SCHEMA)


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of a compressed NumPy archive; the same arrays always give the same bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def read_shard(root: Path, shard_index: int) -> ShardTables:
    """Return the rows of a shard as Arrow tables.

    Raises:
        BrickbenchError: a file is missing, damaged or of another layout.
    """
    folder = shard_folder(root, shard_index)
    data = []
    tables = []
    for name, schema in (("images.parquet", IMAGES_SCHEMA), ("instances.parquet", INSTANCES_SCHEMA)):
        try:
            content = (folder / name).read_bytes()
            table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            raise damaged_shard(root, shard_index, f"{name} cannot be read") from error
        if not table.schema.equals(schema):
            raise damaged_shard(root, shard_index, f"{name} has other columns than this Brickbench writes")
        data.append(content)
        tables.append(table)
    return ShardTables(tables[0], tables[1], sha256_hex("".join(map(sha256_hex, data)).encode()))


def damaged_shard(root: Path, shard_index: int, what: str) -> DamagedShardError:
    """Return the error for a shard that cannot be used, with the way out."""
    return DamagedShardError(
        f"Shard {shard_folder(root, shard_index)} is damaged: {what}. {how_to_mend(root, shard_index)}", what
    )


def how_to_mend(root: Path, shard_index: int) -> str:
    """Return the sentence that says how to get a shard anew: piles are pure, so it comes back as it was."""
    return (
        f"Delete the folder {shard_folder(root, shard_index)}, run `brickbench render run` again to make it anew, "
        f"then `brickbench dataset index {root}`."
    )


def _write_rows(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)
