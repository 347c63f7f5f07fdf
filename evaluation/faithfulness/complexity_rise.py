"""Efficient model randomisation: does the map lose its structure when the whole network is made new?"""

from dataclasses import replace

import numpy as np
from pydantic import Field

from evaluation.faithfulness.anew import MODEL_RANDOMIZATION
from evaluation.faithfulness.protocol import Maps, SeededSettings
from evaluation.measure import Values
from explain.protocol import FloatMaps


class RiseSettings(SeededSettings):
    """How the complexity of a map is counted; `seed` is of the new weights too."""

    bins: int = Field(100, ge=2)
    """Of the histogram, between the map's least and greatest value; 100 in the authors' code."""


def complexity_rise(maps: Maps, settings: RiseSettings) -> Values:
    """Return (H(after) − H(before)) / H(before): H the entropy of a map's histogram, after of a network all made new.

    Maps are taken at the method's own size. NaN where either map is constant, and without a method.

    Source: Hedström et al. 2024, Sanity checks revisited (efficient MPRT), with their complexity function.
    """
    count = len(maps.maps)
    unknown = np.full(count, np.nan)
    if maps.reexplainer is None:
        return unknown, np.zeros(count)
    assert maps.unlearned is not None
    (network,) = maps.unlearned.cascade(1, settings.seed)
    classes = maps.classes.tolist()
    before, after = (
        np.array(
            [histogram_entropy(one, settings.bins) for one in maps.reexplainer.explain(maps.images, classes, model)]
        )
        for model in (None, network)
    )
    return np.divide(after - before, before, out=unknown, where=(before > 0) & (after > 0)), np.zeros(count)


def histogram_entropy(one: FloatMaps, bins: int) -> float:
    """Return the entropy, in nats, of the histogram of a map (h, w) in equal bins; NaN if it is not finite."""
    if not np.isfinite(one).all():
        return float("nan")
    counts = np.histogram(one.astype(np.float64), bins=bins)[0]
    shares = counts[counts > 0] / one.size
    return float(-(shares * np.log(shares)).sum())


COMPLEXITY_RISE = replace(
    MODEL_RANDOMIZATION,
    name="complexity_rise",
    title="Complexity rise (efficient MPRT)",
    compute=complexity_rise,
    settings=RiseSettings,
    answers="Does the map lose its structure when all of the network is made new?",
    formula="(H after − H before) / H before: H the entropy of the map's histogram, after of a network all made new",
    direction="higher",
    range=(-1.0, float("inf")),
    chance="0: a map that ignores the network",
    ties="fall into one bin",
    negative_values="kept",
    cost="2 explanations",
    source="Hedström et al. 2024, efficient MPRT; with the complexity function of Quantus",
    note="a few very bright pixels in the map of the new network put all others into one bin, so that right maps may "
    "score below 0: on networks whose reasons are known it does not surely tell them from maps that know nothing",
)
