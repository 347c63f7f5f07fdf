"""Shards: folders of 64 piles, or of some photos, that are whole or not there and that nobody changes."""

import contextlib
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import BrickbenchError
from core.files import atomic_folder, sha256_hex
from dataset.older_shards import brought_up_to_date
from dataset.records import ImageRecord, PhotoRecord
from dataset.schema import IMAGES_SCHEMA, INSTANCES_SCHEMA

Picture = tuple[ImageRecord, bytes] | tuple[ImageRecord, bytes, bytes]
"""A record, the bytes of its image file and, where `geometry_file` is named, those of that file."""

PILES_PER_SHARD = 64  # some hundred files a folder: few enough to list fast, and little to lose to a kill
SHARDS_FOLDER = "shards"
GEOMETRY_FOLDER = "geometry"
_INSTANCES_DIGEST = b"instances_sha256"  # key in the file of images
_SET_ASIDE = b"set_aside"  # likewise: piles that could not be made
_PILE_SHARD = re.compile(r"\d{6,}")
_PHOTO_SHARD = re.compile(r"photo-\d{6,}")


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
    set_aside: Mapping[int, str] = field(default_factory=dict)
    """Piles of the shard that could not be made, by number, with the reason."""


def pile_shard(number: int) -> str:
    """Return the name of shard `number` of the piles."""
    return f"{number:06d}"


def photo_shard(number: int) -> str:
    """Return the name of shard `number` of the photos."""
    return f"photo-{number:06d}"


def shard_folder(root: Path, shard: str) -> Path:
    """Return where a shard of the dataset `root` is, or will be."""
    return root / SHARDS_FOLDER / shard


def list_shards(root: Path) -> list[str]:
    """Return the names of the complete shards of `root`: piles, then photos, each in order of their numbers."""
    return [*map(pile_shard, pile_shards(root)), *map(photo_shard, photo_shards(root))]


def pile_shards(root: Path) -> list[int]:
    """Return the numbers of the complete shards of piles, sorted; leftovers of killed workers do not count."""
    return _numbers(root, _PILE_SHARD)


def photo_shards(root: Path) -> list[int]:
    """Return the numbers of the complete shards of photos, sorted; leftovers of killed imports do not count."""
    return _numbers(root, _PHOTO_SHARD)


def _numbers(root: Path, name: re.Pattern[str]) -> list[int]:
    folder = root / SHARDS_FOLDER
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:  # which knows without a look at each what is a folder
        found = [entry.name for entry in entries if name.fullmatch(entry.name) and entry.is_dir()]
    return sorted(int(name.removeprefix("photo-")) for name in found)


def write_shard(
    root: Path, number: int, pictures: Iterable[Picture], set_aside: Mapping[int, str] | None = None
) -> None:
    """Write one shard of piles: each picture's file as it comes, then the rows; one that is there stays as it is.

    Records come with the bytes of their files, perhaps from a generator. Piles that could not be made are `set_aside`,
    with the reason; it is read when `pictures` are all taken.

    Raises:
        ValueError: a record's hash, file name or image_id does not fit; nothing is written then.
    """
    with _new_shard(root, number, pile_shard, {} if set_aside is None else set_aside) as shard:
        for record, data, *geometry in pictures:
            if (record.geometry_file is not None) != bool(geometry) or (
                geometry and record.geometry_file != f"{GEOMETRY_FOLDER}/{record.image_id}.npz"
            ):
                raise ValueError(f"geometry_file should be {GEOMETRY_FOLDER}/{record.image_id}.npz where there is one")
            shard.add_file(record, data)
            if record.geometry_file is not None:
                (shard.folder / GEOMETRY_FOLDER).mkdir(exist_ok=True)
                (shard.folder / record.geometry_file).write_bytes(geometry[0])
            shard.add_rows({"source": "synthetic"} | vars(record), map(vars, record.instances))


def write_photo_shard(root: Path, number: int, photos: Iterable[tuple[PhotoRecord, bytes | None]]) -> None:
    """Write one shard of photos, each with the bytes of its file, or None if it stays where it is.

    A shard that is there stays as it is.

    Raises:
        ValueError: a record's hash, file name or image_id does not fit; nothing is written then.
    """
    with _new_shard(root, number, photo_shard) as shard:
        for record, data in photos:
            if data is not None:
                shard.add_file(record, data)
            elif not PurePosixPath(record.file).is_absolute():
                raise ValueError(f"file of a photo that stays in place should be absolute, got {record.file!r}")
            image = {"source": "real", "imported_split": record.split, "annotated_labels": sorted(record.labels)}
            objects = [{"instance_id": number} | vars(thing) for number, thing in enumerate(record.instances)]
            shard.add_rows(image | vars(record), objects)


class _NewShard:
    """A shard that is being written: files at once, rows at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images: list[dict[str, Any]] = []
        self.instances: list[dict[str, Any]] = []
        self._seen: set[str] = set()

    def add_file(self, record: ImageRecord | PhotoRecord, data: bytes) -> None:
        path = PurePosixPath(record.file)
        if path.parent != PurePosixPath("images") or path.name in {"", ".."}:
            raise ValueError(f"file should be images/NAME.EXT, got {record.file!r}")
        if sha256_hex(data) != record.content_hash:
            raise ValueError(f"content_hash of image {record.image_id!r} is not that of its bytes")
        self._once(record.image_id, record.file, record.file)
        (self.folder / path).write_bytes(data)

    def add_rows(self, image: dict[str, Any], instances: Iterable[dict[str, Any]]) -> None:
        self._once(image["image_id"], image["file"], image["image_id"])
        self.images.append({name: image.get(name) for name in IMAGES_SCHEMA.names})
        self.instances += [
            {"image_id": image["image_id"]}
            | {name: row.get(name) for name in INSTANCES_SCHEMA.names if name != "image_id"}
            for row in instances
        ]

    def _once(self, image_id: str, file: str, name: str) -> None:
        if name in self._seen:
            raise ValueError(f"image {image_id!r} ({file}) comes twice")
        self._seen.add(name)


@contextlib.contextmanager
def _new_shard(
    root: Path, number: int, name: Callable[[int], str], set_aside: Mapping[int, str] | None = None
) -> Iterator[_NewShard]:
    if number < 0:
        raise ValueError(f"the number of a shard should be 0 or more, got {number}")
    with atomic_folder(shard_folder(root, name(number))) as folder:
        (folder / "images").mkdir()
        shard = _NewShard(folder)
        yield shard
        images = pa.Table.from_pylist(shard.images, schema=IMAGES_SCHEMA)
        write_rows(folder, images, pa.Table.from_pylist(shard.instances, schema=INSTANCES_SCHEMA), set_aside or {})


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of a compressed NumPy archive; the same arrays always give the same bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def read_shard(root: Path, shard: str) -> ShardTables:
    """Return the rows of a shard as Arrow tables.

    Raises:
        BrickbenchError: a file is missing, damaged or of another layout.
    """
    images, images_digest = _read_rows(root, shard, "images.parquet", IMAGES_SCHEMA, None)
    metadata = images.schema.metadata or {}
    sealed = metadata.get(_INSTANCES_DIGEST)
    instances, digest = _read_rows(root, shard, "instances.parquet", INSTANCES_SCHEMA, sealed)
    try:
        set_aside = {int(pile): str(reason) for pile, reason in json.loads(metadata.get(_SET_ASIDE, b"{}")).items()}
    except (ValueError, AttributeError) as error:
        raise damaged_shard(root, shard, "its list of piles set aside cannot be read") from error
    return ShardTables(
        images.replace_schema_metadata(None),
        instances,
        sha256_hex((images_digest + digest).encode()),
        set_aside,
    )


def _read_rows(root: Path, shard: str, name: str, schema: pa.Schema, sealed: bytes | None) -> tuple[pa.Table, str]:
    """Return the rows of a file, and its SHA-256; if that is known, no checksum of a page is looked at again."""
    try:
        content = (shard_folder(root, shard) / name).read_bytes()
        digest = sha256_hex(content)
        if sealed is not None and digest.encode() != sealed:
            raise damaged_shard(root, shard, f"{name} was altered: its SHA-256 is not the one in images.parquet")
        # Not by read_table: what that sets up for a collection of files takes longer than to read a small one.
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=sealed is None)
        table = file.read(use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise damaged_shard(root, shard, f"{name} cannot be read") from error
    table = brought_up_to_date(table, schema)
    if not table.schema.equals(schema):
        raise damaged_shard(root, shard, f"{name} has other columns than this Brickbench writes")
    return table, digest


def damaged_shard(root: Path, shard: str, what: str) -> DamagedShardError:
    """Return the error for a shard that cannot be used, with the way out."""
    return DamagedShardError(f"Shard {shard_folder(root, shard)} is damaged: {what}. {how_to_mend(root, shard)}", what)


def how_to_mend(root: Path, shard: str) -> str:
    """Return the sentence that says how to get a shard anew: piles are pure, so they come back as they were."""
    if shard.startswith("photo-"):
        return (
            f"Delete the folder {shard_folder(root, shard)}, run `brickbench dataset index --rebuild {root}`, "
            "then `brickbench dataset import` with the same photos again."
        )
    return f"Run `brickbench dataset check --repair {root}`, which renders again what is broken."


def write_rows(folder: Path, images: pa.Table, instances: pa.Table, set_aside: Mapping[int, str] | None = None) -> None:
    """Write the two tables of a shard; the same rows give the same bytes, however they were put together.

    Snappy without dictionaries: most of what a small file costs to read is spent once a column chunk, and a shard of
    64 pictures reads in half the CPU time that Zstandard with dictionaries takes, for a tenth more bytes. The file of
    images holds the SHA-256 of the other, which is seven times as fast to verify as the checksums of its pages.
    """
    bricks = pa.BufferOutputStream()
    _write_table(instances, INSTANCES_SCHEMA, bricks)
    content = bricks.getvalue().to_pybytes()
    (folder / "instances.parquet").write_bytes(content)
    metadata = {_INSTANCES_DIGEST: sha256_hex(content).encode()}
    if set_aside:
        metadata[_SET_ASIDE] = json.dumps({str(pile): set_aside[pile] for pile in sorted(set_aside)}).encode()
    sealed = IMAGES_SCHEMA.with_metadata(metadata)
    _write_table(images.replace_schema_metadata(None), sealed, folder / "images.parquet")


def _write_table(table: pa.Table, schema: pa.Schema, to: Path | pa.BufferOutputStream) -> None:
    whole = table.cast(schema).combine_chunks()  # the cast also names the elements of lists alike
    pq.write_table(whole, to, compression="snappy", use_dictionary=False, write_page_checksum=True)
