"""Intervals of label scores that resample groups: views of a pile and duplicate photos are drawn together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.bootstrap import Estimate, resample_counts, symmetric_ends
from core.seeding import Purpose, generator
from training.validation.metrics import FloatArray, Tally

RESAMPLES = 1000
FEWEST_GROUPS = 10
"""Below this the interval of a stratum says more about the bootstrap than about the network: none is given."""
_AT_ONCE = 16  # resamples a product. Measured with 10,000 pictures of 85 classes: 6 ms each; at 64, 12 (out of cache)


CLASS_SCORES = ("average_precision", "f1", "precision", "recall", "calibration_error")


@dataclass(frozen=True)
class Estimates:
    """Scores and what they were on each resample."""

    values: Mapping[str, FloatArray]
    """By name: (K,) with K = 1 for scores of all classes together, the number of classes for scores of each."""
    resampled: Mapping[str, FloatArray]
    """By name: (K, resamples)."""
    units: Sequence[int]
    """Groups with a positive of each class."""
    groups: int

    def interval(self, name: str) -> Estimate:
        """Return one of `SCORES` with its interval."""
        return intervals(self.values[name], self.resampled[name], [self.groups])[0]

    def less(self, other: "Estimates", name: str) -> Estimate:
        """Return how much higher one of `SCORES` is here than in `other`, whose resamples pair with these."""
        units = [min(self.groups, other.groups)]
        drawn = self.resampled[name] - other.resampled[name]
        return intervals(self.values[name] - other.values[name], drawn, units, lowest=-1.0)[0]

    def class_intervals(self, name: str) -> list[Estimate]:
        """Return one of `CLASS_SCORES` for each class; a class shown in one group alone has no interval."""
        return intervals(self.values[name], self.resampled[name], self.units)


def estimate(tally: Tally, *, seed: int, resamples: int = RESAMPLES, key: int = 0, by_class: bool = False) -> Estimates:
    """Return all scores of `tally`, as they are and on resampled groups; `by_class` also those of each class.

    `key` is another stream of the same seed, for sets that are to be drawn independently.
    """
    values = _collect(tally, [np.ones((tally.units, 1))], by_class)
    resampled = {name: np.zeros((len(value), 0)) for name, value in values.items()} | _collect(
        tally, resampled_weights(tally.units, seed=seed, resamples=resamples, key=key), by_class
    )
    return Estimates(
        values={n: v[:, 0] for n, v in values.items()},
        resampled=resampled,
        units=tally.positive_units.tolist(),
        groups=tally.units,
    )


def intervals(values: FloatArray, resampled: FloatArray, units: Sequence[int], lowest: float = 0.0) -> list[Estimate]:
    """Return (K,) scores with their intervals, from (K, resamples) resampled ones and (K,) numbers of units.

    They are `core.bootstrap.symmetric_ends`, within `lowest` and 1. A calibration error takes the absolute value of
    each bin's noise, and few positives flatter an average precision; resamples repeat that on top, so that plain
    percentile intervals lie beside the truth, and beside the value (``benchmarks/interval_coverage.py``).
    """
    ends_of = []
    for value, drawn, count in zip(values, resampled, units, strict=True):
        low, high = np.clip(symmetric_ends(float(value), drawn, count), lowest, 1.0)
        ends_of.append(Estimate(float(value), float(low), float(high)))
    return ends_of


def resampled_weights(units: int, *, seed: int, resamples: int = RESAMPLES, key: int = 0) -> Iterator[FloatArray]:
    """Yield how often each of `units` groups is drawn, (units, B) at a time, `resamples` columns in all."""
    rng = generator(seed, Purpose.BOOTSTRAP, key)
    for start in range(0, resamples, _AT_ONCE):
        counts = resample_counts(rng, units, min(_AT_ONCE, resamples - start))
        yield np.ascontiguousarray(counts.T, dtype=np.float64)


def _collect(tally: Tally, blocks: Iterable[FloatArray], by_class: bool) -> dict[str, FloatArray]:
    parts: dict[str, list[FloatArray]] = {}
    for weights in blocks:
        for name, drawn in tally.scores(weights).items():
            parts.setdefault(name, []).append(drawn[None])
        if by_class:
            scores = tally.class_scores(weights)
            for name in CLASS_SCORES:
                parts.setdefault(name, []).append(getattr(scores, name))
    return {name: np.concatenate(columns, axis=1) for name, columns in parts.items()}
