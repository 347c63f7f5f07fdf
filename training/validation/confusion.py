"""Which part is claimed where another one is missed: a confusion matrix for pictures with several labels.

With one label a picture, a wrong answer names what was taken for what. With several it does not: a picture in which two
parts are missed and two are invented says nothing about which stands for which. So pairs are counted, and held against
what independence of the two mistakes would give:

    observed(a, b) = pictures that show a and not b, where a is missed and b is claimed
    expected(a, b) = (where a is missed) * (where b is claimed) / (pictures), among those that show a and not b
    excess(a, b)   = (observed - expected) / (where a is missed), among the same pictures

Limits: what makes all mistakes likelier at once (darkness, occlusion, a crowd) also makes pairs of mistakes likelier;
an excess is a hint to look, no proof that the network sees b in a. Rare pairs scatter widely: hence `FEWEST`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.validation.metrics import FloatArray

FEWEST = 3
"""Observed pictures below which a pair is not listed."""


@dataclass(frozen=True)
class Confusion:
    """Counts of pictures for each ordered pair of classes, (C, C): rows are missed, columns claimed."""

    observed: FloatArray
    expected: FloatArray
    """NaN where no picture shows the one without the other."""
    missed: FloatArray
    """Pictures that show the row's class and not the column's, and where the row's is missed."""

    @property
    def excess(self) -> FloatArray:
        """Share of misses of a at which b is claimed beyond chance, (C, C), -1 to 1; NaN without a miss."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((self.observed - self.expected) / self.missed)

    def pairs(self, classes: tuple[str, ...], count: int = 20) -> list[dict[str, object]]:
        """Return the pairs with most pictures beyond chance, of those seen in `FEWEST` pictures or more."""
        beyond = np.where(self.observed >= FEWEST, np.nan_to_num(self.observed - self.expected), 0.0)
        order = np.argsort(-beyond, axis=None, kind="stable")[:count]
        chosen = [divmod(int(pair), len(classes)) for pair in order if beyond.flat[pair] > 0]
        return [
            {
                "missed": classes[a],
                "claimed": classes[b],
                "pictures": int(self.observed[a, b]),
                "by_chance": float(self.expected[a, b]),
                "misses": int(self.missed[a, b]),
                "excess": float(self.excess[a, b]),
            }
            for a, b in chosen
        ]


def confuse(logits: npt.ArrayLike, targets: npt.ArrayLike, thresholds: npt.ArrayLike = 0.0) -> Confusion:
    """Return which classes are claimed where others are missed.

    Args:
        logits: (N, C) float.
        targets: (N, C) 0 or 1.
        thresholds: (C,) logits above which a class counts as claimed, or one for all.
    """
    truth = np.asarray(targets) > 0.5
    claimed = np.asarray(logits, dtype=np.float64) > np.asarray(thresholds, dtype=np.float64)
    shown, absent = truth.astype(np.float64), (~truth).astype(np.float64)
    missed, invented = (truth & ~claimed).astype(np.float64), (claimed & ~truth).astype(np.float64)
    pictures = shown.T @ absent
    misses = missed.T @ absent
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = misses * (shown.T @ invented) / pictures
    return Confusion(observed=missed.T @ invented, expected=expected, missed=misses)
