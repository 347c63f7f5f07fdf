"""How often intervals of scores cover the truth: those of training.validation.intervals, and plain ones.

``python benchmarks/interval_coverage.py [TRIALS]`` prints the table of docs/validation.md; 300 trials take minutes.
"""

import sys

import numpy as np
import numpy.typing as npt

from core.bootstrap import interval_ends
from training.validation.intervals import estimate
from training.validation.metrics import Tally, label_metrics

SETTINGS = ((60, 5, 0.3), (300, 20, 0.06), (1000, 20, 0.1))
"""Pictures, parts, middle share of positives."""
SCORES = ("map_macro", "map_micro", "f1_macro", "exact_match")
SCORES += ("calibration_error_macro", "calibration_error_micro", "brier")
RESAMPLES = 300
TRUTH_PAIRS = 2_000_000


def draw(
    rng: np.random.Generator, pictures: int, classes: int, share: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return logits and targets, (pictures, classes): rarer and more common parts, some called too readily."""
    spread = np.linspace(-1, 1, classes)
    targets = rng.random((pictures, classes)) < np.clip(share * np.exp(spread), 0, 0.9)
    of_picture = 0.7 * rng.normal(size=(pictures, 1))
    noise = 1.2 * rng.normal(size=targets.shape)
    return np.log(share) + 2.0 * targets + noise + of_picture + spread, targets


def coverage(pictures: int, classes: int, share: float, trials: int) -> dict[str, tuple[float, float]]:
    """Return for each score the share of moved and of plain intervals that cover the truth."""
    truth = label_metrics(*draw(np.random.default_rng([1, 0]), TRUTH_PAIRS // classes, classes, share))
    hits = {name: np.zeros(2) for name in SCORES}
    for trial in range(trials):
        logits, targets = draw(np.random.default_rng([0, trial]), pictures, classes, share)
        found = estimate(Tally(logits, targets, np.arange(pictures)), seed=trial, resamples=RESAMPLES)
        for name in SCORES:
            moved, value = found.interval(name), getattr(truth, name)
            low, high = interval_ends(found.resampled[name][0], pictures)
            hits[name] += (moved.low <= value <= moved.high, low <= value <= high)
    return {name: (float(both[0]) / trials, float(both[1]) / trials) for name, both in hits.items()}


if __name__ == "__main__":
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    for setting in SETTINGS:
        found = coverage(*setting, trials)
        cells = "  ".join(f"{name} {moved:.0%} ({plain:.0%})" for name, (moved, plain) in found.items())
        print(f"{setting}: {cells}", flush=True)
