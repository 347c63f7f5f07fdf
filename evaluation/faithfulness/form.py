"""Complexity and sparseness: how few pixels a map speaks of, whatever the network does.

They describe a map and do not judge it: all on one pixel is the best form there is, and says nothing.
"""

from dataclasses import replace

import numpy as np

from evaluation.faithfulness.protocol import Maps
from evaluation.measure import FloatArray, Measure, NoSettings, Values

NOISE_ENTROPY = 0.5 - np.log(2)
"""Entropy of independent uniform noise less the logarithm of its pixels, of infinitely many: minus the mean of
2u ln 2u over u from 0 to 1."""


def complexity(maps: Maps, _settings: NoSettings) -> Values:
    """Return the entropy, in nats, of the map's absolute values as shares of their sum.

    Source: Bhatt, Weller, Moura 2020, Evaluating and aggregating feature-based model explanations, definition 5.
    """
    shares = _shares(maps.maps)
    logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    count, pixels = shares.shape
    return -(shares * logarithms).sum(axis=1), np.full(count, np.log(pixels) + NOISE_ENTROPY)


def sparseness(maps: Maps, _settings: NoSettings) -> Values:
    """Return the Gini index of the map's absolute values.

    Source: Chalasani et al. 2020, Concise explanations of neural networks using adversarial training, section 3.
    """
    shares = np.sort(_shares(maps.maps), axis=1)
    count, pixels = shares.shape
    places = 2 * np.arange(1, pixels + 1) - pixels - 1
    return np.maximum(shares @ places / pixels, 0), np.full(count, 1 / 3)


def _shares(maps: FloatArray) -> FloatArray:
    """Return absolute values of maps (B, S, S) as shares of their sum, (B, S * S); NaN where that is 0."""
    flat = np.abs(maps).reshape(len(maps), -1)
    total = flat.sum(axis=1, keepdims=True)
    return np.divide(flat, total, out=np.full_like(flat, np.nan), where=total > 0)


COMPLEXITY = Measure(
    name="complexity",
    title="Complexity",
    kind="form",
    compute=complexity,
    settings=NoSettings,
    undefined="zero_map",
    needs_zero=True,
    answers="Of how many pixels does the map speak? Its exponential is that number, if all had the same share.",
    formula="entropy of the map's absolute values as shares of their sum, in nats",
    direction="lower",
    range=(0.0, float("inf")),
    chance="ln(pixels) − ln 2 + 1/2",
    ties="none arise: values are summed",
    zero_mass="undefined where the map is 0 everywhere",
    negative_values="by size",
    cost="none",
    source="Bhatt, Weller, Moura 2020; equal to Quantus' Complexity",
    note="it describes a map and does not judge it: all on one pixel, whichever, scores a perfect 0",
)
SPARSENESS = replace(
    COMPLEXITY,
    name="sparseness",
    title="Sparseness",
    compute=sparseness,
    answers="How unevenly is the map spread over the pixels?",
    formula="Gini index of the map's absolute values: 0 where all are the same, near 1 where one pixel has all",
    direction="higher",
    range=(0.0, 1.0),
    chance="1/3",
    source="Chalasani et al. 2020; equal to Quantus' Sparseness",
    note="it describes a map and does not judge it: all on one pixel, whichever, scores best",
)
