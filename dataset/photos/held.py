"""The photos that a dataset already has, with the fingerprints by which copies of them are known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import BrickbenchError
from core.files import atomic_file
from core.progress import Progress
from dataset.index import open_index
from dataset.photos.duplicates import Fingerprints, fingerprints_of, print_of
from dataset.photos.plan import Candidate
from dataset.photos.prepare import STAGED_SCHEMA
from dataset.pictures import read_picture

IMPORTS_FOLDER = "imports"
PRINTS_FOLDER = f"{IMPORTS_FOLDER}/fingerprints"  # can be made anew from the photos
PRINTS_SCHEMA = pa.schema([STAGED_SCHEMA.field(name) for name in ("image_id", "pixel_hash", "hash", "thumbnail")])
_PREFIX = "photo-"


@dataclass(frozen=True)
class HeldPhotos:
    """N photos of a dataset as candidates, and their fingerprints in the same order."""

    candidates: list[Candidate]
    prints: Fingerprints


def code_of(image_id: str) -> int:
    """Return the 64 bits in the image_id of a photo."""
    return int(image_id.removeprefix(_PREFIX), 16)


def held_codes(root: Path) -> npt.NDArray[np.uint64]:
    """Return the codes of all photos in the dataset `root`, sorted."""
    with open_index(root) as index:
        rows = index.execute("SELECT image_id FROM images WHERE source = 'real'").fetchall()
    return np.array(sorted(code_of(row[0]) for row in rows if row[0].startswith(_PREFIX)), dtype=np.uint64)


def read_held(root: Path) -> HeldPhotos:
    """Return the photos of the dataset `root`; fingerprints that are missing are made from the pictures.

    Raises:
        BrickbenchError: a picture of which no fingerprint is kept cannot be read.
    """
    with open_index(root) as index:
        rows = index.execute(
            "SELECT i.image_id, any_value(i.original_file), any_value(i.group_id), any_value(i.split), "
            "list(l.part_id ORDER BY l.part_id) FILTER (l.part_id IS NOT NULL), any_value(i.shard), any_value(i.file), "
            "any_value(i.content_hash), any_value(i.width), any_value(i.height) "
            "FROM images i LEFT JOIN labels l USING (image_id) WHERE i.source = 'real' "
            "GROUP BY i.image_id ORDER BY any_value(i.shard), i.image_id"
        ).fetchall()
    candidates = [
        Candidate(image_id, ((file, split),), tuple(labels or ()), (group_id, split))
        for image_id, file, group_id, split, labels, *_ in rows
    ]
    kept = {row["image_id"]: row for shard in {row[5] for row in rows} for row in _kept_prints(root, shard)}
    missing = [row for row in rows if row[0] not in kept]
    if missing:
        with Progress("Fingerprint", len(missing), "photos") as progress:
            for image_id, *_, file, content_hash, width, height in missing:
                pixels = read_picture(root, file, content_hash, width, height)
                kept[image_id] = {"image_id": image_id} | print_of(pixels)
                progress.advance()
        for shard in {row[5] for row in missing}:
            table = pa.Table.from_pylist([kept[row[0]] for row in rows if row[5] == shard], schema=PRINTS_SCHEMA)
            keep_prints(root, shard, table)
    table = pa.Table.from_pylist([kept[row[0]] for row in rows], schema=PRINTS_SCHEMA)
    return HeldPhotos(candidates, fingerprints_of(table))


def keep_prints(root: Path, shard: str, table: pa.Table) -> None:
    """Keep the fingerprints of a shard's photos for later imports; `table` has the columns of PRINTS_SCHEMA."""
    with atomic_file(root / PRINTS_FOLDER / f"{shard}.parquet") as temporary:
        pq.write_table(table.select(PRINTS_SCHEMA.names), temporary, compression="zstd")


def _kept_prints(root: Path, shard: str) -> list[dict[str, object]]:
    path = root / PRINTS_FOLDER / f"{shard}.parquet"
    try:
        table = pq.read_table(pa.BufferReader(path.read_bytes()), schema=PRINTS_SCHEMA)
    except FileNotFoundError:
        return []
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BrickbenchError(f"{path} is damaged. Delete it; the next import makes it anew.") from error
    return list(table.to_pylist())
