"""Where the bricks of some pictures are: as a map of their pixels, or as boxes; and what a crop leaves of their labels.

A brick map (S, S) holds 0 where there is no brick, and 1 + the number of the brick, in the picture's own order, that is
seen there: since visible masks do not overlap, one small picture holds all of them.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset.database import open_index
from dataset.loading.viewpoint import Matrix, inside_frame, shows_all
from dataset.manifest import LabelRule
from dataset.masks import decode_mask
from dataset.pile_dataset import PileDataset

BrickMap = npt.NDArray[np.integer[Any]]
"""(S, S) uint8, or uint16 where a picture shows more than 255 bricks."""

_COLUMNS = "image_id, part_id, box_xywh_px, visible_px, visible_fraction, visible_rle"


class Bricks:
    """The instances of some pictures that can be seen, in the order of their instance_id; no connection is held.

    Attributes:
        masked: (N,) bool: whether the masks of all bricks of a picture are known, also if it shows none.
        placed: (N,) bool: whether a brick of every label of a picture has a mask or a box.
    """

    def __init__(self, pictures: PileDataset) -> None:
        """Read the index of the dataset of `pictures`."""
        self._rule: LabelRule = pictures.manifest.label_rule
        wanted = list(pictures.image_ids)
        with open_index(pictures.root) as index:
            found: pa.Table = index.sql(
                f"SELECT {_COLUMNS} FROM instances WHERE image_id IN (SELECT unnest(?)) AND "
                "(visible_px IS NULL OR visible_px > 0) ORDER BY image_id, instance_id",
                params=[wanted],
            ).to_arrow_table()
            sizes = index.execute(
                "SELECT image_id, height, width FROM images WHERE image_id IN (SELECT unnest(?))", [wanted]
            ).fetchall()
        size_of = {image_id: (height, width) for image_id, height, width in sizes}
        self._sizes = np.array([size_of[image_id] for image_id in wanted], dtype=np.int32).reshape(-1, 2)  # (N, 2)
        row_of = {image_id: row for row, image_id in enumerate(wanted)}
        rows = np.array([row_of[image_id] for image_id in found["image_id"].to_pylist()], dtype=np.int64)
        order = np.argsort(rows, kind="stable")
        found, rows = found.take(pa.array(order)), rows[order]
        column_of = {part_id: column for column, part_id in enumerate(pictures.classes)}
        self._starts = np.searchsorted(rows, np.arange(len(wanted) + 1))
        self._columns = np.array([column_of.get(name, -1) for name in found["part_id"].to_pylist()], dtype=np.int32)
        self._boxes = np.array(found["box_xywh_px"].to_pylist(), dtype=np.float32).reshape(-1, 4)
        fraction, pixels = _with_nan(found["visible_fraction"]), _with_nan(found["visible_px"])
        # Of a photo's brick nobody knows the whole silhouette: what is seen of it counts as all of it. One that people
        # named although it is smaller than the rule asks for stays a label while all of it is in the frame.
        least = np.where(np.isnan(fraction), np.fmin(pixels, self._rule.min_visible_px), self._rule.min_visible_px)
        self._fraction = np.nan_to_num(fraction, nan=1.0)
        self._pixels = np.nan_to_num(pixels, nan=np.inf)
        self._least_px = least
        self._rles = found["visible_rle"].combine_chunks()
        self._has_mask = np.array([bool(rle) for rle in self._rles.to_pylist()], dtype=np.bool_)

        shown = np.zeros(pictures.targets.shape, dtype=np.bool_)
        shown[rows[self._columns >= 0], self._columns[self._columns >= 0]] = True
        labelled = pictures.targets > 0
        self.placed = ~(labelled & ~shown).any(axis=1)
        unmasked = np.bincount(rows[~self._has_mask], minlength=len(wanted)) > 0
        self.masked = ~unmasked & self.placed

    def rles(self, row: int) -> list[str]:
        """Return the visible mask of each brick of picture `row`; empty text where there is none."""
        return [rle or "" for rle in self._rles[self._span(row)].to_pylist()]

    def size_of(self, row: int) -> tuple[int, int]:
        """Return height and width of picture `row`."""
        height, width = self._sizes[row]
        return int(height), int(width)

    def class_masks(self, row: int, brick_map: BrickMap, classes: int) -> npt.NDArray[np.bool_]:
        """Return (classes, H, W) bool from the brick map of picture `row`: where each class is seen."""
        masks = np.zeros((classes, *brick_map.shape), dtype=np.bool_)
        columns = self._columns[self._span(row)]
        for column in np.unique(columns[columns >= 0]):
            of_class = np.zeros(len(columns) + 1, dtype=np.bool_)
            of_class[1:] = columns == column
            masks[column] = of_class[brick_map]
        return masks

    def target_in_frame(
        self,
        row: int,
        target: npt.NDArray[np.float32],
        matrix: Matrix,
        brick_map: BrickMap | None,
        kept_px: int,
        size_px: int,
    ) -> npt.NDArray[np.float32]:
        """Return the labels (C,) of picture `row` that still hold when only a part of it is shown.

        A label stays while the dataset's label rule holds for a brick of that part when the pixels outside of the frame
        count as hidden. Of a photo's brick, whose whole silhouette nobody knows, the share is that of what was seen;
        without a mask it is the share of its box.

        Args:
            row: which picture.
            target: its labels, (C,) float32.
            matrix: from pixels of the picture at `kept_px` to those of the result.
            brick_map: (kept_px, kept_px), before it was moved; None if there is none.
            kept_px: side of the picture before.
            size_px: side of the result.
        """
        if shows_all(matrix, kept_px, size_px):
            return target
        span = self._span(row)
        shares = self._shares(span, row, inside_frame(matrix, kept_px, size_px), brick_map)
        large = self._fraction[span] * shares >= self._rule.min_visible_fraction
        columns = self._columns[span]
        seen = large & (shares > 0) & (self._pixels[span] >= self._least_px[span] / np.maximum(shares, 1e-9))
        # A brick that was no label before is none now: its share has only shrunk.
        still = np.zeros_like(target)
        still[columns[seen & (columns >= 0)]] = 1.0
        return np.minimum(target, still)

    def _shares(
        self, span: slice, row: int, inside: npt.NDArray[np.bool_], brick_map: BrickMap | None
    ) -> npt.NDArray[np.float64]:
        """Return the share of each brick's mask, or else of its box, that lies `inside`: (K,)."""
        shares = np.zeros(span.stop - span.start)
        masked = self._has_mask[span] if brick_map is not None else np.zeros(len(shares), dtype=np.bool_)
        if brick_map is not None:
            before, after = (_counts(brick_map, where, len(shares)) for where in (None, inside))
            shares = after / np.maximum(before, 1)
            masked = masked & (before > 0)  # too small for a pixel of its own at this size: its box speaks for it
        if not masked.all():
            shares = np.where(masked, shares, self._box_shares(span, row, inside))
        return np.asarray(shares, dtype=np.float64)

    def _box_shares(self, span: slice, row: int, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Return the share of each brick's box that lies `inside`: (K,)."""
        side = len(inside)
        sums = cv2.integral(inside.view(np.uint8))
        height, width = self._sizes[row]
        left, top, wide, high = (self._boxes[span] * (side / np.array([width, height, width, height]))).T
        x0, y0 = (np.clip(np.floor(edge), 0, side - 1).astype(int) for edge in (left, top))
        x1 = np.clip(np.ceil(left + wide), x0 + 1, side).astype(int)
        y1 = np.clip(np.ceil(top + high), y0 + 1, side).astype(int)
        in_box = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
        return np.asarray(in_box / ((x1 - x0) * (y1 - y0)), dtype=np.float64)

    def _span(self, row: int) -> slice:
        return slice(int(self._starts[row]), int(self._starts[row + 1]))


def draw_brick_map(rles: Sequence[str], height: int, width: int, size_px: int) -> BrickMap:
    """Return the map (size_px, size_px) of the bricks with these visible masks; uint16 where there are over 255.

    Where masks of a photo overlap, the later one is on top.

    Raises:
        BrickbenchError: a mask is damaged.
    """
    whole: BrickMap = np.zeros((height, width), dtype=np.uint8 if len(rles) <= 255 else np.uint16)
    for number, rle in enumerate(rles, 1):
        if rle:
            whole[decode_mask(rle, height, width)] = number
    return resize_map(whole, size_px)


def resize_map(brick_map: BrickMap, size_px: int) -> BrickMap:
    """Return a brick map as (size_px, size_px), each value that of the nearest pixel."""
    if brick_map.shape == (size_px, size_px):
        return brick_map
    return np.asarray(cv2.resize(brick_map, (size_px, size_px), interpolation=cv2.INTER_NEAREST_EXACT))


def _counts(brick_map: BrickMap, where: npt.NDArray[np.bool_] | None, count: int) -> npt.NDArray[np.int64]:
    """Return how many pixels each of `count` bricks has, in all or `where`: (count,)."""
    if brick_map.dtype == np.uint8:  # OpenCV counts bytes five times as fast
        mask = None if where is None else where.view(np.uint8)
        return cv2.calcHist([brick_map], [0], mask, [256], [0, 256])[1 : count + 1, 0].astype(np.int64)
    chosen = brick_map.ravel() if where is None else brick_map[where]
    return np.bincount(chosen, minlength=count + 1)[1 : count + 1]


def _with_nan(column: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    return np.array([np.nan if value is None else value for value in column.to_pylist()], dtype=np.float32)
