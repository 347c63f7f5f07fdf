"""What a metric returns, and the row in which it says what its numbers are worth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.settings import Settings
from evaluation.localization.batch import Batch

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Status = Literal[
    "ok",
    "empty_mask",
    "full_mask",
    "full_box",
    "zero_mass",
    "nonfinite",
    "no_others",
    "no_floor",
    "no_cutoff",
]
REASONS: dict[Status, str] = {
    "empty_mask": "the part is not in the picture",
    "full_mask": "the part fills the picture",
    "full_box": "its boxes fill the picture",
    "zero_mass": "the map has no positive value where the metric counts",
    "nonfinite": "the map holds NaN or infinity",
    "no_others": "no other brick is in the picture",
    "no_floor": "bricks fill the picture",
    "no_cutoff": "no maps of val pictures to choose the threshold on",
}
"""Why there is no value, by status."""


@dataclass(frozen=True)
class Scores:
    """One metric on N maps.

    Attributes:
        values: (N,) float64; NaN where `status` is not ``ok``.
        status: (N,) str, one of `Status`: why there is no value.
        chance: (N,) float64, what a map of independent uniform random pixels is expected to score on that mask;
            NaN where no map could have a value.
    """

    values: FloatArray
    status: NDArray[np.str_]
    chance: FloatArray


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What every row of the registries says: how its numbers are to be read."""

    name: str
    title: str
    answers: str
    """The question that it answers, in plain words."""
    settings: type[Settings]
    formula: str
    direction: Literal["higher", "lower"]
    """Which way is better."""
    range: tuple[float, float]
    chance: str
    uniform: str
    """What a uniform map scores."""
    oracle: str
    """What the mask itself scores as a map."""
    ties: str
    zero_mass: str
    negative_values: str
    source: str
    equals: str = ""
    """Another metric that gives the same numbers on purpose, under the name that its own paper gave it."""


@dataclass(frozen=True, kw_only=True)
class Metric(Definition):
    """A metric of one map on one mask."""

    compute: Callable[[Batch, Any], tuple[FloatArray, FloatArray]]
    """Values and chance levels, each (M,), of a batch whose masks are neither empty nor full; NaN means zero mass."""
    lacking: tuple[Status, Callable[[Batch, Any], BoolArray]] | None = None
    """A further reason to have no value whatever the map is, and the masks (M,) for which it holds."""
    needs_others: bool = False
    """Whether it asks where the other bricks are."""


@dataclass(frozen=True, kw_only=True)
class SplitMetric(Definition):
    """A metric of all maps of a split together, from sums over maps, so that piles can be resampled."""

    collect: Callable[[Batch, Any], FloatArray]
    """What each map adds to the sums, (M, S)."""
    finish: Callable[[FloatArray, Any], tuple[FloatArray, FloatArray, FloatArray]]
    """From sums (..., 1 + S), of which the first is the number of maps: value, chance level and threshold, each (...);
    the threshold is NaN where it has no say."""


class NoSettings(Settings):
    """A metric with nothing to set."""


def strict_values(metric: Definition, values: FloatArray, status: NDArray[np.str_]) -> FloatArray:
    """Return `values` with the worst value of `metric` where they are undefined: 0 where higher is better.

    Scores that are not there at all (status ``missing``) stay NaN, and so do those of a metric whose worst value is
    infinite. `values` and `status` have one shape, any.
    """
    worst = metric.range[0] if metric.direction == "higher" else metric.range[1]
    undefined = (status != "ok") & (status != "missing")
    return np.where(undefined, worst if np.isfinite(worst) else np.nan, values)
