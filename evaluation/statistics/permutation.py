"""Sign-flip tests, and Holm's correction for many of them.

Were the two methods of a pair interchangeable, each pile's difference could as well be negative.
"""

import numpy as np

from core.seeding import Purpose, generator
from evaluation.intervals import FloatArray

FLIPS = 9_999
"""At least so many: p is then known to a tenth of itself at 0.01."""
MOST_FLIPS = 300_000
"""Twenty seconds for 4,500 comparisons over 200 piles."""
_STREAM = 1  # of the seed's resampling; the bootstrap has the one without a number
_AT_ONCE = 1024  # flips; the same whatever the columns, or else they would change which flips are drawn


def flips_for(comparisons: int) -> int:
    """Return how many flips tell apart what Holm's correction over `comparisons` asks for.

    The smallest p is 1 / (flips + 1). With 100 flips a comparison the smallest corrected one is about 0.01, or else
    nothing could ever be told apart among many.
    """
    return min(max(FLIPS, 100 * comparisons - 1), MOST_FLIPS)


def sign_flip_p_values(sums: FloatArray, *, seed: int, flips: int = FLIPS) -> FloatArray:
    """Return the two-sided p of each column of paired differences, (C,): 1 where there is no difference, NaN of NaN.

    Args:
        sums: (C, G), each pile's sum of differences; all pairs of a pile are flipped together. The statistic is the
            size of the total, which orders flips as the mean difference does.
        seed: of the random flips; all columns see the same ones.
        flips: how many at random. If there are no more different ones than that, all are tried and p is exact.

    Source: Fisher 1935, section 21; Good 2005; (b + 1) / (m + 1) for m random flips
    after Phipson and Smyth 2010. Equal to ``scipy.stats.permutation_test`` with ``permutation_type="samples"``.
    """
    columns, piles = sums.shape
    observed = np.abs(sums.sum(axis=1))
    reach = observed - 1e-12 * np.abs(sums).sum(axis=1)  # sums in another order may round below
    exact = piles <= 62 and 2 ** (piles - 1) <= flips + 1
    total = 2 ** (piles - 1) if exact else flips
    rng = generator(seed, Purpose.BOOTSTRAP, _STREAM)
    as_large = np.zeros(columns)
    for start in range(0, total, _AT_ONCE):
        rows = min(_AT_ONCE, total - start)
        negative = _all_flips(start, rows, piles) if exact else rng.integers(0, 2, size=(rows, piles), dtype=np.int8)
        as_large += (np.abs((1.0 - 2.0 * negative) @ sums.T) >= reach).sum(axis=0)
    p_values = as_large / total if exact else (as_large + 1) / (total + 1)
    return np.where(np.isnan(observed), np.nan, np.minimum(p_values, 1.0))


def _all_flips(start: int, rows: int, piles: int) -> FloatArray:
    """Return flips `start` to ``start + rows``, one a row; the last pile keeps its sign, as |total| is symmetric."""
    numbers = np.arange(start, start + rows, dtype=np.int64)
    return ((numbers[:, None] >> np.arange(piles)) & 1).astype(np.float64)


def holm(p_values: FloatArray) -> FloatArray:
    """Return p values adjusted for being (C,) comparisons; NaN stays NaN and is not counted.

    The chance that even one of the true null hypotheses has an adjusted p of at most a is at most a, whatever the
    comparisons have to do with each other.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    adjusted = np.full(len(p_values), np.nan)
    defined = np.flatnonzero(~np.isnan(p_values))
    order = defined[np.argsort(p_values[defined], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted
