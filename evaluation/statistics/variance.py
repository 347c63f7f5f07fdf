"""How much of the variation of scores is training's, and how much the pictures': components of variance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import FloatArray, Piles
from evaluation.statistics.align import align
from evaluation.statistics.table import MethodLabel, ScoreTable

SOURCES = ("run", "pile", "pair", "run_by_pile", "rest")


@dataclass(frozen=True)
class Components:
    """Components of variance of scores of R runs (or checkpoints) on the same N pairs in G piles.

    Each is the variance of one random effect, 0 where the estimate fell below it.
    """

    run: float
    """Between runs: how well a training came out, on all pictures alike."""
    pile: float
    """Between piles: how hard they are for every run."""
    pair: float
    """Between pairs of picture and part of the same pile."""
    run_by_pile: float
    """What a pile is to one run and not to others."""
    rest: float
    """The same for single pairs, with noise of the method itself."""
    runs: int
    piles: int
    pairs: int
    mean: float
    concentration: float
    """Sum over piles of the square of their share of the pairs; 1 / G where all have as many."""

    @property
    def total(self) -> float:
        """Variance of one score of a new run on a new pile."""
        return self.run + self.pile + self.pair + self.run_by_pile + self.rest

    def share(self, source: str) -> float:
        """Return the share of one of `SOURCES` in the total; NaN where nothing varies."""
        return float(getattr(self, source)) / self.total if self.total > 0 else np.nan

    @property
    def error_same_runs(self) -> float:
        """Standard error of the mean for new piles shown to these very runs."""
        by_pile = (self.pile + self.run_by_pile / self.runs) * self.concentration
        return float(np.sqrt(by_pile + (self.pair + self.rest / self.runs) / self.pairs))

    @property
    def error_new_runs(self) -> float:
        """Standard error of the mean for new piles and new runs: what a claim about the method needs."""
        return float(np.sqrt(self.error_same_runs**2 + self.run / self.runs))


@dataclass(frozen=True)
class Variation:
    """Where the scores of one method on one metric vary: between runs, between pictures, or both at once."""

    method: MethodLabel
    metric: str
    components: Components

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON: shares of the total variance, and the two standard errors."""
        parts = self.components
        row: dict[str, object] = {"method": self.method.name, "metric": self.metric, "mean": parts.mean}
        row |= {f"{source}_share": parts.share(source) for source in SOURCES}
        row |= {"error_same_runs": parts.error_same_runs, "error_new_runs": parts.error_new_runs}
        return row | {"runs": parts.runs, "piles": parts.piles, "pairs": parts.pairs}


def vary(tables: Sequence[ScoreTable], names: Sequence[str]) -> list[Variation]:
    """Return the components of variance of each explanation's scores over runs that saw the same pictures.

    Args:
        tables: one a run; at least two.
        names: what they are called.

    Raises:
        BrickbenchError: the runs have no pair, method or metric in common.
    """
    both = align(tables, names)
    variations = []
    for method, metric in both.cells:
        components = variance_components(both.values[:, method, metric], both.piles)
        if components is not None:
            variations.append(Variation(both.methods[method], both.metrics[metric], components))
    return variations


def variance_components(values: FloatArray, piles: NDArray[np.int64]) -> Components | None:
    """Return the components of variance, None with fewer than two runs, two piles, or a pile with two pairs.

    Args:
        values: (R, N), a row a run; pairs that lack a value in some run are left out.
        piles: (N,) the pile of each pair.

    The model is y = mean + run + pile + pair in pile + run x pile + rest, all effects random and independent: runs are
    crossed with pairs, pairs lie in piles of any size. Mean squares are set equal to their expectations (analysis of
    variance, or method of moments: Searle, Casella and McCulloch 1992, chapters 4 and 5); estimates below 0 become 0.
    """
    shared = ~np.isnan(values).any(axis=0)
    values, units = values[:, shared], Piles.of(piles[shared])
    runs, pairs = values.shape
    sizes = np.bincount(units.member).astype(np.float64)
    if runs < 2 or units.count < 2 or pairs <= units.count:
        return None
    evenness = float((sizes**2).sum() / pairs)  # n' = sum n^2 / N
    typical = (pairs - evenness) / (units.count - 1)  # n0
    squares = _mean_squares(values, units, sizes)
    rest = squares["rest"]
    run_by_pile = (squares["run_by_pile"] - rest) / typical
    pair = (squares["pair"] - rest) / runs
    pile = (squares["pile"] - squares["pair"] - typical * run_by_pile) / (runs * typical)
    run = (squares["run"] - rest - evenness * run_by_pile) / pairs
    return Components(
        run=_least_zero(run),
        pile=_least_zero(pile),
        pair=_least_zero(pair),
        run_by_pile=_least_zero(run_by_pile),
        rest=rest,
        runs=runs,
        piles=units.count,
        pairs=pairs,
        mean=float(values.mean()),
        concentration=evenness / pairs,
    )


def _least_zero(estimate: float) -> float:
    return max(0.0, float(estimate))


def _mean_squares(values: FloatArray, piles: Piles, sizes: FloatArray) -> dict[str, float]:
    """Return the mean squares by source.

    With n0 and n' as above they are expected to be
    run: rest + n' run_by_pile + N run; run_by_pile: rest + n0 run_by_pile; rest: rest;
    pile: rest + R pair + n0 run_by_pile + R n0 pile; pair: rest + R pair.
    """
    runs, pairs = values.shape
    grand = values.mean()
    by_run = values.mean(axis=1)  # (R,)
    by_pair = values.mean(axis=0)  # (N,)
    by_pile = piles.sums(by_pair) / sizes  # (G,)
    by_both = piles.sums(values) / sizes  # (R, G)
    crossed = by_both - by_run[:, None] - by_pile + grand
    rest = values - by_both[:, piles.member] - by_pair + by_pile[piles.member]
    return {
        "run": pairs * ((by_run - grand) ** 2).sum() / (runs - 1),
        "pile": runs * (sizes * (by_pile - grand) ** 2).sum() / (piles.count - 1),
        "pair": runs * ((by_pair - by_pile[piles.member]) ** 2).sum() / (pairs - piles.count),
        "run_by_pile": (sizes * crossed**2).sum() / ((runs - 1) * (piles.count - 1)),
        "rest": (rest**2).sum() / ((runs - 1) * (pairs - piles.count)),
    }
