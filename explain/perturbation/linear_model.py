"""LIME's linear models: masks, distances and weights, and a weighted ridge regression solved for all labels at once."""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class LinearModel:
    """What LIME found for one label: output = intercept + sum of the coefficients of the superpixels shown."""

    intercept: float
    coefficients: Floats
    """(S,), 0 for superpixels that are not in the model."""
    used: tuple[int, ...]
    """Superpixels in the model, the one of largest absolute coefficient first."""
    score: float
    """R², weighted, on the perturbed pictures it was fitted to: 1 is perfect, 0 no better than a constant."""
    prediction: float
    """Of the whole picture."""


def draw_masks(
    num_samples: int, num_segments: int, random_state: np.random.RandomState, *, seed_first: bool = False
) -> NDArray[np.bool_]:
    """Return which superpixels each perturbed picture shows, (N, S), from the same random stream as the lime library.

    The first shows all. With `seed_first`, a number is drawn before: the library does so to seed its segmentation
    when it is given no `random_seed`, and every mask is another one for it.
    """
    if seed_first:
        random_state.randint(0, high=1000)
    masks = random_state.randint(0, 2, num_samples * num_segments).reshape(num_samples, num_segments) == 1
    masks[0] = True
    return np.asarray(masks)


def proximity(masks: NDArray[np.bool_], kernel_width: float = 0.25) -> Floats:
    """Return the weight of each perturbed picture, (N,): exp(-d² / (2 kernel_width²)), d its cosine distance.

    The cosine of a mask with n of S superpixels on, to the mask with all on, is sqrt(n / S).
    """
    distances = 1.0 - np.sqrt(masks.mean(axis=1))
    return np.asarray(np.sqrt(np.exp(-(distances**2) / kernel_width**2)))


def fit_linear_models(
    masks: NDArray[np.bool_],
    outputs: Floats,
    weights: Floats,
    *,
    num_features: int = 100_000,
    selection: Selection = "auto",
) -> list[LinearModel]:
    """Return one model a column of `outputs`, as `lime.lime_base.LimeBase` fits it: ridge, alpha 1, a free intercept.

    All labels share one matrix of moments, so they are solved together when all superpixels are used; where a
    selection differs from label to label, each takes its own part of that matrix.

    Args:
        masks: (N, S), which superpixels each perturbed picture shows.
        outputs: (N, K), what the classifier says of them.
        weights: (N,), of the perturbed pictures.
        num_features: most superpixels in a model.
        selection: how they are chosen, see `explain.perturbation.linear_model`.
    """
    moments = Moments.of(masks, outputs, weights)
    chosen = select_features(moments, num_features, selection)
    if all(len(used) == moments.gram.shape[0] for used in chosen):
        coefficients = ridge(moments.gram, moments.cross, 1.0)
    else:
        coefficients = np.zeros_like(moments.cross)
        for label, used in enumerate(chosen):
            coefficients[used, label] = ridge(moments.gram[np.ix_(used, used)], moments.cross[used, label], 1.0)
    residuals = moments.outputs - moments.masks @ coefficients
    intercepts = moments.mean_output - moments.mean_mask @ coefficients
    return [
        LinearModel(
            intercept=float(intercepts[label]),
            coefficients=coefficients[:, label],
            used=_strongest_first(used, coefficients[:, label]),
            score=_score(residuals[:, label], moments.outputs[:, label]),
            prediction=float(intercepts[label] + coefficients[masks[0], label].sum()),
        )
        for label, used in enumerate(chosen)
    ]


def _strongest_first(used: Sequence[int], coefficients: Floats) -> tuple[int, ...]:
    return tuple(sorted((int(segment) for segment in used), key=lambda segment: -abs(coefficients[segment])))


def _score(residual: Floats, output: Floats) -> float:
    left, whole = float(residual @ residual), float(output @ output)
    if whole == 0:
        return 1.0 if left == 0 else 0.0  # as scikit-learn's r2_score
    return 1.0 - left / whole
