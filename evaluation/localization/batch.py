"""Maps and masks as flat rows, with what several metrics need (areas, one sort) computed once."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.localization.binned_ranks import BinnedRanks
from evaluation.measure import BoolArray, FloatArray

IntArray = NDArray[np.int64]
SignPolicy = Literal["positive", "absolute"]
Scale = Literal["maximum", "min_max"]


class Steps(NamedTuple):
    """The distinct values that each map takes inside its mask, all maps behind one another, each from the lowest up."""

    row: IntArray
    """Which map."""
    value: NDArray[Any]
    starts: IntArray
    """Where each map's steps begin, (M,)."""
    equal: IntArray
    """Mask pixels of exactly that value."""
    hits: IntArray
    """Mask pixels of at least that value."""
    marked: IntArray
    """All pixels of at least that value."""
    marked_equal: IntArray
    """All pixels of exactly that value."""


class Batch:
    """M finite maps with masks that are neither empty nor full, one row of P pixels each.

    One ordering of each map by height and one sort of its mask's pixels serve every metric that asks for ranks or
    thresholds.
    """

    def __init__(
        self,
        maps: NDArray[Any],
        masks: BoolArray,
        others: BoolArray | None = None,
        boxes: Sequence[IntArray] | None = None,
        cell_px: FloatArray | None = None,
    ) -> None:
        """Take the batch.

        Args:
            maps: (M, H, W) float32 or float64.
            masks: (M, H, W) bool, pixels of the class.
            others: (M, H, W) bool, pixels of other bricks; None if nobody asks for them.
            boxes: for each map (B, 4) int64 x, y, width, height in px of the class's bricks; None for one box around
                each mask.
            cell_px: (M,) the side of a cell of each map's own grid, in px of the masks; None takes 1.
        """
        count, self.height, self.width = maps.shape
        self.pixels = self.height * self.width
        self.maps = maps.reshape(count, self.pixels)
        self.masks = masks.reshape(count, self.pixels)
        self._others = None if others is None else others.reshape(count, self.pixels)
        self._boxes = boxes
        self.cell_px = np.ones(count) if cell_px is None else cell_px
        self._masses: dict[SignPolicy, FloatArray] = {}

    def __len__(self) -> int:
        """Return the number of maps M."""
        return len(self.maps)

    @property
    def others(self) -> BoolArray:
        """Pixels of other bricks, (M, P)."""
        assert self._others is not None, "the caller makes sure of it (Metric.needs_others)"
        return self._others

    @cached_property
    def area_px(self) -> IntArray:
        """Pixels in each mask, (M,)."""
        return count_rows(self.masks)

    @cached_property
    def area_share(self) -> FloatArray:
        """Share of the picture that each mask covers, (M,), above 0 and below 1."""
        return np.asarray(self.area_px / self.pixels, dtype=np.float64)

    @cached_property
    def others_px(self) -> IntArray:
        """Pixels of other bricks, (M,)."""
        return count_rows(self.others)

    @cached_property
    def boxes(self) -> Sequence[IntArray]:
        """For each map (B, 4) x, y, width, height in px."""
        if self._boxes is not None:
            return self._boxes
        return [_around(mask) for mask in self.masks.reshape(-1, self.height, self.width)]

    @cached_property
    def box_masks(self) -> BoolArray:
        """Union of the boxes of each map, (M, P)."""
        masks = np.zeros((len(self), self.height, self.width), dtype=np.bool_)
        for mask, boxes in zip(masks, self.boxes, strict=True):
            for x, y, width, height in boxes.tolist():
                mask[max(y, 0) : y + height, max(x, 0) : x + width] = True
        return masks.reshape(len(self), self.pixels)

    @cached_property
    def box_share(self) -> FloatArray:
        """Share of the picture that the union of boxes covers, (M,)."""
        return np.asarray(count_rows(self.box_masks) / self.pixels, dtype=np.float64)

    @cached_property
    def heights(self) -> list[BinnedRanks]:
        """Each map's values by height: M of them."""
        return [BinnedRanks(row) for row in self.maps]

    @cached_property
    def sorted_inside(self) -> list[NDArray[Any]]:
        """Values inside each mask from the lowest up: M arrays (area,)."""
        inside = self.maps[self.masks]
        rows = np.split(inside, np.cumsum(self.area_px)[:-1])
        for row in rows:
            row.sort()
        return rows

    @cached_property
    def lowest(self) -> NDArray[Any]:
        """Each map's minimum, (M,)."""
        return np.asarray(self.maps.min(axis=1))

    @cached_property
    def highest(self) -> NDArray[Any]:
        """Each map's maximum, (M,)."""
        return np.asarray(self.maps.max(axis=1))

    def nth_highest(self, place: IntArray) -> NDArray[Any]:
        """Return each map's value at its `place` (M,) from the top, 1 being the highest, (M,)."""
        lowest_first = (self.pixels - place).tolist()
        found = [heights.nth_lowest(rank) for heights, rank in zip(self.heights, lowest_first, strict=True)]
        return np.array(found, dtype=self.maps.dtype)

    def at_least(self, level: NDArray[Any]) -> tuple[IntArray, IntArray]:
        """Return for a `level` of each map (M,) how many pixels of the mask and of all are as high, (M,) each."""
        return self._count(np.greater_equal, level)

    def above(self, level: NDArray[Any]) -> tuple[IntArray, IntArray]:
        """Return for a `level` of each map (M,) how many pixels of the mask and of all are higher, (M,) each."""
        return self._count(np.greater, level)

    def _count(self, compare: Callable[..., BoolArray], level: NDArray[Any]) -> tuple[IntArray, IntArray]:
        hits, everywhere = np.empty(len(self), dtype=np.int64), np.empty(len(self), dtype=np.int64)
        for row, (values, mask) in enumerate(zip(self.maps, self.masks, strict=True)):
            marked = compare(values, level[row])
            everywhere[row] = np.count_nonzero(marked)
            hits[row] = np.count_nonzero(marked & mask)
        return hits, everywhere

    def at_least_shares(self, shares: FloatArray, scale: Scale) -> tuple[IntArray, IntArray]:
        """Return as `at_least`, (M, T) each, for shares (T,) of each map's maximum or of its way from minimum to it.

        Values are divided, shares are not multiplied: the highest is exactly 1 whatever the scale of the map. Maps
        without a positive value (``maximum``) or of one value (``min_max``) count as zeros.
        """
        wanted = shares.astype(self.maps.dtype)
        hits, marked = np.empty((len(self), len(shares)), np.int64), np.empty((len(self), len(shares)), np.int64)
        for row, inside in enumerate(self.sorted_inside):
            low = self.lowest[row] if scale == "min_max" else self.maps.dtype.type(0)
            high = self.highest[row]
            hits[row] = len(inside) - _scaled(inside, low, high).searchsorted(wanted)
            marked[row] = self.pixels - BinnedRanks(_scaled(self.maps[row], low, high)).below(wanted)[0]
        return hits, marked

    def scaled(self, row: int, scale: Scale) -> NDArray[Any]:
        """Return map `row` (H, W) as shares, as in `at_least_shares`."""
        low = self.lowest[row] if scale == "min_max" else self.maps.dtype.type(0)
        return _scaled(self.maps[row], low, self.highest[row]).reshape(self.height, self.width)

    @cached_property
    def steps(self) -> Steps:
        """The values at which a falling threshold takes in pixels of the mask."""
        values, equals, marked, marked_equals = [], [], [], []
        for inside, heights in zip(self.sorted_inside, self.heights, strict=True):
            firsts = np.flatnonzero(np.concatenate(([True], inside[1:] != inside[:-1])))
            value, equal = inside[firsts], np.diff(firsts, append=len(inside))
            below, ends = heights.below(value)
            values.append(value)
            equals.append(equal)
            marked.append(self.pixels - below)
            marked_equals.append(ends - below)
        counts = np.array([len(value) for value in values], dtype=np.int64)
        starts = np.cumsum(counts) - counts
        equal = np.concatenate(equals).astype(np.int64)
        so_far = np.cumsum(equal) - equal  # mask pixels in all steps before, of this map and the maps before it
        row = np.repeat(np.arange(len(self)), counts)
        hits = (so_far[starts] + self.area_px)[row] - so_far
        return Steps(
            row=row,
            value=np.concatenate(values),
            starts=starts,
            equal=equal,
            hits=hits,
            marked=np.concatenate(marked),
            marked_equal=np.concatenate(marked_equals),
        )

    def mass(self, sign: SignPolicy) -> FloatArray:
        """Return each map's mass, (M,): the sum of its positive values, or of the sizes of all (``absolute``)."""
        if sign not in self._masses:
            self._masses[sign] = np.array([self._sum(values, sign, row) for row, values in enumerate(self.maps)])
        return self._masses[sign]

    def mass_in(self, region: BoolArray, sign: SignPolicy) -> FloatArray:
        """Return each map's mass in `region` (M, P), (M,), in the same unit as `mass`."""
        ends = np.cumsum(count_rows(region))
        rows = np.split(self.maps[region], ends[:-1])
        return np.array([self._sum(values, sign, row) for row, values in enumerate(rows)])

    @cached_property
    def _unit(self) -> FloatArray:
        """A power of two near the largest size in each map, (M,): sums must neither vanish nor overflow."""
        size = np.maximum(np.abs(self.lowest), np.abs(self.highest)).astype(np.float64)
        return np.asarray(np.ldexp(1.0, np.clip(np.frexp(size)[1], -1000, 1000)), dtype=np.float64)

    def _sum(self, values: NDArray[Any], sign: SignPolicy, row: int) -> float:
        """Return the mass of some `values` (n,) of map `row`."""
        relevance = np.maximum(values, 0) if sign == "positive" else np.abs(values)
        if relevance.dtype == np.float32:  # float64 holds any sum of them
            return float(relevance.sum(dtype=np.float64))
        return float((relevance / self._unit[row]).sum())


def count_rows(marked: BoolArray) -> IntArray:
    """Return how many of each row (M, P) are true, (M,): one row at a time it is ten times as fast as with an axis."""
    return np.array([np.count_nonzero(row) for row in marked], dtype=np.int64)


def _around(mask: BoolArray) -> IntArray:
    """Return the tight box (1, 4) x, y, width, height around `mask` (H, W), which is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = columns[0], rows[0]
    return np.array([[left, top, columns[-1] - left + 1, rows[-1] - top + 1]], dtype=np.int64)


def _scaled(values: NDArray[Any], low: Any, high: Any) -> NDArray[Any]:
    """Return (values - low) / (high - low), zeros where that has no positive divisor."""
    if not high > low:
        return np.zeros_like(values)
    if high / 2 - low / 2 > np.finfo(values.dtype).max / 2:  # two huge values of opposite sign
        values, low, high = values / 2, low / 2, high / 2
    with np.errstate(over="ignore"):  # far below a tiny maximum is minus infinity, which is as good
        return np.asarray((values - low) / (high - low))
