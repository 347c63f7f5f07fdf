"""Binary masks as COCO's compressed run-length encoding, in text."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from core.errors import BrickbenchError

BoolMask = npt.NDArray[np.bool_]
_LONGEST_VALUE = 7  # five bits a character: more than any 32-bit run needs


def encode_mask(mask: BoolMask) -> str:
    """Return the RLE of `mask`, (H, W) bool."""
    return str(coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode("ascii"))


def encode_crop(mask: BoolMask, left_px: int, top_px: int, height: int, width: int) -> str:
    """Return the RLE of a picture of this size that is empty but for `mask`, (h, w) bool, whose corner lies there.

    It costs what the crop costs, not what the picture would.
    """
    columns, rows = np.nonzero(mask.T)
    places = (columns + left_px) * height + rows + top_px  # COCO runs down the columns
    starts = np.flatnonzero(np.diff(places, prepend=-2) != 1)
    ends = np.append(starts[1:], len(places)) - 1 if len(places) else starts
    borders = np.stack([places[starts], places[ends] + 1], axis=1).ravel() if len(places) else np.zeros(0, np.int64)
    runs = np.diff(borders, prepend=0, append=height * width)
    if len(places) and runs[-1] == 0:
        runs = runs[:-1]
    size = {"size": [height, width], "counts": runs.tolist()}
    return str(coco.frPyObjects(size, height, width)["counts"].decode("ascii"))


def decode_mask(rle: str | Sequence[int], height: int, width: int) -> BoolMask:
    """Return the mask (height, width) bool that `rle` encodes; raises as `runs_of`.

    Runs are checked before they are laid out: pycocotools' own decoder leaves the rest of a mask uninitialised
    when they sum to less than the picture.
    """
    runs = runs_of(rle, height, width)
    values = np.arange(runs.size) % 2 == 1  # runs alternate and begin with the outside
    return np.repeat(values, runs).reshape(width, height).T  # COCO runs down the columns


def runs_of(rle: str | Sequence[int], height: int, width: int) -> npt.NDArray[np.int64]:
    """Return the run lengths (N,) int64, which begin with the outside, of an RLE: compressed text, or they themselves.

    Raises:
        BrickbenchError: the text is no RLE, or the runs do not fill a picture of this size exactly.
    """
    runs = run_lengths(rle) if isinstance(rle, str) else np.array(rle, dtype=np.int64)
    if runs.size == 0 or int(runs.min()) < 0 or int(runs.sum()) != height * width:
        raise BrickbenchError(
            f"Damaged mask: its runs should fill {height} x {width} pixels, they fill {int(runs.sum())}. "
            "Run `brickbench dataset check` on the dataset."
        )
    return runs


def decode_union(rles: Iterable[str], height: int, width: int) -> BoolMask:
    """Return the union (height, width) bool of the masks in `rles`; empty if there are none."""
    union = np.zeros((height, width), dtype=np.bool_)
    for rle in rles:
        union |= decode_mask(rle, height, width)
    return union


def run_lengths(rle: str) -> npt.NDArray[np.int64]:
    """Return the run lengths (N,) int64 in `rle`, which begin with the outside.

    Each value is a little-endian base-32 number, 48 + five bits + a continuation bit a character; from the
    fourth on it is the difference to the value two before (COCO's ``rleFrString``).

    Raises:
        BrickbenchError: the text is no RLE.
    """
    codes = np.frombuffer(rle.encode("ascii", errors="replace"), dtype=np.uint8).astype(np.int64) - 48
    is_last = (codes & 32) == 0
    ends = np.flatnonzero(is_last)
    starts = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64)
    lengths = ends - starts + 1
    if codes.size == 0 or codes.min() < 0 or codes.max() > 63 or not is_last[-1] or lengths.max() > _LONGEST_VALUE:
        raise BrickbenchError("Damaged mask: it is no run-length encoding. Run `brickbench dataset check` on it.")
    place = np.arange(codes.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 31) << (5 * place), starts)
    values -= np.where(codes[ends] & 16, np.int64(1) << (5 * lengths), 0)  # sign of the highest five bits
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return np.asarray(values, dtype=np.int64)
