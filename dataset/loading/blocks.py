"""Packed arrays on disk: blocks of equal rows, memory-mapped, found by the keys of what is in them.

A block is ``NAME.npy``, an array (rows, …) uint8 or uint16, with ``NAME.json`` beside it, which is written last: a
block is whole or not there. Its name follows from its keys, so that two processes that make the same block write the
same file. Mapped files are shared between processes by the page cache.
"""

import contextlib
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import BrickbenchError
from core.files import atomic_file, sha256_hex
from core.locks import lock

FORMAT = 1  # of the files; raise it when it changes
BLOCK_BYTES = 64 * 2**20  # some hundred pictures: little to lose to a kill, few files


class Blocks:
    """The rows of a folder of blocks, opened for reading; goes to worker processes as paths, not as data."""

    def __init__(self, folder: Path) -> None:
        """Open the blocks in `folder` that are whole and fit their sidecars; others are as if they were not there."""
        self._paths: list[Path] = []
        self._row_of: dict[str, tuple[int, int]] = {}
        self._arrays: list[npt.NDArray[Any]] | None = []
        for sidecar in sorted(folder.glob("*.json")):
            keys = read_keys(sidecar)
            if keys is None:
                continue
            for row, key in enumerate(keys):
                self._row_of[key] = (len(self._paths), row)
            self._paths.append(sidecar.with_suffix(".npy"))
            self._arrays.append(_mapped(self._paths[-1]))

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Return those of `keys` that no block holds, each once, in order."""
        return [key for key in dict.fromkeys(keys) if key not in self._row_of]

    def places(self, keys: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return (N, 2): block and row of each key, for `read`; raises KeyError if no block holds it."""
        return np.array([self._row_of[key] for key in keys], dtype=np.int64).reshape(-1, 2)

    def read(self, place: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the row at `place`, (2,); it cannot be written to."""
        if self._arrays is None:
            self._arrays = [_mapped(path) for path in self._paths]
        row: npt.NDArray[Any] = self._arrays[place[0]][place[1]]
        return row

    def __getstate__(self) -> dict[str, Any]:
        """Leave the arrays out: they are mapped anew in the process that unpickles this."""
        return self.__dict__ | {"_arrays": None, "_row_of": {}}


def write_block(folder: Path, keys: Sequence[str], rows: npt.NDArray[Any]) -> None:
    """Write `rows`, (len(keys), …), as one block; raises BrickbenchError if it cannot be written, as on a full disk."""
    path = folder / f"{block_name(keys)}.npy"
    try:
        path.with_suffix(".json").unlink(missing_ok=True)  # a damaged block of this name counts no more
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.save(file, rows)
        with atomic_file(path.with_suffix(".json")) as temporary:
            content = {"format": FORMAT, "keys": list(keys), "ends": _checksums(rows), "bytes": path.stat().st_size}
            temporary.write_text(json.dumps(content), encoding="utf-8")
    except OSError as error:
        raise BrickbenchError(
            f"The cache {folder} cannot be written ({error.strerror or error}): free some disk, or set cache_mb to 0 "
            "to read every picture from its file."
        ) from error


def read_keys(sidecar: Path) -> list[str] | None:
    """Return the keys of a block's rows, or None if the block is not whole: another format, size or content.

    Of the content only the first and the last row are compared; reading all would take as long as packing.
    """
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
        if content["format"] != FORMAT or sidecar.with_suffix(".npy").stat().st_size != content["bytes"]:
            return None
        rows, keys = _mapped(sidecar.with_suffix(".npy")), content["keys"]
        fits = len(keys) == len(rows) and block_name(keys) == sidecar.stem and _checksums(rows) == content["ends"]
        return list(keys) if fits else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def block_name(keys: Sequence[str]) -> str:
    """Return the name of the block with these rows."""
    return sha256_hex("\n".join(keys).encode())[:16]


@contextlib.contextmanager
def only_builder(folder: Path) -> Iterator[None]:
    """Wait until no other process builds in `folder`, and keep others out within the block.

    What killed builders left is cleared away. Where the file system knows no locks, builders work side by side.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder, ".lock") as is_alone:
        for leftover in folder.glob(".*.tmp") if is_alone else ():
            leftover.unlink(missing_ok=True)
        yield


def _mapped(path: Path) -> npt.NDArray[Any]:
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _checksums(rows: npt.NDArray[Any]) -> list[int]:
    return [zlib.crc32(rows[row].tobytes()) for row in (0, -1)]
