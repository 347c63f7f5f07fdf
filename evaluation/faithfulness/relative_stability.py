"""Relative stability: how much does a map change for a change of the picture, or of the answer, by one share?"""

from dataclasses import replace
from typing import Literal

import numpy as np

from evaluation.faithfulness.anew import MAX_SENSITIVITY, StabilitySettings, nearby_pictures
from evaluation.faithfulness.protocol import Maps
from evaluation.measure import FloatArray, Values
from explain.protocol import FloatMaps

LEAST = 1e-6
"""In place of a divisor of 0: of a map's value, whose root mean square is made 1, and of a change. Quantus' value."""


def relative_input_stability(maps: Maps, settings: StabilitySettings) -> Values:
    """Return the largest |(map' − map) / map| / |(x' − x) / x| over drawn pictures x' near x, pixel by pixel.

    Source: Agarwal et al. 2022, Rethinking stability for attribution-based explanations, equation 2. Maps are divided
    by their root mean square, as Quantus offers, so that `LEAST` does not depend on their unit.
    """
    return _largest(maps, settings, "input"), np.full(len(maps.maps), np.nan)


def relative_output_stability(maps: Maps, settings: StabilitySettings) -> Values:
    """Return the largest |(map' − map) / map| / |logits' − logits| over drawn pictures near x.

    Source: Agarwal et al. 2022, equation 5; the rest is as in `relative_input_stability`.
    """
    return _largest(maps, settings, "output"), np.full(len(maps.maps), np.nan)


def _largest(maps: Maps, settings: StabilitySettings, of: Literal["input", "output"]) -> FloatArray:
    """Return the largest ratio over the pictures in which the class is answered alike; NaN where there is none."""
    largest = np.full(len(maps.maps), np.nan)
    if maps.reexplainer is None:
        return largest
    nearby = nearby_pictures(maps.images, settings)
    classes = maps.classes.tolist()
    before = maps.reexplainer.explain(maps.images, classes)
    said = maps.network.logits(len(maps.images), maps.images.__getitem__)
    for number in range(settings.samples):
        pictures = nearby[:, number]
        after = maps.reexplainer.explain(pictures, classes)
        answers = maps.network.logits(len(pictures), pictures.__getitem__)
        for row, own in enumerate(classes):
            change = _relative_change(_scaled(before[row]), _scaled(after[row]))
            if of == "input":
                scale = _relative_change(*(one[row].double().numpy() for one in (maps.images, pictures)))
            else:
                scale = float(np.linalg.norm(answers[row] - said[row]))
            if np.isfinite(change) and (answers[row, own] > 0) == (said[row, own] > 0):
                largest[row] = np.fmax(largest[row], change / max(scale, LEAST))
    return largest


def _scaled(one: FloatMaps) -> FloatArray:
    """Return a map whose mean square is 1; NaN of zeros."""
    wide: FloatArray = one.astype(np.float64)
    size = np.sqrt(np.mean(wide**2))
    return wide / size if size > 0 else np.full_like(wide, np.nan)


def _relative_change(before: FloatArray, after: FloatArray) -> float:
    return float(np.linalg.norm((after - before) / np.where(before == 0, LEAST, before)))


RELATIVE_INPUT_STABILITY = replace(
    MAX_SENSITIVITY,
    name="relative_input_stability",
    title="Relative input stability",
    compute=relative_input_stability,
    answers="How much does the map change for a change of the picture?",
    formula="largest |(map(x') − map(x)) / map(x)| / |(x' − x) / x| over pictures x' near x, value by value",
    source="Agarwal et al. 2022, equation 2",
)
RELATIVE_OUTPUT_STABILITY = replace(
    RELATIVE_INPUT_STABILITY,
    name="relative_output_stability",
    title="Relative output stability",
    compute=relative_output_stability,
    answers="How much does the map change for a change of the answer?",
    formula="largest |(map(x') − map(x)) / map(x)| / |logits(x') − logits(x)| over pictures x' near x",
    source="Agarwal et al. 2022, equation 5",
)
