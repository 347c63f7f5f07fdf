"""Intervals of means over few units of unequal size, by Student's t, and where all units agree."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from core.bootstrap import FEWEST_RESAMPLED, LEVEL, interval_ends

FloatArray = NDArray[np.float64]
Ends = tuple[float, float]
UNBOUNDED: Ends = (-np.inf, np.inf)
_NO_ENDS: Ends = (np.nan, np.nan)


def mean_ends(
    sums: FloatArray, counts: FloatArray, resampled: NDArray[Any], *, bounds: Ends = UNBOUNDED, level: float = LEVEL
) -> Ends:
    """Return the ends of the interval of a mean over values that come in units, such as pairs in piles.

    Args:
        sums: (G,), the sum of each unit's values.
        counts: (G,), how many values each unit has; those without one do not count as units.
        resampled: (B,), the mean on each resample of units: from `FEWEST_RESAMPLED` units on they decide.
        bounds: between which a single value lies.
        level: share of intervals that should cover the truth.

    With fewer units it is Student's t (`student_ends`), cut off at `bounds`. Where all units have the same mean neither
    way has a width: then it is `agreed_ends`, whatever their number. NaN with fewer than two units.
    """
    units = int((counts > 0).sum())
    if units < 2:
        return _NO_ENDS
    residuals = ratio_residuals(sums, counts)
    mean = float(sums.sum() / counts.sum())
    if np.abs(residuals).max() <= 1e-12 * np.abs(sums).max() / counts.sum():
        return agreed_ends(mean, units, bounds, level)
    if units < FEWEST_RESAMPLED:
        low, high = student_ends(mean, residuals, units, level)
        return max(low, bounds[0]), min(high, bounds[1])
    low, high = interval_ends(resampled, units, level).tolist()
    return low, high


def ratio_residuals(sums: FloatArray, counts: FloatArray) -> FloatArray:
    """Return how far each unit moves the mean of all values, (G,): its sum less what its count leads to expect."""
    total = counts.sum()
    return np.asarray((sums - sums.sum() / total * counts) / total)


def student_ends(value: float, residuals: FloatArray, units: int, level: float = LEVEL) -> Ends:
    """Return `value` less and plus Student's t times its standard error, from the `residuals` (G,) of its units.

    The mean over values is a ratio, of the units' sums to their counts; linearised, its variance is units / (units - 1)
    times the sum of squared residuals. With equal counts this is the ordinary t interval of the units' means. `units`
    less one are the degrees of freedom.

    Source: Student 1908; Cochran 1977, Sampling techniques, section 6.4 (ratio estimators) and 9A.1 (clusters).
    """
    error = np.sqrt(units / (units - 1) * (residuals**2).sum())
    reach = float(t.ppf((1 + level) / 2, units - 1) * error)
    return value - reach, value + reach


def agreed_ends(value: float, units: int, bounds: Ends, level: float = LEVEL) -> Ends:
    """Return the ends of the interval of a mean where every one of `units` has the mean `value`.

    Had a unit another mean than `value` with a probability above r, with (1 - r)^units = 1 - level, one would have been
    seen in more than `level` of cases. A probability of r can move the mean by r times the way to either bound: the
    rule of three, for any values between `bounds`. NaN without bounds.

    Source: Clopper and Pearson 1934, one-sided; Hanley and Lippman-Hand 1983, If nothing goes wrong, is everything all
    right?
    """
    if units < 2 or not np.isfinite(bounds).all():
        return _NO_ENDS
    unlike = 1 - (1 - level) ** (1 / units)
    low, high = (float(value + unlike * (end - value)) for end in bounds)
    return low, high
