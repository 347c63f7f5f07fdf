"""Photos between being read and being written into shards: kept on disk, so that a killed import goes on."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from core.engine import run_items
from core.errors import BrickbenchError
from core.files import atomic_file, require_writable, sha256_hex
from core.locks import AT_ONCE, lock
from core.progress import Progress
from dataset.photos.annotations import AnnotatedPhoto
from dataset.photos.held import IMPORTS_FOLDER
from dataset.photos.prepare import STAGED_SCHEMA, Batch, Storage, prepare_batch, write_staged

PHOTOS_PER_BATCH = 32  # some seconds of work: little is lost to a kill, and workers seldom wait
_PREFIX = ".staging-"


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the dataset's imports; the lock ends with the process.

    Raises:
        BrickbenchError: another import into it is running, or it cannot be written.
    """
    folder = root / IMPORTS_FOLDER
    require_writable(folder)
    busy = BrickbenchError(f"Another import into {root} is running. Wait until it is done.")
    with lock(folder, ".lock", wait_s=AT_ONCE, busy=busy):
        yield


def staging_folder(
    root: Path, source: Path, photos: Sequence[AnnotatedPhoto], part_of: Mapping[str, str | None], storage: Storage
) -> Path:
    """Return the folder for the staged photos of one import, made; leftovers of other imports are cleared away.

    Its name follows from all that decides what is staged, also the sizes and times of the photos.
    """
    stats = []
    for photo in photos:
        with contextlib.suppress(OSError):  # a missing photo is told when it is read
            stat = (source / photo.file).stat()
            stats.append((photo.file, stat.st_size, stat.st_mtime_ns))
    key = sha256_hex(repr((str(source), list(photos), sorted(part_of.items()), storage, stats)).encode())
    folder = root / IMPORTS_FOLDER / f"{_PREFIX}{key[:16]}"
    clear_staging(root, but=folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def clear_staging(root: Path, but: Path | None = None) -> None:
    """Delete what imports have staged, except the folder `but`."""
    for folder in (root / IMPORTS_FOLDER).glob(f"{_PREFIX}*"):
        if folder != but:
            shutil.rmtree(folder)


def stage(
    folder: Path,
    source: Path,
    photos: Sequence[AnnotatedPhoto],
    part_of: Mapping[str, str | None],
    storage: Storage,
    known: npt.NDArray[np.uint64],
    workers: int,
) -> list[Path]:
    """Prepare all photos in worker processes and return the files of staged rows, in the order of the photos.

    A photo on which a decoder crashes is set aside; the others of its batch come in.
    """
    with atomic_file(folder / "known.npy") as temporary, temporary.open("wb") as stream:
        np.save(stream, known)
    numbered = list(enumerate(photos))
    batches = []
    for start in range(0, len(numbered), PHOTOS_PER_BATCH):
        some = tuple(numbered[start : start + PHOTOS_PER_BATCH])
        names = {name for _, photo in some for name in photo.classes()}
        chosen = {name: part for name, part in part_of.items() if name in names}
        staged = folder / f"{start // PHOTOS_PER_BATCH:06d}.parquet"
        batches.append(Batch(some, source, chosen, storage, folder / "known.npy", staged))
    waiting = {batch.staged.stem: batch for batch in batches if not batch.staged.is_file()}
    done = len(photos) - sum(len(batch.photos) for batch in waiting.values())
    with Progress("Import", len(photos), "photos", done=done) as progress:
        for outcome in run_items(prepare_batch, waiting, workers=workers):
            batch = waiting[outcome.key]
            if outcome.error is not None:
                _prepare_singly(batch)
            progress.advance(len(batch.photos))
    return [batch.staged for batch in batches]


def _prepare_singly(batch: Batch) -> None:
    """Prepare each photo of a batch in a process of its own turn, so that one that crashes it is found."""
    ones = {
        str(number): replace(batch, photos=((number, photo),), staged=batch.staged.with_suffix(f".{number}"))
        for number, photo in batch.photos
    }
    rows: list[dict[str, Any]] = []
    for outcome in run_items(prepare_batch, ones, workers=1, retries=0):
        if outcome.error is None:
            rows += pq.read_table(pa.BufferReader(ones[outcome.key].staged.read_bytes())).to_pylist()
            ones[outcome.key].staged.unlink()
        else:
            rows.append({"number": int(outcome.key), "reason": f"cannot be decoded: {outcome.error}"})
    write_staged(batch.staged, sorted(rows, key=lambda row: int(row["number"])))


def read_staged(files: Sequence[Path], *, with_data: bool) -> Iterator[dict[str, Any]]:
    """Yield the staged rows in the order of the photos."""
    columns = [name for name in STAGED_SCHEMA.names if with_data or name not in {"data", "instances"}]
    for file in files:
        yield from pq.read_table(pa.BufferReader(file.read_bytes()), columns=columns).to_pylist()
