"""What a worker does with photos: read, decode, place the annotations, fingerprint, and stage the results on disk."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.files import atomic_file, cannot_write, sha256_hex
from dataset.photos.annotations import AnnotatedPhoto, PhotoError
from dataset.photos.decode import decode_photo, read_header, working_size
from dataset.photos.duplicates import print_of
from dataset.photos.formats.labelme import picture_inside
from dataset.photos.orientation import Pixels
from dataset.photos.placement import Placer
from dataset.pictures import encode_jpeg
from dataset.records import PhotoInstance

IMAGE_ID_DIGITS = 16
STAGED_SCHEMA = pa.schema(
    [
        ("number", pa.int64()),  # of the photo in the import
        ("reason", pa.string()),  # why it was set aside; then all behind it is null
        ("image_id", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("content_hash", pa.string()),
        ("data", pa.binary()),  # the file to store; null if it stays in place, or if the dataset has the photo
        ("labels", pa.list_(pa.string())),
        ("instances", pa.string()),
        ("pixel_hash", pa.string()),
        ("hash", pa.uint64()),
        ("thumbnail", pa.binary()),
    ]
)


@dataclass(frozen=True)
class Storage:
    """How photos are kept: `size_px` is the longest side of the working size; `in_place` leaves the files alone."""

    size_px: int
    quality: int
    in_place: bool


@dataclass(frozen=True)
class Batch:
    """Some photos for one worker: (number, photo) each, the part_id of each class, and where the results go."""

    photos: tuple[tuple[int, AnnotatedPhoto], ...]
    root: Path
    part_of: dict[str, str | None]
    storage: Storage
    known: Path
    staged: Path


def prepare_batch(batch: Batch) -> None:
    """Prepare the photos of a batch and write them to its file; one that is there stays as it is."""
    if batch.staged.is_file():
        return
    known = np.load(batch.known, mmap_mode="r")
    rows = [_prepare_row(number, photo, batch, known) for number, photo in batch.photos]
    write_staged(batch.staged, rows)


def write_staged(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write staged rows; missing columns are null.

    Raises:
        BrickbenchError: the disk refuses them, which is no fault of the photos.
    """
    filled = [{name: row.get(name) for name in STAGED_SCHEMA.names} for row in rows]
    with cannot_write(path, "Make room on that disk and run the same command again."), atomic_file(path) as temporary:
        pq.write_table(pa.Table.from_pylist(filled, schema=STAGED_SCHEMA), temporary, compression="none")


def _prepare_row(number: int, photo: AnnotatedPhoto, batch: Batch, known: Any) -> dict[str, Any]:
    try:
        return {"number": number} | _prepare(photo, batch, known)
    except PhotoError as error:
        return {"number": number, "reason": str(error)}
    except OSError as error:
        return {"number": number, "reason": f"cannot be read: {error.strerror or error}"}


def _prepare(photo: AnnotatedPhoto, batch: Batch, known: Any) -> dict[str, Any]:
    """Return the row of a photo; only its image_id if the dataset has it already.

    Raises:
        PhotoError: it cannot be used.
        OSError: its file cannot be read.
    """
    if photo.embedded and batch.storage.in_place:
        raise PhotoError("holds its picture inside, which cannot be referenced: import it without --reference")
    data = (batch.root / photo.file).read_bytes()
    if photo.embedded:
        data = picture_inside(data.decode("utf-8-sig"))
    image_id = f"photo-{sha256_hex(data)[:IMAGE_ID_DIGITS]}"
    code = np.uint64(int(image_id.removeprefix("photo-"), 16))
    place = int(np.searchsorted(known, code))
    if place < len(known) and known[place] == code:
        return {"image_id": image_id}
    header = read_header(data)
    size = working_size(header.width, header.height, batch.storage.size_px)
    placer = Placer(header, photo.frame, size)
    parts = {name: batch.part_of[name] for name in photo.classes()}
    placed = [placer.place(thing, part) for thing in photo.objects if (part := parts[thing.class_name]) is not None]
    pixels = decode_photo(data, batch.storage.size_px)
    stored = _stored_bytes(data, pixels, header.is_plain_jpeg and max(size) == max(header.width, header.height), batch)
    return {
        "image_id": image_id,
        "width": size[0],
        "height": size[1],
        "content_hash": sha256_hex(data if stored is None else stored),
        "data": stored,
        "labels": sorted({part for part in parts.values() if part is not None}),
        "instances": json.dumps([asdict(thing) for thing in placed if thing is not None]),
        **print_of(pixels),
    }


def _stored_bytes(data: bytes, pixels: Pixels, as_it_is: bool, batch: Batch) -> bytes | None:
    """Return the JPEG to store: the file itself where nothing is to be changed, so that it loses nothing."""
    if batch.storage.in_place:
        return None
    if as_it_is:
        return data
    return encode_jpeg(pixels, batch.storage.quality)


def instances_of(text: str) -> tuple[PhotoInstance, ...]:
    """Return the instances of a staged row."""
    return tuple(
        PhotoInstance(**(values | {"box_xywh_px": tuple(values["box_xywh_px"])})) for values in json.loads(text)
    )
