"""Measures that explain anew: pictures that changed by next to nothing, and networks that have unlearned.

A map that stays the same when the network has unlearned does not explain what it learned.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from pydantic import Field
from torch import nn

from evaluation.faithfulness.order import NEARBY, picture_stream
from evaluation.faithfulness.protocol import Maps, SeededSettings
from evaluation.intervals import spearman
from evaluation.measure import FloatArray, Measure, Values
from explain.protocol import FloatMaps


class StabilitySettings(SeededSettings):
    """Which pictures are near."""

    samples: int = Field(10, ge=1)
    """Pictures drawn near each one; the method explains each, so slow methods take long. Captum draws 10."""
    radius: float = Field(0.02, gt=0)
    """Largest change of a value as the network takes it, drawn evenly; captum's default, about one grey level."""


class CascadeSettings(SeededSettings):
    """How the network unlearns."""

    stages: int = Field(4, ge=1)
    """Copies of the network, with ever more layers made new from the logits down; the paper goes layer by layer."""


class LabelSettings(SeededSettings):
    """The network that learned permuted labels."""

    epochs: int = Field(20, ge=1)
    """Passes over the training pictures, of which each has the labels of another one. The paper trains until the labels
    are known by heart."""


def max_sensitivity(maps: Maps, settings: StabilitySettings) -> Values:
    """Return the largest |map(x + d) - map(x)| over the drawn d, divided by |map(x)|; norms over all pixels.

    Source: Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations, definition 2, by drawing; divided by
    the norm of the map as in captum's ``sensitivity_max``, so that methods of other units can be compared. Maps are
    taken at the method's own size.
    """
    count = len(maps.images)
    unknown = np.full(count, np.nan)
    if maps.reexplainer is None:
        return unknown, unknown
    size = tuple(maps.images.shape[1:])
    steps = [
        picture_stream(settings.seed, NEARBY, image).uniform(
            -settings.radius, settings.radius, (settings.samples, *size)
        )
        for image in maps.images
    ]
    nearby = torch.from_numpy(np.stack(steps).astype(np.float32))  # (B, samples, 3, S, S)
    before = [one.astype(np.float64) for one in maps.reexplainer.explain(maps.images, maps.classes.tolist())]
    largest = np.zeros(count)
    for number in range(settings.samples):
        after = maps.reexplainer.explain(maps.images + nearby[:, number], maps.classes.tolist())
        for row, (one, other) in enumerate(zip(before, after, strict=True)):
            largest[row] = np.maximum(largest[row], np.linalg.norm(other - one))  # NaN stays
    norms = np.array([np.linalg.norm(one) for one in before])
    return np.divide(largest, norms, out=unknown, where=norms > 0), np.full(count, np.nan)


def model_randomization(maps: Maps, settings: CascadeSettings) -> Values:
    """Return the mean over the stages of the rank correlation between the map and that of the randomised network.

    Source: Adebayo et al. 2018, Sanity checks for saliency maps, section 3 (cascading), rank correlation with signs.
    """
    assert maps.unlearned is not None
    similar = stage_similarities(maps, maps.unlearned.cascade(settings.stages, settings.seed))
    defined = ~np.isnan(similar)
    total, count = np.where(defined, similar, 0).sum(axis=1), defined.sum(axis=1)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0), np.zeros(len(total))


def label_randomization(maps: Maps, settings: LabelSettings) -> Values:
    """Return the rank correlation between the map and that of a network trained on permuted labels.

    Source: Adebayo et al. 2018, section 4, rank correlation with signs.
    """
    assert maps.unlearned is not None
    similar = stage_similarities(maps, [maps.unlearned.permuted_labels(settings.epochs, settings.seed)])
    return similar[:, 0], np.zeros(len(similar))


def stage_similarities(maps: Maps, networks: Sequence[nn.Module]) -> FloatArray:
    """Return the rank correlation of each map with that of each of `networks`, (B, networks), at the method's own size.

    NaN where either map is constant or not finite, and without a method.
    """
    if maps.reexplainer is None:
        return np.full((len(maps.maps), len(networks)), np.nan)
    classes = maps.classes.tolist()
    before = maps.reexplainer.explain(maps.images, classes)
    found = []
    for network in networks:
        after = maps.reexplainer.explain(maps.images, classes, network)
        found.append([similarity(one, other) for one, other in zip(before, after, strict=True)])
    return np.array(found).T


def similarity(one: FloatMaps, other: FloatMaps) -> float:
    """Return the rank correlation of two maps (h, w); NaN where one is constant, or is not finite."""
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("nan")
    return spearman(one.ravel().astype(np.float64), other.ravel().astype(np.float64))


MAX_SENSITIVITY = Measure(
    name="max_sensitivity",
    title="Max-sensitivity",
    kind="stability",
    compute=max_sensitivity,
    settings=StabilitySettings,
    needs_zero=True,
    undefined="zero_map",
    formula="largest |map(x + d) − map(x)| / |map(x)| over small random changes d of the picture x",
    direction="lower",
    range=(0.0, float("inf")),
    chance="none: a map that ignores picture and network scores a perfect 0",
    ties="none arise",
    zero_mass="undefined where the map is 0 everywhere, and for the oracle",
    negative_values="kept",
    cost="11 explanations",
    source="Yeh et al. 2019, definition 2; normalised as in captum",
)
MODEL_RANDOMIZATION = Measure(
    name="model_randomization",
    title="Model randomisation",
    kind="randomisation",
    compute=model_randomization,
    settings=CascadeSettings,
    undefined="constant",
    formula="mean over ever more layers made new, from the logits down, of the rank correlation of the two maps",
    direction="lower",
    range=(-1.0, 1.0),
    chance="0: maps that have nothing in common",
    ties="share their mean rank",
    zero_mass="undefined where one of the maps is constant, and for the oracle",
    negative_values="kept: only the order of values counts",
    cost="5 explanations",
    source="Adebayo et al. 2018, section 3, cascading",
)
LABEL_RANDOMIZATION = replace(
    MODEL_RANDOMIZATION,
    name="label_randomization",
    title="Label randomisation",
    compute=label_randomization,
    settings=LabelSettings,
    formula="rank correlation of the map with that of a network trained on permuted labels",
    cost="2 explanations, and once a training",
    source="Adebayo et al. 2018, section 4",
    prepare=lambda unlearned, settings: unlearned.permuted_labels(settings.epochs, settings.seed),
)
