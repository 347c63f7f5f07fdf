"""Focus: on a mosaic of four piles, does the map stay on those that show the part?"""

import numpy as np

from evaluation.localization.batch import Batch
from evaluation.localization.metrics.mass import MassSettings, share_in
from evaluation.measure import FloatArray, Measure


def compute(batch: Batch, settings: MassSettings) -> tuple[FloatArray, FloatArray]:
    """Return the share of each map's mass in its mask, the tiles that show the part, and their share of the area."""
    return share_in(batch, batch.masks, settings.sign), np.asarray(batch.area_share)


FOCUS = Measure(
    name="focus",
    title="Focus",
    kind="mosaic",
    answers="On a mosaic of four piles, two of which show the part, does the map stay on those two?",
    compute=compute,
    settings=MassSettings,
    formula="sum of the map on the tiles that show the part / sum of the map on the mosaic",
    direction="higher",
    range=(0.0, 1.0),
    chance="the tiles' share of the mosaic, 0.5",
    uniform="chance",
    oracle="1",
    ties="none arise: values are summed",
    zero_mass="undefined where the map has no positive value",
    negative_values="counted as 0 (setting sign: positive) or by size (absolute)",
    source="Arias-Duart et al. 2022, Focus! Rating XAI methods and finding biases",
)
