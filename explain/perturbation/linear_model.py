"""LIME's linear models: masks, distances and weights, and a weighted ridge regression solved for all labels at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explain.perturbation.selection import Moments, Selection, ridge, select_features

Floats = NDArray[np.float64]


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
        selection: how they are chosen, see `explain.perturbation.selection`.
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
