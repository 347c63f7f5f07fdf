"""Maps and masks as flat rows, with what several metrics need (areas, one sort) computed once."""

from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
SignPolicy = Literal["positive", "absolute"]


class Batch:
    """M finite maps with masks that are neither empty nor full, one row of P pixels each."""

    def __init__(self, maps: FloatArray, masks: NDArray[np.bool_]) -> None:
        """Take `maps` (M, P) float64 and `masks` (M, P) bool."""
        self.maps = maps
        self.masks = masks

    @cached_property
    def area_px(self) -> NDArray[np.int64]:
        """Pixels in each mask, (M,)."""
        return np.asarray(self.masks.sum(axis=1), dtype=np.int64)

    @cached_property
    def area_share(self) -> FloatArray:
        """Share of the picture that each mask covers, (M,), above 0 and below 1."""
        return np.asarray(self.area_px / self.masks.shape[1], dtype=np.float64)

    def relevance(self, sign: SignPolicy) -> FloatArray:
        """Maps without negative values, (M, P): cut off at 0 (``positive``) or turned over (``absolute``)."""
        return np.maximum(self.maps, 0.0) if sign == "positive" else np.abs(self.maps)

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        return np.argsort(-self.maps, axis=1, kind="stable")

    @cached_property
    def sorted_maps(self) -> FloatArray:
        """Each map's values from the highest down, (M, P)."""
        return np.take_along_axis(self.maps, self._order, axis=1)

    @cached_property
    def hits(self) -> NDArray[np.int64]:
        """Mask pixels among the first 1, 2, … P pixels of each sorted map, (M, P)."""
        return np.cumsum(np.take_along_axis(self.masks, self._order, axis=1), axis=1, dtype=np.int64)

    @cached_property
    def tie_ends(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of the last pixel of every run of equal values in the sorted maps, row by row."""
        last = np.ones(self.maps.shape, dtype=bool)
        last[:, :-1] = self.sorted_maps[:, 1:] != self.sorted_maps[:, :-1]
        rows, columns = np.nonzero(last)
        return rows, columns
