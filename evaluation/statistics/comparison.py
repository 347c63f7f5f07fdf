"""Two columns of scores on one metric: which is better, and the same as a row of a table."""

from dataclasses import dataclass

import numpy as np

from evaluation.intervals import Interval
from evaluation.measures import MEASURES
from evaluation.statistics.effects import Effect

ALPHA = 0.05
"""Two are told apart where the corrected p lies below this."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The first one's score minus the second's, over the pairs where both have one."""

    metric: str
    effect: Effect
    p_corrected: float
    """Holm's, over all comparisons that were made beside this one."""

    @property
    def interval(self) -> Interval:
        """Return the mean difference with its interval."""
        return self.effect.mean

    @property
    def sign(self) -> int:
        """1 where the first is better by the corrected test, -1 where worse, 0 where they are not told apart."""
        if not self.p_corrected < ALPHA:
            return 0
        return int(np.sign(self.interval.mean)) * (1 if MEASURES[self.metric].direction == "higher" else -1)

    def verdict(self, first: str, second: str) -> str:
        """Return which of `first` and `second` is better, in words."""
        better = {1: first, -1: second}.get(self.sign)
        return "not told apart" if better is None else f"{better} {MEASURES[self.metric].direction}"

    def columns(self, verdict: str) -> dict[str, object]:
        """Return the numbers, with `verdict` behind them, as columns of a table."""
        effect = self.effect
        return {
            "difference": effect.mean.mean,
            "low": effect.mean.low,
            "high": effect.mean.high,
            "median": effect.median,
            "p": effect.p_value,
            "p_holm": self.p_corrected,
            **effect.standardised.as_row("d_z"),
            **effect.superiority.as_row("superiority"),
            "pairs": effect.mean.values,
            "piles": effect.mean.piles,
            "verdict": verdict,
        }


SHORT_COLUMNS = ("difference", "low", "high", "p_holm", "d_z", "superiority", "pairs", "piles", "verdict")
"""What a terminal has room for; JSON has all."""


def strict_column(*, strict: bool) -> dict[str, object]:
    """Return the column that marks rows in which undefined scores count as the worst value; none where not."""
    return {"strict": True} if strict else {}
