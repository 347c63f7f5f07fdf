"""Masks as SVG paths along the edges of their pixels, exact, and without laying the mask out."""

import numpy as np
import numpy.typing as npt

from dataset.masks import runs_of


def outline_path(rle: str, height: int, width: int) -> str:
    """Return the SVG path, in pixels, whose even-odd inside is the mask that `rle` encodes; empty if it is.

    Edges of a mask turn by right angles, so in each row its corners pair up to horizontal edges, in each column to
    vertical ones (O'Rourke, Uniqueness of orthogonal connect-the-dots, 1988); following them alternately gives the
    loops. A point where two pixels touch by a corner counts as two corners.

    Raises:
        BrickbenchError: the runs do not fill a picture of this size.
    """
    x, y = _corners(runs_of(rle, height, width), height)
    if x.size == 0:
        return ""
    across = _partners(np.lexsort((x, y)))
    down = _partners(np.lexsort((y, x)))
    left, top = x.tolist(), y.tolist()
    unseen = [True] * len(left)
    steps: list[str] = []
    for start in range(len(left)):
        if not unseen[start]:
            continue
        corner = start
        steps.append(f"M{left[start]} {top[start]}")
        while unseen[corner]:
            side = across[corner]
            unseen[corner] = unseen[side] = False
            corner = down[side]
            steps.append(f"H{left[side]}V{top[corner]}")
        steps.append("z")
    return "".join(steps)


def _corners(runs: npt.NDArray[np.int64], height: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return x and y of the corners of a mask, each as often as loops turn there; runs go down the columns."""
    ends = np.cumsum(runs)[1::2]
    starts = ends - runs[1::2]
    ends, starts = ends[ends > starts], starts[ends > starts]
    # Cut runs that go on in the next column, so that each piece has a top and a bottom.
    first, last = starts // height, (ends - 1) // height
    pieces = last - first + 1
    column = np.repeat(first, pieces) + np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    top = np.maximum(np.repeat(starts, pieces) - column * height, 0)
    bottom = np.minimum(np.repeat(ends, pieces) - column * height, height)
    # A vertical side of column c ends at each top and bottom in it; where its neighbour ends alike there is no corner.
    sign = np.ones(column.size, dtype=np.int64)
    x = np.concatenate([column, column, column + 1, column + 1])
    y = np.concatenate([top, bottom, top, bottom])
    turns = np.concatenate([sign, -sign, -sign, sign])
    keys, key_rows = np.unique(x * (height + 1) + y, return_inverse=True)
    counts = np.abs(np.bincount(key_rows, weights=turns, minlength=keys.size)).astype(np.int64)
    keys = np.repeat(keys, counts)
    return keys // (height + 1), keys % (height + 1)


def _partners(order: npt.NDArray[np.intp]) -> list[int]:
    """Return for each corner the other end of its edge: neighbours in `order`, two by two."""
    partners = np.empty(order.size, dtype=np.int64)
    partners[order[0::2]], partners[order[1::2]] = order[1::2], order[0::2]
    return [int(partner) for partner in partners]
