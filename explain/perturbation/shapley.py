"""Shapley values by weighted regression on coalitions: exact where all coalitions are there."""

import math
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError

Floats = NDArray[np.float64]


def coalitions(players: int, num_samples: int, rng: np.random.Generator) -> tuple[NDArray[np.bool_], Floats]:
    """Return coalitions (N, players) with their weights (N,), at most `num_samples`, neither the empty nor the whole.

    A coalition of s of n players has the Shapley kernel's weight (n - 1) / (C(n, s) s (n - s)). Where all 2^n - 2 fit,
    all are there. Otherwise sizes are taken whole, from the outermost inwards, as long as they fit into their share of
    the samples; the rest is drawn from the sizes left, each with its complement, and shares the weight left, as the
    shap library does.

    Raises:
        BrickbenchError: fewer samples than the regression needs.
    """
    if players < 2:
        return np.zeros((0, players), dtype=np.bool_), np.zeros(0)
    if num_samples < 2 * players:
        raise BrickbenchError(
            f"KernelSHAP needs at least two samples a superpixel: {2 * players} for {players}, not {num_samples}. "
            "Raise num_samples, or ask for fewer superpixels."
        )
    sizes = np.arange(1, players // 2 + 1)  # each stands for itself and its complements
    paired = sizes * 2 != players
    shares = (players - 1.0) / (sizes * (players - sizes)) * np.where(paired, 2, 1)
    shares /= shares.sum()
    rows: list[NDArray[np.bool_]] = []
    weights: list[float] = []
    left, whole = num_samples, 0
    for size, pair, share in zip(sizes.tolist(), paired.tolist(), shares.tolist(), strict=True):
        count = math.comb(players, size) * (2 if pair else 1)
        if count > left or left * share / shares[whole:].sum() < count * (1 - 1e-8):
            break
        chosen = _all_of_size(players, size)
        rows += [chosen, ~chosen] if pair else [chosen]
        weights += [share / count] * count
        left, whole = left - count, whole + 1
    if whole < len(sizes) and left >= 2:
        drawn, counts = _draw(players, sizes[whole:], shares[whole:], left // 2, rng)
        rows.append(drawn)
        weights += (counts / counts.sum() * shares[whole:].sum()).tolist()
    return np.concatenate(rows), np.array(weights)


def _draw(
    players: int, sizes: NDArray[np.intp], shares: Floats, pairs: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Floats]:
    """Return coalitions of random `sizes` with their complements, and how often each was drawn."""
    # Ranks of random numbers: a row's first `size` places are a random subset.
    ranks = rng.random((pairs, players)).argsort(axis=1).argsort(axis=1)
    drawn = ranks < rng.choice(sizes, size=pairs, p=shares / shares.sum())[:, None]
    kept, counts = np.unique(np.concatenate([drawn, ~drawn]), axis=0, return_counts=True)
    return kept, counts.astype(np.float64)


def _all_of_size(players: int, size: int) -> NDArray[np.bool_]:
    rows = np.array(list(combinations(range(players), size)))
    chosen = np.zeros((len(rows), players), dtype=np.bool_)
    np.put_along_axis(chosen, rows, values=True, axis=1)
    return chosen


def shapley_values(masks: NDArray[np.bool_], outputs: Floats, weights: Floats, empty: Floats, whole: Floats) -> Floats:
    """Return the values (players, K) that fit the `outputs` (N, K) of coalitions best and add up to whole - empty.

    Lagrange: with A = Z'WZ and b = Z'W(y - empty), the values are A⁻¹(b - λ), λ such that they add up.

    Raises:
        BrickbenchError: the coalitions do not tell the players apart.
    """
    gain = whole - empty
    players = masks.shape[1]
    if players == 1:
        return gain[None]
    data = masks.astype(np.float64)
    weighted = data * weights[:, None]
    gram = weighted.T @ data
    if np.linalg.matrix_rank(gram, hermitian=True) < players:
        raise BrickbenchError(f"{len(masks)} coalitions do not tell {players} superpixels apart: raise num_samples.")
    solved = np.linalg.solve(gram, np.column_stack([weighted.T @ (outputs - empty), np.ones(players)]))
    values, ones = solved[:, :-1], solved[:, -1:]
    return np.asarray(values - ones * (values.sum(axis=0) - gain) / ones.sum())
