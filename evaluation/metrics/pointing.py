"""The pointing game: does the highest pixel lie on the brick?"""

import numpy as np

from core.settings import Settings
from evaluation.batch import Batch
from evaluation.scores import FloatArray, Metric, NoSettings


def compute(batch: Batch, _settings: Settings) -> tuple[FloatArray, FloatArray]:
    """Return the expected hit when one of the highest pixels is drawn at random, and the mask's share of the area."""
    highest = batch.maps == batch.maps.max(axis=1, keepdims=True)  # (M, P)
    hits = (highest & batch.masks).sum(axis=1)
    return np.asarray(hits / highest.sum(axis=1), dtype=np.float64), batch.area_share


POINTING_GAME = Metric(
    name="pointing_game",
    title="Pointing game",
    compute=compute,
    settings=NoSettings,
    formula="share of the highest-valued pixels that lie in the mask (1 or 0 where there is a single highest pixel)",
    direction="higher",
    range=(0.0, 1.0),
    chance="the mask's share of the picture",
    ties="expected value over the tied pixels, so a constant map scores chance and never a hit",
    zero_mass="defined: a map of zeros is one great tie and scores chance",
    negative_values="kept: only the order of values counts",
    source="Zhang et al. 2018, Top-down neural attention by excitation backprop, without its 15 px tolerance",
)
