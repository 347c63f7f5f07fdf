"""The pointing game: does the highest pixel lie on the brick?"""

import cv2
import numpy as np
from pydantic import Field

from core.settings import Settings
from evaluation.localization.batch import Batch
from evaluation.measure import BoolArray, FloatArray, Measure


class PointingSettings(Settings):
    """How near is a hit."""

    tolerance_px: float = Field(0.0, ge=0)
    """A highest pixel at most so far from the mask, centre to centre in pixels of the picture, is a hit too. The
    paper took 15 on photos of some 500 px, for boxes drawn by hand; masks here are exact, so none is needed."""


def compute(batch: Batch, settings: PointingSettings) -> tuple[FloatArray, FloatArray]:
    """Return the expected hit when one of the highest pixels is drawn at random, and the target's share of the area."""
    if settings.tolerance_px > 0:
        target = np.stack([_widened(mask, settings.tolerance_px) for mask in _pictures(batch)])
        highest = batch.maps == batch.highest[:, None]  # (M, P)
        hits = np.count_nonzero(highest & target, axis=1)
        return hits / np.count_nonzero(highest, axis=1), np.asarray(target.mean(axis=1))
    hits, marked = batch.at_least(batch.highest)
    return np.asarray(hits / marked, dtype=np.float64), batch.area_share


def _pictures(batch: Batch) -> BoolArray:
    return batch.masks.reshape(len(batch), batch.height, batch.width)


def _widened(mask: BoolArray, tolerance_px: float) -> BoolArray:
    """Return the pixels (P,) within `tolerance_px` of `mask` (H, W)."""
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance.ravel() <= tolerance_px)


POINTING_GAME = Measure(
    name="pointing_game",
    title="Pointing game",
    answers="Does the map's highest point lie on the brick?",
    compute=compute,
    settings=PointingSettings,
    formula="share of the highest-valued pixels that lie in the mask, or within tolerance_px of it "
    "(1 or 0 where there is a single highest pixel)",
    direction="higher",
    range=(0.0, 1.0),
    chance="the share of the picture that is a hit: the mask's, widened by the tolerance",
    uniform="chance",
    oracle="1",
    ties="expected value over the tied pixels, so a constant map scores chance and never a hit",
    zero_mass="defined: a map of zeros is one great tie and scores chance",
    negative_values="kept: only the order of values counts",
    source="Zhang et al. 2018, Top-down neural attention by excitation backprop, which took a tolerance of 15 px",
)
