"""Short pieces of a picture, and all patterns in which superpixels can be shown or hidden in each of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_LENGTHS = (32, 16, 8)
"""Pixels of a piece, the longest that does: copying 64 at once is no faster, 16 takes half as long again."""
_SHORTEST = 4
"""Four pixels have at most 16 patterns, so that tables stay small whatever the superpixels."""
_TABLE = 8
"""Most patterns a pixel on average: 1.5 MB of 128 pixels."""


@dataclass(frozen=True)
class Pieces:
    """A picture's R pieces of P pixels, in reading order."""

    rank: NDArray[np.intp]
    """(R, P): which of its piece's superpixels each pixel is of, from 0."""
    kinds: NDArray[np.intp]
    """(R,): superpixels in each piece."""
    bits: Floats
    """(S, R): 2^rank of a superpixel in a piece, 0 if it is not there. A mask times this is each piece's pattern."""

    def patterns(self, shown: Floats, hidden: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Return a table (rows, P) of all patterns of all pieces, and the row of each piece's first, (C, R).

        Pictures are (H, W, C). The row of a pattern follows from its piece's first by the pattern's number, in which
        bit k says whether superpixel k of the piece is shown.
        """
        shown, hidden = self._cut(shown), self._cut(hidden)
        first = np.empty(len(self.kinds), dtype=np.intp)
        parts: list[Floats] = []
        channels, rows = len(shown), 0
        for kinds in np.unique(self.kinds):
            alike = np.flatnonzero(self.kinds == kinds)
            numbers = np.arange(1 << kinds)
            on = (numbers[:, None] >> self.rank[alike, None]) & 1 == 1  # (pieces, patterns, P)
            parts.append(np.where(on, shown[:, alike, None], hidden[:, alike, None]).reshape(channels, -1, on.shape[2]))
            first[alike] = rows + np.arange(len(alike)) * len(numbers)
            rows += len(alike) * len(numbers)
        table = np.concatenate(parts, axis=1)
        return table.reshape(-1, table.shape[2]), first + np.arange(channels)[:, None] * rows

    def _cut(self, picture: Floats) -> Floats:
        """Return `picture` (H, W, C) as pieces (C, R, P)."""
        planes = picture.reshape(-1, picture.shape[2]).T
        filled = np.pad(planes, ((0, 0), (0, self.rank.size - planes.shape[1])))
        return filled.reshape(-1, *self.rank.shape)


def cut(segments: NDArray[np.intp]) -> Pieces:
    """Return the pieces of a picture with superpixels `segments` (H, W); the last is filled up with its last pixel."""
    for length in _LENGTHS:
        pieces = _cut(segments, length)
        if np.exp2(pieces.kinds).sum() * length <= _TABLE * segments.size:
            return pieces
    return _cut(segments, _SHORTEST)


def _cut(segments: NDArray[np.intp], length: int) -> Pieces:
    labels = np.pad(segments.ravel(), (0, -segments.size % length), mode="edge").reshape(-1, length)
    order = labels.argsort(axis=1)
    ordered = np.take_along_axis(labels, order, axis=1)
    rank = np.zeros_like(labels)
    np.put_along_axis(rank, order[:, 1:], (ordered[:, 1:] != ordered[:, :-1]).cumsum(axis=1), axis=1)
    bits = np.zeros((int(segments.max()) + 1, len(labels)), dtype=np.float32)
    bits[labels, np.arange(len(labels))[:, None]] = np.exp2(rank)
    return Pieces(rank, rank.max(axis=1) + 1, bits)
