"""Maps as they are made, written in files of many: few files to go through, little lost by a kill."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from core.files import cannot_write
from core.locks import lock
from explain.protocol import FloatMaps
from explain.store import Attribution, read_identities, write_shard

MAPS_A_SHARD = 1024
"""100,000 maps are about a hundred files then; `evaluate localize` goes on after a kill by whole files."""
BYTES_A_SHARD = 32 << 20
"""512 maps of 128 px, 167 of 224 px: what waits in memory."""
SECONDS_A_SHARD = 60.0
"""What a kill can cost of a slow method. A night of them is some 500 files."""
Dtype = Literal["float32", "float16"]
HALF_ERROR = 2.0**-11
"""Of float16's eleven bits: what rounding changes at most, as a share of the value."""
HALF_FLOOR = 1e-3
"""Values below this share of a map's largest may err by `HALF_ERROR` of that share instead of their own size."""


def survives_float16(values: FloatMaps) -> bool:
    """Return whether a map is the same in float16 to 0.05 % of each value, or of a thousandth of its largest value.

    It is not where values are above 65504 (they would be infinite) or so small that float16 has few bits left for
    them: below 6e-5 it loses precision, below 3e-8 everything. A map whose largest value is between 0.07 and 65504
    always survives. Infinite and undefined values never do.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(values.astype(np.float16).astype(np.float32) - values)
    size = np.abs(values)
    return bool((error <= HALF_ERROR * np.maximum(size, HALF_FLOOR * size.max(initial=0))).all())


class ShardWriter:
    """Collects the maps of one method and writes them as shards of its folder; use it with ``with``.

    Several processes may write into one folder: numbers are given out, and files written, by one at a time, and a map
    that another has written meanwhile is left out.

    Attributes:
        stored: the attribution_ids that are in the folder.
        kept_float32: maps that were to be float16 and did not survive it.
    """

    def __init__(self, folder: Path, dtype: Dtype = "float32") -> None:
        """Take the method's folder, from `explain.store.method_folder`, and how maps are stored.

        Raises:
            BrickbenchError: a shard in it is damaged.
        """
        self._folder, self._dtype = folder, dtype
        self._rows: list[Attribution] = []
        self._maps: list[NDArray[np.floating[Any]]] = []
        self._bytes, self._since = 0, 0.0
        self._known: set[Path] = set()
        self.stored: set[str] = set()
        self.kept_float32 = 0
        with lock(folder):
            for leftover in _leftovers(folder):
                leftover.unlink()
            self._learn()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left, also when the work was interrupted."""
        self.flush()

    def add(self, rows: Sequence[Attribution], maps: FloatMaps) -> None:
        """Take maps (K, h, w) float32, all calls' of one size, with a row each; now and then write a shard."""
        if not self._rows:
            self._since = time.monotonic()
        for row, values in zip(rows, maps, strict=True):
            self._rows.append(row)
            self._maps.append(self._as_stored(values))
            self._bytes += self._maps[-1].nbytes
            if len(self._rows) >= MAPS_A_SHARD or self._bytes >= BYTES_A_SHARD:
                self.flush()
        if time.monotonic() - self._since >= SECONDS_A_SHARD:
            self.flush()

    def flush(self) -> None:
        """Write what was taken since the last shard."""
        rows, maps = self._rows, self._maps
        self._rows, self._maps, self._bytes = [], [], 0
        if not rows:
            return
        with lock(self._folder):
            self._learn()
            for dtype in (np.float32, np.float16):
                some = [
                    place
                    for place, row in enumerate(rows)
                    if maps[place].dtype == dtype and row.attribution_id not in self.stored
                ]
                if some:
                    self._write([rows[place] for place in some], [maps[place] for place in some])
            self._learn()

    def _write(self, rows: Sequence[Attribution], maps: Sequence[NDArray[np.floating[Any]]]) -> None:
        with cannot_write(
            f"maps in {self._folder}",
            "What is written stays: free some disk or mend its permissions, then run the command again.",
        ):
            write_shard(self._folder, rows, maps)

    def _as_stored(self, values: FloatMaps) -> NDArray[np.floating[Any]]:
        if self._dtype == "float32":
            return values
        if survives_float16(values):
            return values.astype(np.float16)
        self.kept_float32 += 1
        return values

    def _learn(self) -> None:
        """Take in the identities of shards that are new in the folder."""
        new = set(self._folder.glob("[0-9]*.parquet")) - self._known
        for path in sorted(new):
            self.stored |= read_identities(path)
        self._known |= new


def _leftovers(folder: Path) -> Iterator[Path]:
    """Yield what killed processes left: files half written, and arrays whose rows never were."""
    yield from folder.glob(".*.tmp")
    yield from (path for path in folder.glob("[0-9]*.npy") if not path.with_suffix(".parquet").is_file())
