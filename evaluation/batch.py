"""Maps and masks as flat rows, with what several metrics need (areas, one sort) computed once."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
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

    One sort of each map and one of its mask's pixels serve every metric that asks for ranks or thresholds: how many
    pixels lie above a value is a binary search.
    """

    def __init__(
        self,
        maps: NDArray[Any],
        masks: BoolArray,
        others: BoolArray | None = None,
        boxes: Sequence[IntArray] | None = None,
    ) -> None:
        """Take the batch.

        Args:
            maps: (M, H, W) float32 or float64.
            masks: (M, H, W) bool, pixels of the class.
            others: (M, H, W) bool, pixels of other bricks; None if nobody asks for them.
            boxes: for each map (B, 4) int64 x, y, width, height in px of the class's bricks; None for one box around
                each mask.
        """
        count, self.height, self.width = maps.shape
        self.pixels = self.height * self.width
        self.maps = maps.reshape(count, self.pixels)
        self.masks = masks.reshape(count, self.pixels)
        self._others = None if others is None else others.reshape(count, self.pixels)
        self._boxes = boxes
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
        return np.asarray(np.count_nonzero(self.masks, axis=1), dtype=np.int64)

    @cached_property
    def area_share(self) -> FloatArray:
        """Share of the picture that each mask covers, (M,), above 0 and below 1."""
        return np.asarray(self.area_px / self.pixels, dtype=np.float64)

    @cached_property
    def others_px(self) -> IntArray:
        """Pixels of other bricks, (M,)."""
        return np.asarray(np.count_nonzero(self.others, axis=1), dtype=np.int64)

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
        return np.asarray(np.count_nonzero(self.box_masks, axis=1) / self.pixels, dtype=np.float64)

    @cached_property
    def sorted_maps(self) -> NDArray[Any]:
        """Each map's values from the lowest up, (M, P)."""
        return np.sort(self.maps, axis=1)

    @cached_property
    def sorted_inside(self) -> list[NDArray[Any]]:
        """Values inside each mask from the lowest up: M arrays (area,)."""
        inside = self.maps[self.masks]
        rows = np.split(inside, np.cumsum(self.area_px)[:-1])
        for row in rows:
            row.sort()
        return rows

    @property
    def lowest(self) -> NDArray[Any]:
        """Each map's minimum, (M,)."""
        return self.sorted_maps[:, 0]

    @property
    def highest(self) -> NDArray[Any]:
        """Each map's maximum, (M,)."""
        return self.sorted_maps[:, -1]

    def at_least(self, levels: NDArray[Any]) -> tuple[IntArray, IntArray]:
        """Return for `levels` (M, T) how many pixels of the mask and of all are at least as high, (M, T) each."""
        return self._count(levels, "left")

    def above(self, levels: NDArray[Any]) -> tuple[IntArray, IntArray]:
        """Return for `levels` (M, T) how many pixels of the mask and of all are higher, (M, T) each."""
        return self._count(levels, "right")

    def _count(self, levels: NDArray[Any], side: Literal["left", "right"]) -> tuple[IntArray, IntArray]:
        hits, marked = np.empty(levels.shape, dtype=np.int64), np.empty(levels.shape, dtype=np.int64)
        for row, inside in enumerate(self.sorted_inside):
            hits[row] = len(inside) - inside.searchsorted(levels[row], side)
            marked[row] = self.pixels - self.sorted_maps[row].searchsorted(levels[row], side)
        return hits, marked

    def at_least_shares(self, shares: FloatArray, scale: Scale) -> tuple[IntArray, IntArray]:
        """Return as `at_least`, for `shares` (T,) of each map's maximum or of its way from minimum to maximum.

        Values are divided, shares are not multiplied: the highest is exactly 1 whatever the scale of the map. Maps
        without a positive value (``maximum``) or of one value (``min_max``) count as zeros.
        """
        wanted = shares.astype(self.maps.dtype)
        hits, marked = np.empty((len(self), len(shares)), np.int64), np.empty((len(self), len(shares)), np.int64)
        for row, (inside, everything) in enumerate(zip(self.sorted_inside, self.sorted_maps, strict=True)):
            low = everything[0] if scale == "min_max" else everything.dtype.type(0)
            hits[row] = len(inside) - _scaled(inside, low, everything[-1]).searchsorted(wanted)
            marked[row] = self.pixels - _scaled(everything, low, everything[-1]).searchsorted(wanted)
        return hits, marked

    def scaled(self, row: int, scale: Scale) -> NDArray[Any]:
        """Return map `row` (H, W) as shares, as in `at_least_shares`."""
        low = self.lowest[row] if scale == "min_max" else self.maps.dtype.type(0)
        return _scaled(self.maps[row], low, self.highest[row]).reshape(self.height, self.width)

    @cached_property
    def steps(self) -> Steps:
        """The values at which a falling threshold takes in pixels of the mask."""
        values, equals, marked, marked_equals = [], [], [], []
        for inside, everything in zip(self.sorted_inside, self.sorted_maps, strict=True):
            firsts = np.flatnonzero(np.concatenate(([True], inside[1:] != inside[:-1])))
            value, equal = inside[firsts], np.diff(firsts, append=len(inside))
            below = everything.searchsorted(value)
            # Only where the value goes on beyond the mask's own pixels is its last place searched for.
            ends = below + equal
            longer = np.flatnonzero((ends < self.pixels) & (everything[np.minimum(ends, self.pixels - 1)] == value))
            ends[longer] = everything.searchsorted(value[longer], "right")
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
            marked=np.concatenate(marked).astype(np.int64),
            marked_equal=np.concatenate(marked_equals).astype(np.int64),
        )

    def mass(self, sign: SignPolicy) -> FloatArray:
        """Return each map's mass, (M,): the sum of its positive values, or of the sizes of all (``absolute``)."""
        if sign not in self._masses:
            self._masses[sign] = self._sum(self.maps, sign)
        return self._masses[sign]

    def mass_in(self, region: BoolArray, sign: SignPolicy) -> FloatArray:
        """Return each map's mass in `region` (M, P), (M,), in the same unit as `mass`."""
        ends = np.cumsum(np.count_nonzero(region, axis=1))
        rows = np.split(self.maps[region], ends[:-1])
        return np.array([self._sum(row[None], sign, self._unit[at : at + 1])[0] for at, row in enumerate(rows)])

    @cached_property
    def _unit(self) -> FloatArray:
        """A power of two near the largest size in each map, (M,): sums must neither vanish nor overflow."""
        size = np.maximum(np.abs(self.lowest), np.abs(self.highest)).astype(np.float64)
        return np.asarray(np.ldexp(1.0, np.clip(np.frexp(size)[1], -1000, 1000)), dtype=np.float64)

    def _sum(self, values: NDArray[Any], sign: SignPolicy, unit: FloatArray | None = None) -> FloatArray:
        relevance = np.maximum(values, 0) if sign == "positive" else np.abs(values)
        if relevance.dtype == np.float32:  # float64 holds any sum of them
            return np.asarray(relevance.sum(axis=1, dtype=np.float64))
        divisor = self._unit if unit is None else unit
        return np.asarray((relevance / divisor[:, None]).sum(axis=1), dtype=np.float64)


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
