"""Which methods come first: mean ranks over piles, Friedman's test, and groups that are not told apart."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution
from scipy.stats import friedmanchisquare, rankdata

from evaluation.intervals import FloatArray, Piles


@dataclass(frozen=True)
class Ranking:
    """Methods by their mean rank on one metric; 1 is the best."""

    order: tuple[int, ...]
    """Methods from the best mean rank to the worst, by their number in the values."""
    mean_ranks: tuple[float, ...]
    """In the same order."""
    piles: int
    """Piles in which every method has a value."""
    friedman: float
    """Friedman's chi-square, corrected for ties; NaN with fewer than three methods or two piles, or all tied."""
    p_value: float
    """That the methods do not differ: Iman and Davenport's F, NaN where `friedman` is."""
    groups: tuple[tuple[int, ...], ...]
    """Largest sets of methods of which no two are told apart, best first; a method alone in its set is left out."""

    def renamed(self, numbers: Sequence[int]) -> "Ranking":
        """Return the same with method `m` called ``numbers[m]``."""
        groups = tuple(tuple(numbers[one] for one in group) for group in self.groups)
        return replace(self, order=tuple(numbers[one] for one in self.order), groups=groups)


def rank_methods(
    values: FloatArray, piles: NDArray[np.int64], direction: str, apart: Collection[frozenset[int]]
) -> Ranking | None:
    """Return the ranking of methods, None if no pile has values of all.

    Args:
        values: (M, N) of one metric, NaN where undefined.
        piles: (N,) the pile of each pair. A pile is one block: a method's mean over the pairs on which all methods
            have values is ranked there, ties get mid-ranks.
        direction: ``higher`` or ``lower`` is better.
        apart: pairs of methods that a corrected paired test tells apart.

    Groups follow the paired tests, not the difference of mean ranks (Nemenyi): whether two methods differ must not
    depend on which others are ranked with them (Benavoli, Corani and Mangili 2016). Ranks are Friedman's (1937), with
    Demsar's (2006) way to draw them; F after Iman and Davenport 1980.
    """
    shared = ~np.isnan(values).any(axis=0)
    if not shared.any() or len(values) < 2:
        return None
    blocks = Piles.of(piles[shared])
    means = blocks.sums(values[:, shared]) / np.bincount(blocks.member)  # (M, G)
    ranks = rankdata(np.round(means if direction == "lower" else -means, 12), axis=0)  # sums round apart
    mean_ranks = ranks.mean(axis=1)
    order = np.argsort(mean_ranks, kind="stable")
    statistic, p_value = _friedman(ranks)
    return Ranking(
        order=tuple(order.tolist()),
        mean_ranks=tuple(mean_ranks[order].tolist()),
        piles=blocks.count,
        friedman=statistic,
        p_value=p_value,
        groups=not_apart(order.tolist(), apart),
    )


def _friedman(ranks: FloatArray) -> tuple[float, float]:
    methods, piles = ranks.shape
    if methods < 3 or piles < 2 or (ranks == ranks[:1]).all():
        return np.nan, np.nan
    statistic = float(friedmanchisquare(*ranks).statistic)
    room = piles * (methods - 1) - statistic
    if room <= 1e-9:  # the same order in every pile
        return statistic, 0.0
    quotient = (piles - 1) * statistic / room
    return statistic, float(f_distribution.sf(quotient, methods - 1, (methods - 1) * (piles - 1)))


def not_apart(order: list[int], apart: Collection[frozenset[int]]) -> tuple[tuple[int, ...], ...]:
    """Return the largest sets of two or more of `order` of which no two are in `apart`, each in that order.

    "Not told apart" is not transitive, so sets may overlap. Source: Bron and Kerbosch 1973, algorithm 457.
    """
    near = {one: {two for two in order if two != one and frozenset({one, two}) not in apart} for one in order}
    cliques: list[tuple[int, ...]] = []

    def extend(chosen: list[int], possible: set[int], done: set[int]) -> None:
        if not possible and not done:
            cliques.append(tuple(sorted(chosen, key=order.index)))
            return
        pivot = max(sorted(possible | done), key=lambda one: len(near[one] & possible))
        for one in sorted(possible - near[pivot], key=order.index):
            extend([*chosen, one], possible & near[one], done & near[one])
            possible, done = possible - {one}, done | {one}

    extend([], set(order), set())
    groups = [group for group in cliques if len(group) > 1]
    return tuple(sorted(groups, key=lambda group: [order.index(one) for one in group]))
