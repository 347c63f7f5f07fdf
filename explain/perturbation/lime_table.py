"""LIME's linear models as rows of a table, for people to read."""

from collections.abc import Sequence

import numpy as np

from explain.perturbation.lime import LimeExplanation


def model_rows(explanation: LimeExplanation, labels: Sequence[str]) -> list[dict[str, object]]:
    """Return a row for each class's linear model; `labels` name the classes in the order they were asked for."""
    return [
        {
            "part": label,
            "intercept": model.intercept,
            "score": model.score,
            "prediction": model.prediction,
            "superpixels": len(model.used),
            "for": int((model.coefficients > 0).sum()),
            "against": int((model.coefficients < 0).sum()),
        }
        for label, model in zip(labels, explanation.models, strict=True)
    ]


def coefficient_rows(explanation: LimeExplanation, labels: Sequence[str], top: int = 10) -> list[dict[str, object]]:
    """Return a row for each of the `top` strongest superpixels of each class: its coefficient, where and how large.

    Places are the middle of the superpixel's pixels, in pixels from the upper left.
    """
    segments = explanation.segments
    y, x = np.indices(segments.shape)
    sizes = np.bincount(segments.ravel())
    middles = [np.bincount(segments.ravel(), weights=axis.ravel()) / sizes for axis in (x, y)]
    return [
        {
            "part": label,
            "superpixel": segment,
            "coefficient": float(model.coefficients[segment]),
            "x_px": round(float(middles[0][segment]), 1),
            "y_px": round(float(middles[1][segment]), 1),
            "area": f"{sizes[segment] / segments.size:.1%}",
        }
        for label, model in zip(labels, explanation.models, strict=True)
        for segment in model.used[:top]
    ]
