"""Where the bricks of some pictures are: as a map of their pixels, or as boxes; and what a crop leaves of their labels.

A brick map (S, S) holds 0 where there is no brick, and 1 + the number of the brick, in the picture's own order, that is
seen there: since visible masks do not overlap, one small picture holds all of them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset.index import open_index
from dataset.loading.viewpoint import Matrix, inside_frame
from dataset.manifest import LabelRule, Manifest
from dataset.masks import decode_mask

BrickMap = npt.NDArray[np.integer[Any]]
"""(S, S) uint8, or uint16 where a picture shows more than 255 bricks."""

_COLUMNS = "image_id, part_id, box_xywh_px, visible_px, visible_fraction, visible_rle"


class Bricks:
    """The instances of some pictures that can be seen, in the order of their instance_id; no connection is held."""

    def __init__(self, root: Path, image_ids: Sequence[str], classes: Sequence[str]) -> None:
        """Read the index of the dataset `root` for pictures with these ids; `classes` name the columns of targets."""
        self._rule: LabelRule = Manifest.load_folder(root).label_rule
        wanted = list(image_ids)
        with open_index(root) as index:
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
        found = found.take(pa.array(order))
        column_of = {part_id: column for column, part_id in enumerate(classes)}
        self._starts = np.searchsorted(rows[order], np.arange(len(wanted) + 1))
        self._columns = np.array([column_of.get(name, -1) for name in found["part_id"].to_pylist()], dtype=np.int32)
        self._boxes = np.array(found["box_xywh_px"].to_pylist(), dtype=np.float32).reshape(-1, 4)
        self._visible_px = _with_nan(found["visible_px"])
        self._visible_fraction = _with_nan(found["visible_fraction"])
        self._rles = found["visible_rle"].combine_chunks()
        self._has_mask = np.array([rle.is_valid and len(rle.as_py()) > 0 for rle in self._rles], dtype=np.bool_)

    def has_mask(self, row: int) -> bool:
        """Return whether the masks of all bricks of picture `row` are known (also if it shows none)."""
        return bool(self._has_mask[self._span(row)].all())

    def are_placed(self, row: int, target: npt.NDArray[np.float32]) -> bool:
        """Return whether a brick of every label in `target`, (C,), of picture `row` has a mask or a box."""
        return bool(np.isin(np.flatnonzero(target), self._columns[self._span(row)]).all())

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
        inside = inside_frame(matrix, kept_px, size_px)
        if inside.all():
            return target
        span = self._span(row)
        shares = self._shares(span, row, inside, brick_map)
        fraction = np.nan_to_num(self._visible_fraction[span], nan=1.0) * shares
        pixels = np.nan_to_num(self._visible_px[span], nan=np.inf) * np.maximum(shares, 1e-9)
        seen = (fraction >= self._rule.min_visible_fraction) & (pixels >= self._rule.min_visible_px) & (shares > 0)
        columns = self._columns[span]
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
            before = np.bincount(brick_map.ravel(), minlength=len(shares) + 1)[1 : len(shares) + 1]
            after = np.bincount(brick_map[inside], minlength=len(shares) + 1)[1 : len(shares) + 1]
            shares = after / np.maximum(before, 1)
            masked &= before > 0  # too small for a pixel of its own at this size: its box speaks for it
        if not masked.all():
            sums = cv2.integral(inside.view(np.uint8))
            height, width = self._sizes[row]
            left, top, wide, high = (self._boxes[span] * (len(inside) / np.array([width, height, width, height]))).T
            x0, y0 = (np.clip(np.floor(edge), 0, len(inside) - 1).astype(int) for edge in (left, top))
            x1, y1 = (
                np.clip(np.ceil(first + extent), start + 1, len(inside)).astype(int)
                for first, extent, start in ((left, wide, x0), (top, high, y0))
            )
            in_box = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
            shares = np.where(masked, shares, in_box / ((x1 - x0) * (y1 - y0)))
        return np.asarray(shares, dtype=np.float64)

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


def _with_nan(column: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    return np.array([np.nan if value is None else value for value in column.to_pylist()], dtype=np.float32)
