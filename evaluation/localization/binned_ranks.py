"""The values of one map by height, sorted only where somebody looks.

Rank metrics ask how many pixels lie below each value that the mask holds. Sorting all pixels for that took three
quarters of the time of all metrics. Here they are put into bins, and only bins that hold a value asked for are sorted.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

BINS = 1 << 15
"""The lowest value has the first bin to itself, since half of a map may be its floor. The others share the span from
the 1st to the 99th percentile, 1.5 pixels of a 224 x 224 map each; half as many took a tenth longer."""

FEW = 8
"""Levels that are compared with all values one by one: as many cost as much as the bins do."""

SAMPLE = 1024
"""Pixels, evenly spaced, that the percentiles are taken from. They decide how fast this is, never what comes out."""


class BinnedRanks:
    """How many of a map's values lie below a level, and which is the n-th."""

    def __init__(self, values: NDArray[Any]) -> None:
        """Take the finite values (P,) of a map, float32 or float64."""
        self._values = values

    def below(self, levels: NDArray[Any]) -> tuple[IntArray, IntArray]:
        """Return for rising `levels` (L,), of the values' dtype, how many values are lower, and how many not higher."""
        if len(levels) <= FEW:
            lower = [np.count_nonzero(self._values < level) for level in levels]
            not_higher = [np.count_nonzero(self._values <= level) for level in levels]
            return np.array(lower, dtype=np.int64), np.array(not_higher, dtype=np.int64)
        wanted = self._keys(levels)
        firsts = np.flatnonzero(np.diff(wanted, prepend=np.uint16(BINS)))  # each bin's first level
        bins = wanted[firsts].astype(np.int64)
        marked = np.zeros(BINS, dtype=np.bool_)
        marked[bins] = True
        marked[0] = False
        picked = self._values.take(np.flatnonzero(marked.take(self._bins)))  # faster than by the booleans
        picked.sort()
        sizes = (self._before[bins + 1] - self._before[bins]) * marked[bins]
        left_out = self._before[bins] - (np.cumsum(sizes) - sizes)  # of lower values
        left_out = np.repeat(left_out, np.diff(firsts, append=len(levels)))
        lower, not_higher = (left_out + picked.searchsorted(levels, side) for side in ("left", "right"))
        lowest = np.flatnonzero(wanted == 0)
        lower[lowest] = 0
        not_higher[lowest] = np.where(levels[lowest] == self._lowest, self._before[1], 0)
        return lower, not_higher

    def nth_lowest(self, rank: int) -> Any:
        """Return the value that `rank` others precede in rising order."""
        wanted = int(self._before.searchsorted(rank, "right")) - 1  # the last bin that begins at or before it
        picked = self._values[self._bins == wanted]
        at = rank - int(self._before[wanted])
        return np.partition(picked, at)[at]

    @cached_property
    def _lowest(self) -> Any:
        return self._values.min()

    @cached_property
    def _range(self) -> tuple[Any, Any]:
        """Return where the bins begin, and bins to the unit; both of the values' dtype."""
        sample = np.sort(self._values[:: max(1, len(self._values) // SAMPLE)])
        edge = len(sample) // 100
        low, high = sample[edge], sample[len(sample) - 1 - edge]
        if not high > low:
            low, high = self._lowest, self._values.max()
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            bins_a_unit = sample.dtype.type(BINS) / (high - low)
        # A span that floats cannot hold, or none: all but the lowest share one bin, which is then sorted whole.
        return low, bins_a_unit if np.isfinite(bins_a_unit) else sample.dtype.type(0)

    def _keys(self, values: NDArray[Any]) -> NDArray[np.uint16]:
        """Return each value's bin: never a lower one for a higher value, since floats round without changing order."""
        low, bins_a_unit = self._range
        if bins_a_unit == 0:
            return np.asarray(values > self._lowest, dtype=np.uint16)
        with np.errstate(over="ignore"):  # far beyond the range is as good as at its end
            places = values - low
            places *= bins_a_unit
        bins = np.clip(places, 1, BINS - 1, out=places).astype(np.uint16)
        bins *= values > self._lowest
        return np.asarray(bins)

    @cached_property
    def _bins(self) -> NDArray[np.uint16]:
        return self._keys(self._values)

    @cached_property
    def _before(self) -> NDArray[np.int32]:
        """How many values lie in lower bins, and how many there are, (BINS + 1,)."""
        before = np.zeros(BINS + 1, dtype=np.int32)
        before[1:] = np.bincount(self._bins, minlength=BINS)
        return np.cumsum(before, dtype=np.int32)
