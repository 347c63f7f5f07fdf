"""Which superpixels enter LIME's linear model, as the lime library chooses them."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

Floats = NDArray[np.float64]
Selection = Literal["auto", "highest_weights", "forward_selection", "lasso_path", "none"]
_COLLINEAR = 1e-10
"""A column of which less than this share is left beside those chosen adds nothing to them."""


@dataclass(frozen=True)
class Moments:
    """Centred, weighted data, and the products of it that every fit needs."""

    masks: Floats
    """(N, S), less their weighted mean, times the root of each row's weight."""
    outputs: Floats
    """(N, K), likewise."""
    mean_mask: Floats
    mean_output: Floats
    gram: Floats
    """(S, S): masks' masks."""
    cross: Floats
    """(S, K): masks' outputs."""

    @classmethod
    def of(cls, masks: NDArray[np.bool_], outputs: Floats, weights: Floats) -> Self:
        """Return the moments of (N, S) masks and (N, K) outputs with weights (N,)."""
        data, share = masks.astype(np.float64), weights / weights.sum()
        mean_mask, mean_output = share @ data, share @ outputs
        root = np.sqrt(weights)[:, None]
        data, labels = (data - mean_mask) * root, (outputs - mean_output) * root
        return cls(data, labels, mean_mask, mean_output, data.T @ data, data.T @ labels)


def select_features(moments: Moments, num_features: int, selection: Selection) -> list[list[int]]:
    """Return for each label the superpixels in its model.

    - ``none``: all of them, whatever `num_features` says.
    - ``highest_weights``: those with the largest coefficients in a ridge regression (alpha 0.01) on all.
    - ``forward_selection``: one after another, the one that raises R² most.
    - ``lasso_path``: the first on the lasso's path with few enough.
    - ``auto``: ``forward_selection`` for 6 or fewer, else ``highest_weights``.
    """
    segments, labels = moments.cross.shape
    if selection == "auto":
        selection = "forward_selection" if num_features <= 6 else "highest_weights"
    if selection == "lasso_path":
        return [_lasso_path(moments, label, num_features) for label in range(labels)]
    if selection == "none" or num_features >= segments:  # both other ways would only change the order
        return [list(range(segments)) for _ in range(labels)]
    if selection == "forward_selection":
        return [_forward(moments, label, num_features) for label in range(labels)]
    return _highest(moments, num_features)


def _highest(moments: Moments, num_features: int) -> list[list[int]]:
    coefficients = ridge(moments.gram, moments.cross, 0.01)
    order = np.argsort(-np.abs(coefficients), axis=0, kind="stable")  # equal ones in their own order, as sorted() does
    return [column[:num_features].tolist() for column in order.T]


def _forward(moments: Moments, label: int, num_features: int) -> list[int]:
    """Return superpixels by greedy least squares.

    The library fits a regression for each candidate in each step. R² grows by (r'x)² / x'x, where x is the candidate
    and r the output, both less what the chosen ones explain: one elimination step on the moments keeps those products.
    """
    gram, cross = moments.gram.copy(), moments.cross[:, label].copy()
    whole = gram.diagonal().copy()
    chosen: list[int] = []
    for _ in range(num_features):
        left = gram.diagonal()
        adds = left > _COLLINEAR * whole
        gain = np.where(adds, cross**2 / np.where(adds, left, 1.0), 0.0)
        gain[chosen] = -1.0
        best = int(gain.argmax())
        chosen.append(best)
        if adds[best]:
            row = gram[best] / gram[best, best]
            cross -= row * cross[best]
            gram -= np.outer(row, gram[best])
    return chosen


def _lasso_path(moments: Moments, label: int, num_features: int) -> list[int]:
    from sklearn.linear_model import lars_path  # a second of imports, for the one choice that needs it

    _, _, path = lars_path(moments.masks, moments.outputs[:, label], method="lasso")
    chosen = np.arange(len(path))
    for coefficients in path.T[:0:-1]:  # from the last step to the second
        chosen = np.flatnonzero(coefficients)
        if len(chosen) <= num_features:
            break
    return [int(segment) for segment in chosen]


def ridge(gram: Floats, cross: Floats, alpha: float) -> Floats:
    """Return the solution of (gram + alpha I) x = cross; by least squares where that is singular."""
    damped = gram + alpha * np.eye(len(gram))
    try:
        return np.asarray(cho_solve(cho_factor(damped, lower=True), cross))
    except LinAlgError:
        return np.asarray(np.linalg.lstsq(damped, cross, rcond=None)[0])
