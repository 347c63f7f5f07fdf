"""Sums over piles, from which means, effects and tests of many columns of values follow at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Piles:
    """Which of G piles each of N pairs belongs to."""

    member: NDArray[np.intp]
    """(N,) 0 to G - 1"""
    count: int
    """G"""

    @classmethod
    def of(cls, names: NDArray[Any]) -> "Piles":
        """Return the piles called `names`, (N,)."""
        found, member = np.unique(names, return_inverse=True)
        return cls(np.asarray(member, dtype=np.intp), len(found))

    def sums(self, values: FloatArray) -> FloatArray:
        """Return the sums of `values` (..., N) over the pairs of each pile, (..., G); NaN counts as 0."""
        flat = np.nan_to_num(values, nan=0.0).reshape(-1, values.shape[-1])
        totals = np.zeros((len(flat), self.count))
        for row, column in zip(totals, flat, strict=True):
            row[:] = np.bincount(self.member, weights=column, minlength=self.count)
        return totals.reshape(*values.shape[:-1], self.count)

    def counts(self, values: FloatArray) -> FloatArray:
        """Return how many of `values` (..., N) are defined in each pile, (..., G)."""
        return self.sums((~np.isnan(values)).astype(np.float64))
