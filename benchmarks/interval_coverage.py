"""How often intervals cover the truth: those of label scores and of means over piles, beside others.

``python benchmarks/interval_coverage.py labels [TRIALS]`` prints the table of docs/validation.md, 300 trials take
minutes; ``python benchmarks/interval_coverage.py means [TRIALS]`` that of docs/reporting.md.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.bootstrap import interval_ends, resample_counts
from evaluation.intervals import FloatArray, mean_interval
from training.validation.intervals import estimate
from training.validation.metrics import Tally, label_metrics

SETTINGS = ((60, 5, 0.3), (300, 20, 0.06), (1000, 20, 0.1))
"""Pictures, parts, middle share of positives."""
SCORES = ("map_macro", "map_micro", "f1_macro", "exact_match")
SCORES += ("calibration_error_macro", "calibration_error_micro", "brier")
RESAMPLES = 300
TRUTH_PAIRS = 2_000_000


@dataclass
class Tries:
    """Of one way to make intervals: how many cover the truth, how many hold the value, and how wide they are."""

    covers: int = 0
    holds_value: int = 0
    width: float = 0.0

    def add(self, low: float, high: float, truth: float, value: float) -> None:
        """Count one interval."""
        self.covers += low <= truth <= high
        self.holds_value += low <= value <= high
        self.width += high - low


def draw(
    rng: np.random.Generator, pictures: int, classes: int, share: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return logits and targets, (pictures, classes): rarer and more common parts, some called too readily."""
    spread = np.linspace(-1, 1, classes)
    targets = rng.random((pictures, classes)) < np.clip(share * np.exp(spread), 0, 0.9)
    of_picture = 0.7 * rng.normal(size=(pictures, 1))
    noise = 1.2 * rng.normal(size=targets.shape)
    return np.log(share) + 2.0 * targets + noise + of_picture + spread, targets


def coverage(pictures: int, classes: int, share: float, trials: int) -> dict[str, dict[str, Tries]]:
    """Return for each score what became of ``symmetric``, ``plain`` percentile and bias-corrected (``moved``) ones."""
    truth = label_metrics(*draw(np.random.default_rng([1, 0]), TRUTH_PAIRS // classes, classes, share))
    tries = {name: {way: Tries() for way in ("symmetric", "plain", "moved")} for name in SCORES}
    for trial in range(trials):
        logits, targets = draw(np.random.default_rng([0, trial]), pictures, classes, share)
        found = estimate(Tally(logits, targets, np.arange(pictures)), seed=trial, resamples=RESAMPLES)
        for name in SCORES:
            ours, drawn = found.interval(name), found.resampled[name][0]
            plain = interval_ends(drawn, pictures)
            moved = plain - 2 * (drawn.mean() - ours.value)
            for way, ends in (("symmetric", (ours.low, ours.high)), ("plain", plain), ("moved", moved)):
                low, high = map(float, ends)
                tries[name][way].add(low, high, getattr(truth, name), ours.value)
    return tries


def normal(rng: np.random.Generator, sizes: FloatArray) -> FloatArray:
    """Return a value for each of ``sizes.sum()`` pairs, those of a pile behind one another: 0 on average."""
    of_pile = np.repeat(rng.normal(size=len(sizes)), sizes.astype(int))
    return np.asarray(of_pile + 0.5 * rng.normal(size=len(of_pile)))


def hits(share: float) -> Callable[[np.random.Generator, FloatArray], FloatArray]:
    """Return what draws as `normal` does, but 0 or 1: `share` on average, piles from easy to hard."""

    def draw_hits(rng: np.random.Generator, sizes: FloatArray) -> FloatArray:
        of_pile = np.repeat(rng.beta(4 * share, 4 * (1 - share), size=len(sizes)), sizes.astype(int))
        return (rng.random(len(of_pile)) < of_pile).astype(np.float64)

    return draw_hits


def skewed(rng: np.random.Generator, sizes: FloatArray) -> FloatArray:
    """Return as `normal` does, but shares of which most are near 0 and some near 1 (Beta 0.4, 3)."""
    return np.repeat(rng.beta(0.4, 3.0, size=len(sizes)), sizes.astype(int))


PILES = (2, 3, 5, 7, 8, 10, 20)
KINDS: dict[str, tuple[Callable[[np.random.Generator, FloatArray], FloatArray], float, tuple[float, float]]] = {
    "normal": (normal, 0.0, (-np.inf, np.inf)),
    "0 or 1, half of them 1": (hits(0.5), 0.5, (0.0, 1.0)),
    "0 or 1, 6 % of them 1": (hits(0.06), 0.06, (0.0, 1.0)),
    "shares, skewed": (skewed, 0.4 / 3.4, (0.0, 1.0)),
}
"""What draws values, their true mean, and what bounds them."""


def mean_coverage(kind: str, piles: int, trials: int) -> tuple[float, float, float]:
    """Return the share of intervals of means that cover the truth, the same of percentile ones, and the median width.

    Piles have one to three pairs each.
    """
    draw_values, truth, bounds = KINDS[kind]
    covers = plain_covers = 0
    widths = []
    for trial in range(trials):
        rng = np.random.default_rng([2, trial])
        sizes = rng.integers(1, 4, size=piles)
        values, names = draw_values(rng, sizes.astype(np.float64)), np.repeat(np.arange(piles), sizes)
        ours = mean_interval(values, names, seed=trial, resamples=RESAMPLES, bounds=bounds)
        covers += ours.low <= truth <= ours.high
        widths.append(ours.high - ours.low)
        drawn = resample_counts(rng, piles, RESAMPLES)
        low, high = np.quantile(drawn @ np.bincount(names, values) / (drawn @ sizes), [0.025, 0.975])
        plain_covers += low <= truth <= high
    return covers / trials, plain_covers / trials, float(np.median(widths))


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else "labels"
    trials = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    if what == "means":
        for kind in KINDS:
            for piles in PILES:
                covers, plain, width = mean_coverage(kind, piles, trials)
                print(f"{kind}, {piles} piles: {covers:.1%} (percentile {plain:.1%}), {width:.2f} wide", flush=True)
        sys.exit()
    for setting in SETTINGS:
        for name, ways in coverage(*setting, trials).items():
            cells = "  ".join(
                f"{way} covers {one.covers / trials:.0%}, holds the value {one.holds_value / trials:.0%}, "
                f"is {one.width / trials:.3f} wide"
                for way, one in ways.items()
            )
            print(f"{setting} {name}: {cells}", flush=True)
