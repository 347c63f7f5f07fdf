"""Metrics that see only the order of pixels: pointing game, rank accuracy, top-k, AUROC, average precision."""

from dataclasses import replace

import cv2
import numpy as np
from pydantic import Field

from core.settings import Settings
from evaluation.localization.batch import Batch, IntArray
from evaluation.measure import BoolArray, FloatArray, Measure, NoSettings, Values


class PointingSettings(Settings):
    """How near is a hit."""

    tolerance_px: float = Field(0.0, ge=0)
    """A highest pixel at most so far from the mask, centre to centre in pixels of the picture, is a hit too. The
    paper took 15 on photos of some 500 px, for boxes drawn by hand; masks here are exact, so none is needed."""


class TopSettings(Settings):
    """How many pixels are the top."""

    share: float = Field(0.02, gt=0, le=1)
    """Share of the picture's pixels that counts as the top: a share, so that pictures of all sizes compare. The
    paper's 1000 pixels are 0.02 of 224 x 224."""


def pointing_game(batch: Batch, settings: PointingSettings) -> Values:
    """Return the expected hit when one of the highest pixels is drawn at random, and the target's share of the area."""
    if settings.tolerance_px > 0:
        return _hits_within(batch, np.full(len(batch), settings.tolerance_px))
    hits, marked = batch.at_least(batch.highest)
    return np.asarray(hits / marked, dtype=np.float64), batch.area_share


def pointing_game_cell(batch: Batch, _settings: Settings) -> Values:
    """Return `pointing_game` with a tolerance of one cell of each map's own grid."""
    return _hits_within(batch, batch.cell_px)


def _hits_within(batch: Batch, tolerance_px: FloatArray) -> Values:
    """Return the expected hit within a tolerance (M,) of the mask, and the share of the picture that is one."""
    masks = batch.masks.reshape(-1, batch.height, batch.width)
    target = np.stack([_widened(*pair) for pair in zip(masks, tolerance_px.tolist(), strict=True)])
    highest = batch.maps == batch.highest[:, None]  # (M, P)
    hits = np.count_nonzero(highest & target, axis=1)
    return hits / np.count_nonzero(highest, axis=1), np.asarray(target.mean(axis=1))


def _widened(mask: BoolArray, tolerance_px: float) -> BoolArray:
    """Return the pixels (P,) within `tolerance_px` of `mask` (H, W)."""
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance.ravel() <= tolerance_px)


def rank_accuracy(batch: Batch, _settings: Settings) -> Values:
    """Return the share of mask pixels among each map's K highest, K the mask's area; expected over ties."""
    return _inside_top(batch, batch.area_px) / batch.area_px, batch.area_share


def top_k(batch: Batch, settings: TopSettings) -> Values:
    """Return the share of mask pixels among a fixed share of the highest; expected over ties."""
    size = max(1, round(settings.share * batch.pixels))
    return _inside_top(batch, np.full(len(batch), size)) / size, batch.area_share


def _inside_top(batch: Batch, size: IntArray) -> FloatArray:
    """Return the expected number of mask pixels among the `size` (M,) highest, when ties are drawn at random."""
    threshold = batch.nth_highest(size)  # the last value taken
    hits, marked = batch.at_least(threshold)
    hits_above, marked_above = batch.above(threshold)
    drawn_share = (size - marked_above) / (marked - marked_above)
    return np.asarray(hits_above + drawn_share * (hits - hits_above), dtype=np.float64)


def pixel_auroc(batch: Batch, _settings: Settings) -> Values:
    """Return the area under the ROC curve of "this pixel is in the mask"; tied pixels count half."""
    steps = batch.steps
    inside = batch.area_px
    outside = batch.pixels - inside
    others_above = (steps.marked - steps.hits) - (steps.marked_equal - steps.equal)
    others_below = outside[steps.row] - (steps.marked - steps.hits)
    won_twice = steps.equal * (others_below - others_above + outside[steps.row])  # a win counts 2, a tie 1
    wins = np.add.reduceat(won_twice, steps.starts)
    return wins / (2 * inside * outside), np.full(len(wins), 0.5)


def pixel_ap(batch: Batch, _settings: Settings) -> Values:
    """Return the average precision of "this pixel is in the mask", tied pixels taken together, and its expectation.

    A random order of P pixels with K in the mask has at position i a mask pixel with probability K/P, which then
    sees 1 + (i - 1)(K - 1)/(P - 1) mask pixels so far; the mean of their precision has the closed form used here.
    """
    steps = batch.steps
    gain = steps.equal * (steps.hits / steps.marked)
    size, pixels = batch.area_px, batch.pixels
    values = np.bincount(steps.row, weights=gain, minlength=len(batch)) / size
    harmonic = np.sum(1.0 / np.arange(1, pixels + 1))
    chance = (harmonic + (size - 1) / (pixels - 1) * (pixels - harmonic)) / pixels
    return np.minimum(values, 1.0), chance


POINTING_GAME = Measure(
    name="pointing_game",
    title="Pointing game",
    answers="Does the map's highest point lie on the brick?",
    compute=pointing_game,
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

POINTING_GAME_CELL = replace(
    POINTING_GAME,
    name="pointing_game_cell",
    title="Pointing game within a cell",
    answers="Does the map's highest point lie on the brick, or no further from it than the map can tell?",
    compute=pointing_game_cell,
    settings=NoSettings,
    compared=False,
    formula="as pointing_game, with a tolerance of one cell of the map's own grid: the larger side, in pixels of the "
    "picture, of what one value of the map stands for; 1 px for a map as large as the picture",
    chance="the share of the picture that is a hit: the mask's, widened by one cell. It differs "
    "between methods, which are not compared on it: coarse maps have more room",
    source=POINTING_GAME.source + "; here the tolerance is the method's own resolution",
)

RANK_ACCURACY = replace(
    POINTING_GAME,
    name="rank_accuracy",
    title="Rank accuracy",
    answers="Are the highest pixels, as many as the brick has, those of the brick?",
    compute=rank_accuracy,
    settings=NoSettings,
    formula="share of mask pixels among the K highest pixels, K being the number of pixels in the mask",
    chance="the mask's share of the picture",
    ties="expected value over the pixels tied at the K-th value, so a constant map scores chance",
    source="Arras, Osman, Samek 2022, CLEVR-XAI: relevance rank accuracy",
)

TOP_K = replace(
    RANK_ACCURACY,
    name="top_k",
    title="Top-k intersection",
    answers="Do the very highest pixels lie on the brick?",
    compute=top_k,
    settings=TopSettings,
    formula="share of mask pixels among the k highest pixels, k being a share of the picture's",
    oracle="1, or the mask's area / k where the mask is smaller than k: the highest value on that mask",
    ties="expected value over the pixels tied at the k-th value, so a constant map scores chance",
    source="Theiner, Müller-Budack, Ewerth 2022, Interpretable semantic photo geolocation: top-k intersection",
)

PIXEL_AUROC = replace(
    RANK_ACCURACY,
    name="pixel_auroc",
    title="Pixel AUROC",
    answers="Do pixels of the brick lie above other pixels?",
    compute=pixel_auroc,
    formula="probability that a random mask pixel lies above a random other pixel",
    chance="0.5",
    ties="mid-ranks: a tied pair counts half",
    source="Fawcett 2006, An introduction to ROC analysis; equals scikit-learn's roc_auc_score",
)

PIXEL_AP = replace(
    RANK_ACCURACY,
    name="pixel_ap",
    title="Pixel AP",
    answers="How precisely can the brick's pixels be picked out by height, whatever the threshold?",
    compute=pixel_ap,
    formula="sum over falling thresholds of (gain in recall) x precision",
    chance="expectation over random orders of the pixels: slightly above the mask's share of the picture",
    uniform="the mask's share of the picture, a little below chance",
    ties="equal values enter together; a constant map scores the mask's share of the picture",
    zero_mass="defined: a map of zeros is one great tie",
    source="equals scikit-learn's average_precision_score; chance after Bestgen 2015",
)
