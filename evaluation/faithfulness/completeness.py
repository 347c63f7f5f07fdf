"""Completeness: do the values of a map add up to what its method promises?"""

import numpy as np
import torch

from evaluation.faithfulness.protocol import Maps
from evaluation.measure import BoolArray, Measure, NoSettings, Values


def completeness(maps: Maps, _settings: NoSettings) -> Values:
    """Return how far the map's total is from the logit's rise over the method's own baseline, as a share of the rise.

    NaN of methods that promise no sum, and where the logit does not rise or fall at all.

    Source: Sundararajan, Taly, Yan 2017, Axiomatic attribution for deep networks, proposition 1.
    """
    values = np.full(len(maps.maps), np.nan)
    reexplainer = maps.reexplainer
    if reexplainer is not None and reexplainer.adds_up:
        added = [reexplainer.add_up(*pair) for pair in zip(maps.images, maps.maps, strict=True)]
        pictures = torch.cat([maps.images, torch.stack([start.cpu() for start, _ in added])])
        said = maps.network.answers(len(pictures), pictures.__getitem__, np.tile(maps.classes, 2), "logit")
        rise = said[: len(values)] - said[len(values) :]
        error = np.abs(np.array([total for _, total in added]) - rise)
        np.divide(error, np.abs(rise), out=values, where=rise != 0)
    return values, np.full(len(values), np.nan)


def _no_sum(maps: Maps, _settings: NoSettings) -> BoolArray:
    return np.full(len(maps.maps), maps.reexplainer is None or not maps.reexplainer.adds_up)


COMPLETENESS = Measure(
    name="completeness",
    title="Completeness error",
    kind="sum",
    compute=completeness,
    settings=NoSettings,
    undefined="no_rise",
    lacking=("no_sum", _no_sum),
    answers="Do the values add up to the logit less that of the method's own baseline?",
    formula="|the map's total − (logit − logit of the baseline)| / |logit − logit of the baseline|",
    direction="lower",
    range=(0.0, float("inf")),
    chance="none: maps of noise promise no sum",
    ties="none arise: values are summed",
    zero_mass="defined: a map of zeros scores 1",
    negative_values="kept",
    cost="2",
    source="Sundararajan, Taly, Yan 2017, proposition 1",
    note="it asks whether a method computes what it promises, not whether the values lie where the reason is",
)
