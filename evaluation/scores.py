"""What a metric returns, and the row in which it says what its numbers are worth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.settings import Settings
from evaluation.batch import Batch

FloatArray = NDArray[np.float64]
Status = Literal["ok", "empty_mask", "full_mask", "zero_mass", "nonfinite"]


@dataclass(frozen=True)
class Scores:
    """One metric on N maps.

    Attributes:
        values: (N,) float64; NaN where `status` is not ``ok``.
        status: (N,) str, one of `Status`: why there is no value.
        chance: (N,) float64, what a map of independent uniform random pixels is expected to score on that mask;
            NaN where the mask is empty or full.
    """

    values: FloatArray
    status: NDArray[np.str_]
    chance: FloatArray


@dataclass(frozen=True)
class Metric:
    """One row of the registry: how a metric is computed and how it is to be read."""

    name: str
    title: str
    compute: Callable[[Batch, Settings], tuple[FloatArray, FloatArray]]
    """Values and chance levels, each (M,), of a batch whose masks are neither empty nor full; NaN means zero mass."""
    settings: type[Settings]
    formula: str
    direction: Literal["higher", "lower"]
    range: tuple[float, float]
    chance: str
    ties: str
    zero_mass: str
    negative_values: str
    source: str


class NoSettings(Settings):
    """A metric with nothing to set."""
