"""Average drop and increase in confidence: what is left of the class when only the map's pixels are shown."""

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from core.settings import Settings
from evaluation.faithfulness.protocol import Maps
from evaluation.measure import Measure, Values


class DropSettings(Settings):
    """How the picture fades where the map is low."""

    fade_to: Literal["black", "mean"] = "black"
    """The paper multiplies the picture by the map, so it fades to black. `mean` multiplies what the network takes, so
    it fades to the mean colour of the network's pictures, as in pytorch-grad-cam."""


def average_drop(maps: Maps, settings: DropSettings) -> Values:
    """Return max(0, Y - O) / Y: Y the class's probability, O that of the picture multiplied by the map.

    Source: Chattopadhay et al. 2018, Grad-CAM++, section 4.1; a share where the paper gives percent. The map is cut off
    below 0 and divided by its maximum.
    """
    whole, shown = _confidences(maps, settings)
    return np.maximum(whole - shown, 0) / whole, np.full(len(whole), np.nan)


def increase_in_confidence(maps: Maps, settings: DropSettings) -> Values:
    """Return 1 where the class's probability is higher for the picture multiplied by the map, else 0."""
    whole, shown = _confidences(maps, settings)
    return np.where(np.isnan(shown), np.nan, shown > whole), np.full(len(whole), np.nan)


def _confidences(maps: Maps, settings: DropSettings) -> Values:
    """Return the probability of each class in the picture and in what the map leaves of it; NaN of a map without."""
    positive = np.maximum(maps.maps, 0)
    top = positive.max(axis=(1, 2), keepdims=True)
    shares = torch.from_numpy(np.divide(positive, top, out=np.zeros_like(positive), where=top > 0)).float()
    network, count = maps.network, len(maps.maps)
    images = maps.images.to(network.device)
    shares = shares.to(network.device)[:, None]

    def make(part: slice) -> Tensor:
        number = torch.arange(part.start, part.stop, device=network.device)
        rows, is_whole = number % count, (number < count)[:, None, None, None]
        if settings.fade_to == "mean":
            return images[rows] * torch.where(is_whole, 1.0, shares[rows])
        faded = network.normalised(network.shown(images[rows]) * shares[rows])
        return torch.where(is_whole, images[rows], faded)

    said = network.answers(2 * count, make, np.tile(maps.classes, 2), "probability")
    return said[:count], np.where(top[:, 0, 0] > 0, said[count:], np.nan)


AVERAGE_DROP = Measure(
    name="average_drop",
    title="Average drop",
    kind="pixels",
    compute=average_drop,
    settings=DropSettings,
    needs_zero=True,
    undefined="zero_mass",
    formula="max(0, Y − O) / Y: Y the class's probability, O that of the picture times the map (0 to 1)",
    direction="lower",
    range=(0.0, 1.0),
    chance="what a map of noise scores on the same picture and class",
    chance_of_noise=True,
    ties="none arise: values are multiplied",
    zero_mass="undefined where the map has no positive value",
    negative_values="counted as 0",
    cost="2",
    source="Chattopadhay et al. 2018, Grad-CAM++, section 4.1",
)
INCREASE = replace(
    AVERAGE_DROP,
    name="increase_in_confidence",
    title="Increase in confidence",
    compute=increase_in_confidence,
    formula="1 where the class's probability is higher for the picture times the map (0 to 1), else 0",
    direction="higher",
)
