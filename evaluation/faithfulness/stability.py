"""Max-sensitivity: how far a map changes when the picture changes by next to nothing."""

import numpy as np
import torch
from pydantic import Field

from evaluation.faithfulness.order import NEARBY, picture_stream
from evaluation.faithfulness.protocol import Maps, SeededSettings
from evaluation.measure import Measure, Values


class StabilitySettings(SeededSettings):
    """Which pictures are near."""

    samples: int = Field(10, ge=1)
    """Pictures drawn near each one; the method explains each, so slow methods take long. Captum draws 10."""
    radius: float = Field(0.02, gt=0)
    """Largest change of a value as the network takes it, drawn evenly; captum's default, about one grey level."""


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
            largest[row] = max(largest[row], float(np.linalg.norm(other - one)))
    norms = np.array([np.linalg.norm(one) for one in before])
    return np.divide(largest, norms, out=unknown, where=norms > 0), np.full(count, np.nan)


MAX_SENSITIVITY = Measure(
    name="max_sensitivity",
    title="Max-sensitivity",
    kind="stability",
    compute=max_sensitivity,
    settings=StabilitySettings,
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
