"""Binned ranks against a full sort, whatever the values look like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluation.localization.binned_ranks import FEW, BinnedRanks

SHAPES = {
    "uniform": lambda rng, size: rng.random(size),
    "heavy tails": lambda rng, size: rng.standard_t(1, size),
    "few values": lambda rng, size: rng.integers(-2, 3, size),
    "mostly zeros": lambda rng, size: np.maximum(rng.normal(size=size) - 1, 0),
    "one value": lambda rng, size: np.full(size, 0.3),
    "one outlier": lambda rng, size: np.where(np.arange(size) == 7, 1e30, rng.random(size)),
    "beyond all floats": lambda rng, size: rng.choice([-3e38, 3e38, 0.0, 1e-30], size),
    "subnormal": lambda rng, size: rng.integers(0, 9, size) * 1e-45,
}


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [3, FEW + 1, 700])
def test_counts_are_those_of_a_sort(kind: str, dtype: type, count: int) -> None:
    rng = np.random.default_rng(0)
    values = SHAPES[kind](rng, 5000).astype(dtype)
    levels = np.sort(rng.choice(np.concatenate([values, np.nextafter(values, dtype(np.inf)), [dtype(0)]]), count))
    ordered = np.sort(values)
    heights = BinnedRanks(values)
    lower, not_higher = heights.below(levels)
    np.testing.assert_array_equal(lower, ordered.searchsorted(levels, "left"))
    np.testing.assert_array_equal(not_higher, ordered.searchsorted(levels, "right"))
    for rank in (0, 1, 2500, 4998, 4999):
        assert heights.nth_lowest(rank) == ordered[rank]


@given(arrays(np.float32, st.integers(1, 60), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_any_values(values: np.ndarray) -> None:
    ordered, heights = np.sort(values), BinnedRanks(values)
    levels = np.sort(np.concatenate([values, values[::-1]] * FEW))
    lower, not_higher = heights.below(levels)
    np.testing.assert_array_equal(lower, ordered.searchsorted(levels, "left"))
    np.testing.assert_array_equal(not_higher, ordered.searchsorted(levels, "right"))
    assert [heights.nth_lowest(rank) for rank in range(len(values))] == ordered.tolist()
