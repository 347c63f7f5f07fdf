"""What a measure says of maps, and why there is no value where there is none."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.measure import FloatArray

REASONS = {
    "empty_mask": "the part is not in the picture",
    "full_mask": "the part fills the picture",
    "full_box": "its boxes fill the picture",
    "zero_mass": "the map has no positive value where the metric counts",
    "nonfinite": "the map holds NaN or infinity",
    "no_others": "no other brick is in the picture",
    "no_floor": "bricks fill the picture",
    "no_cutoff": "no maps of val pictures to choose the threshold on",
}
"""Why a measure of localisation has no value, by status."""


@dataclass(frozen=True)
class Scores:
    """What one measure says of N maps.

    Attributes:
        values: (N,) float64; NaN where `status` is not ``ok``.
        status: (N,) str, such as those in `REASONS`: why there is no value.
        chance: (N,) float64, what a map of independent uniform random pixels is expected to score on that mask;
            NaN where no map could have a value.
    """

    values: FloatArray
    status: NDArray[np.str_]
    chance: FloatArray


@dataclass(frozen=True)
class Score:
    """What one measure says of one map."""

    value: float
    """NaN where `status` is not ``ok``."""
    status: str
    chance: float
