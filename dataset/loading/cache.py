"""The packed cache: pictures decoded once at their working size, and their brick maps, in DATASET/cache.

Pictures are found by the hash of their file, brick maps by the masks they are drawn from: what has changed is simply
not there, and is packed anew. The folder can be deleted at any time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.engine import run_items
from core.errors import BrickbenchError
from core.files import require_writable, sha256_hex
from core.progress import Progress
from dataset.database import open_index
from dataset.loading.blocks import BLOCK_BYTES, Blocks, only_builder, write_block
from dataset.loading.bricks import BrickMap, Bricks, draw_brick_map
from dataset.loading.network_input import RESIZE_RULE, Image, resize_picture
from dataset.loading.variation import one_thread
from dataset.pictures import read_picture

CACHE_FOLDER = "cache"


@dataclass(frozen=True)
class PictureFile:
    """Where a picture is and what it should be, as `read_picture` wants it."""

    file: str
    content_hash: str
    width: int
    height: int

    @property
    def key(self) -> str:
        """What its row is found by."""
        return f"{self.content_hash}:{self.width}x{self.height}"

    def read(self, root: Path, size_px: int) -> Image:
        """Return the picture, resized to (size_px, size_px, 3) uint8."""
        return resize_picture(read_picture(root, self.file, self.content_hash, self.width, self.height), size_px)


@dataclass(frozen=True)
class MaskSource:
    """What a brick map is drawn from."""

    rles: tuple[str, ...]
    width: int
    height: int

    @property
    def key(self) -> str:
        """What its row is found by."""
        return sha256_hex(repr(self).encode())

    def read(self, root: Path, size_px: int) -> BrickMap:
        """Return the brick map (size_px, size_px)."""
        del root
        return draw_brick_map(self.rles, self.height, self.width, size_px)


@dataclass(frozen=True)
class _Work:
    """One block to make: what its rows are made from, by key."""

    root: Path
    folder: Path
    size_px: int
    sources: Mapping[str, PictureFile | MaskSource]


def picture_files(root: Path, image_ids: Sequence[str]) -> list[PictureFile]:
    """Return the file of each picture of the dataset `root` that is named."""
    with open_index(root) as index:
        rows = index.execute(
            "SELECT image_id, file, content_hash, width, height FROM images WHERE image_id IN (SELECT unnest(?))",
            [list(image_ids)],
        ).fetchall()
    file_of = {image_id: PictureFile(*rest) for image_id, *rest in rows}
    return [file_of[image_id] for image_id in image_ids]


def pack_pictures(
    root: Path, files: Sequence[PictureFile], size_px: int, workers: int, title: str = "Packing pictures"
) -> tuple[Blocks, npt.NDArray[np.int64]]:
    """Return blocks that hold all `files` at `size_px`, and the place of each, (N, 2), packing what is missing.

    A packing that was killed goes on where it stopped. Several processes may pack at once. The blocks are in the folder
    ``cache/224px-area/pictures`` of the dataset, or the like; 0 and 1 `workers` pack in this process.

    Raises:
        BrickbenchError: a picture is missing or damaged, or the cache cannot be written.
    """
    return _packed(root, "pictures", files, size_px, size_px * size_px * 3, workers, title)


def pack_brick_maps(
    root: Path, bricks: Bricks, count: int, size_px: int, workers: int, title: str = "Packing masks"
) -> tuple[Blocks, npt.NDArray[np.int64]]:
    """Return blocks that hold the brick maps of pictures 0 to `count` - 1 of `bricks`, and the place of each, (N, 2).

    Arguments and errors are those of `pack_pictures`; the blocks are in the folder ``masks`` beside the pictures'.
    """
    sources = [mask_source(bricks, row) for row in range(count)]
    return _packed(root, "masks", sources, size_px, size_px * size_px, workers, title)


def mask_source(bricks: Bricks, row: int) -> MaskSource:
    """Return what the brick map of picture `row` is drawn from."""
    height, width = bricks.size_of(row)
    return MaskSource(tuple(bricks.rles(row)), width, height)


def _packed(
    root: Path,
    kind: str,
    sources: Sequence[PictureFile | MaskSource],
    size_px: int,
    row_bytes: int,
    workers: int,
    title: str,
) -> tuple[Blocks, npt.NDArray[np.int64]]:
    folder = root / CACHE_FOLDER / f"{size_px}px-{RESIZE_RULE}" / kind
    keys = [source.key for source in sources]
    source_of = dict(zip(keys, sources, strict=True))
    blocks = Blocks(folder)
    if blocks.missing(keys):
        try:
            require_writable(folder)
        except BrickbenchError as error:
            raise BrickbenchError(f"{error} Or set cache_mb to 0 to read every picture from its file.") from error
        with only_builder(folder):
            blocks = Blocks(folder)  # another process may have packed them meanwhile
            missing = blocks.missing(keys)
            length = max(BLOCK_BYTES // row_bytes, 1)
            parts = [missing[start : start + length] for start in range(0, len(missing), length)]
            work = {
                str(n): _Work(root, folder, size_px, {key: source_of[key] for key in part})
                for n, part in enumerate(parts)
            }
            _do(work, len(missing), workers, title)
        blocks = Blocks(folder)
    return blocks, blocks.places(keys)


def _do(work: dict[str, _Work], count: int, workers: int, title: str) -> None:
    with Progress(title, count, "pictures") as progress:
        if workers <= 1 or len(work) == 1:
            for part in work.values():
                _pack(part)
                progress.advance(len(part.sources))
            return
        for outcome in run_items(_pack, work, workers=workers, setup=one_thread):
            if outcome.error:
                raise BrickbenchError(f"Packing stopped: {outcome.error}. Run it again; it goes on where it stopped.")
            progress.advance(len(work[outcome.key].sources))


def _pack(work: _Work) -> None:
    rows: list[npt.NDArray[Any]] = [source.read(work.root, work.size_px) for source in work.sources.values()]
    kind = np.result_type(*{row.dtype for row in rows})  # uint16 if one brick map of the block needs it
    write_block(work.folder, list(work.sources), np.stack(rows).astype(kind, copy=False))
