"""Splits in which each label has its share: iterative stratification of groups that must stay together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.seeding import Purpose, generator

Counts = npt.NDArray[np.int64]

_TIE = 1e-9  # wishes are shares of counts: what differs by less is rounding
_SIZE_WEIGHT = 5.0  # of the number of images against that of a label: 1 leaves sizes 1.6 % off, 20 labels 1 %
_ROUNDS = 10  # of moves; four or five are the most that was needed


def stratified_split(
    labels: npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_],
    sizes: npt.NDArray[np.integer[Any]],
    shares: Sequence[float],
    seed: int,
    start: npt.NDArray[np.integer[Any]] | None = None,
) -> Counts:
    """Return the split of each group, (G,) int64 from 0 to S - 1.

    Iterative stratification after Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-label Data"
    (2011): again and again the label that is left in the fewest groups is dealt out, each of its groups to the split
    that still wants most of that label, ties to the one that wants most images, then by `seed`. Groups without labels
    come last and go where images are wanted.

    Three departures. Wishes count images, since the paper knows no groups. Of a label's groups those with most images
    of it come first, while every split can still take them. In the end groups are moved, one at a time, as long as
    that brings labels and sizes nearer to their shares: on 200 piles with 20 labels this halves the labels' distance
    from their shares (1.4 % to 0.8 % on average) and brings sizes from within 4 % to within 0.5 %.

    The order of the rows does not matter: other rows in another order get the same splits, but for groups that are
    equal in labels and size, which may trade places. A split with the share 0 gets nothing.

    Args:
        labels: (G, C) non-negative: images of each group that have each label.
        sizes: (G,) positive: images of each group.
        shares: S of them, 0 or more, which sum to 1: the share of each split.
        seed: 0 or more.
        start: (S, C + 1) non-negative: images already in each split that have each label, then all of its images;
            they count as a part of the splits' shares. None if there are none.

    Raises:
        ValueError: a shape or value is none of these.
    """
    counts = _require_counts(labels, sizes)
    splits, columns = len(shares), counts.shape[1]
    held = np.zeros((splits, columns)) if start is None else np.asarray(start, dtype=np.float64)
    if held.shape != (splits, columns) or (held < 0).any():
        raise ValueError(f"start should be non-negative and of shape {(splits, columns)}, got {held.shape}")
    if min(shares, default=-1.0) < 0 or abs(sum(shares) - 1.0) > 1e-6:
        raise ValueError(f"shares should be 0 or more and sum to 1, got {list(shares)}")
    open_splits = np.flatnonzero(np.asarray(shares) > 0)
    totals = counts.sum(axis=0) + held.sum(axis=0)
    wishes = (np.outer(shares, totals) - held)[open_splits]  # (splits, C + 1)

    canonical = np.lexsort(counts.T[::-1])
    counts = counts[canonical]
    rng = generator(seed, Purpose.SPLIT)
    rank = rng.permutation(len(counts))
    draws = rng.random((len(counts), len(open_splits)))
    chosen = np.full(len(counts), -1, dtype=np.int64)
    present = counts[:, :-1] > 0
    groups_left = present.sum(axis=0)
    while groups_left.any():
        label = int(np.argmin(np.where(groups_left > 0, groups_left, np.iinfo(np.int64).max)))
        groups = np.flatnonzero(present[:, label] & (chosen < 0))
        groups = groups[np.lexsort((rank[groups], -counts[groups, label]))]
        _deal(groups, label, counts, wishes, draws, chosen)
        groups_left -= present[groups].sum(axis=0)
    rest = np.flatnonzero(chosen < 0)
    _deal(rest[np.lexsort((rank[rest], -counts[rest, -1]))], columns - 1, counts, wishes, draws, chosen)

    _move(counts, totals, wishes, chosen)

    result = np.empty(len(counts), dtype=np.int64)
    result[canonical] = open_splits[chosen]
    return result


def _deal(
    groups: Counts,
    column: int,
    counts: Counts,
    wishes: npt.NDArray[np.float64],
    draws: npt.NDArray[np.float64],
    chosen: Counts,
) -> None:
    """Give each of `groups` to the split that wants most of `column`; changes `wishes` and `chosen`."""
    for group in groups:
        best = _largest(wishes[:, column])
        if best.size > 1:
            best = best[_largest(wishes[best, -1])]
        split = best[0] if best.size == 1 else best[np.argmin(draws[group, best])]
        wishes[split] -= counts[group]
        chosen[group] = split


def _move(counts: Counts, totals: npt.NDArray[np.float64], wishes: npt.NDArray[np.float64], chosen: Counts) -> None:
    """Move single groups where that lessens the weighted sum of squared wishes; changes `wishes` and `chosen`."""
    weights = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)  # (C + 1,) rare labels weigh as much
    weights[-1] *= _SIZE_WEIGHT
    weighted = counts * weights
    own = (weighted * counts).sum(axis=1)  # (G,)
    for _ in range(_ROUNDS):
        wanted = weighted @ wishes.T  # (G, splits)
        # Half of what the sum changes by if a group goes from its split to another.
        change = np.take_along_axis(wanted, chosen[:, None], axis=1) - wanted + own[:, None]
        best = np.where(np.arange(len(wishes)) == chosen[:, None], 0.0, change).min(axis=1)
        candidates = np.flatnonzero(best < -_TIE)
        moves = 0
        for group in candidates[np.argsort(best[candidates], kind="stable")]:
            wanted_now = wishes @ weighted[group]  # earlier moves changed it
            old, new = chosen[group], int(np.argmax(wanted_now))
            if new != old and wanted_now[old] - wanted_now[new] + own[group] < -_TIE:
                wishes[old] += counts[group]
                wishes[new] -= counts[group]
                chosen[group] = new
                moves += 1
        if moves == 0:
            return


def _largest(wishes: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    return np.flatnonzero(wishes >= wishes.max() - _TIE)


def _require_counts(
    labels: npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_], sizes: npt.NDArray[np.integer[Any]]
) -> Counts:
    """Return (G, C + 1) int64: images of each group with each label, then all of its images."""
    if labels.ndim != 2 or sizes.shape != labels.shape[:1]:
        raise ValueError(f"labels should be (G, C) and sizes (G,), got {labels.shape} and {sizes.shape}")
    counts = np.column_stack([labels.astype(np.int64), sizes.astype(np.int64)])
    if (counts < 0).any() or (counts[:, -1] < 1).any() or (counts > counts[:, -1:]).any():
        raise ValueError("sizes should be 1 or more, and labels between 0 and the size of their group")
    return counts
