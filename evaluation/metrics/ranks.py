"""Metrics that see only the order of pixels: rank accuracy, area under the ROC curve, average precision."""

import numpy as np

from core.settings import Settings
from evaluation.batch import Batch
from evaluation.scores import FloatArray, Metric, NoSettings


def rank_accuracy(batch: Batch, _settings: Settings) -> tuple[FloatArray, FloatArray]:
    """Return the share of mask pixels among each map's K highest, K the mask's area; expected over ties."""
    row = np.arange(len(batch.maps))
    size = batch.area_px
    threshold = batch.sorted_maps[row, size - 1][:, None]  # the K-th highest value
    above = batch.maps > threshold
    tied = batch.maps == threshold
    sure = (above & batch.masks).sum(axis=1)
    drawn_share = (size - above.sum(axis=1)) / tied.sum(axis=1)
    return (sure + drawn_share * (tied & batch.masks).sum(axis=1)) / size, batch.area_share


def pixel_auroc(batch: Batch, _settings: Settings) -> tuple[FloatArray, FloatArray]:
    """Return the area under the ROC curve of "this pixel is in the mask"; tied pixels count half."""
    rows, columns = batch.tie_ends
    hits = batch.hits[rows, columns].astype(np.float64)
    misses = columns + 1.0 - hits
    hits_before, misses_before = _before(hits, rows), _before(misses, rows)
    area = (misses - misses_before) * (hits + hits_before) / 2
    inside = batch.area_px
    outside = batch.masks.shape[1] - inside
    values = np.bincount(rows, weights=area, minlength=len(batch.maps)) / (inside * outside)
    return values, np.full(len(values), 0.5)


def pixel_ap(batch: Batch, _settings: Settings) -> tuple[FloatArray, FloatArray]:
    """Return the average precision of "this pixel is in the mask", tied pixels taken together, and its expectation.

    A random order of P pixels with K in the mask has at position i a mask pixel with probability K/P, which then
    sees 1 + (i - 1)(K - 1)/(P - 1) mask pixels so far; the mean of their precision has the closed form used here.
    """
    rows, columns = batch.tie_ends
    hits = batch.hits[rows, columns].astype(np.float64)
    gain = (hits - _before(hits, rows)) * hits / (columns + 1.0)
    size, pixels = batch.area_px, batch.masks.shape[1]
    values = np.bincount(rows, weights=gain, minlength=len(batch.maps)) / size
    harmonic = np.sum(1.0 / np.arange(1, pixels + 1))
    chance = (harmonic + (size - 1) / (pixels - 1) * (pixels - harmonic)) / pixels
    return values, chance


def _before(counts: FloatArray, rows: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> FloatArray:
    """Return for each run of ties the count at the end of the run before it, 0 at the start of a row."""
    before = np.zeros_like(counts)
    before[1:] = np.where(rows[1:] == rows[:-1], counts[:-1], 0.0)
    return before


RANK_ACCURACY = Metric(
    name="rank_accuracy",
    title="Rank accuracy",
    compute=rank_accuracy,
    settings=NoSettings,
    formula="share of mask pixels among the K highest pixels, K being the number of pixels in the mask",
    direction="higher",
    range=(0.0, 1.0),
    chance="the mask's share of the picture",
    ties="expected value over the pixels tied at the K-th value, so a constant map scores chance",
    zero_mass="defined: a map of zeros is one great tie and scores chance",
    negative_values="kept: only the order of values counts",
    source="Arras, Osman, Samek 2022, CLEVR-XAI: relevance rank accuracy",
)

PIXEL_AUROC = Metric(
    name="pixel_auroc",
    title="Pixel AUROC",
    compute=pixel_auroc,
    settings=NoSettings,
    formula="probability that a random mask pixel lies above a random other pixel",
    direction="higher",
    range=(0.0, 1.0),
    chance="0.5",
    ties="mid-ranks: a tied pair counts half",
    zero_mass="defined: a map of zeros is one great tie and scores chance",
    negative_values="kept: only the order of values counts",
    source="Fawcett 2006, An introduction to ROC analysis; equals scikit-learn's roc_auc_score",
)

PIXEL_AP = Metric(
    name="pixel_ap",
    title="Pixel AP",
    compute=pixel_ap,
    settings=NoSettings,
    formula="sum over falling thresholds of (gain in recall) x precision",
    direction="higher",
    range=(0.0, 1.0),
    chance="expectation over random orders of the pixels: slightly above the mask's share of the picture",
    ties="equal values enter together; a constant map scores the mask's share of the picture",
    zero_mass="defined: a map of zeros is one great tie",
    negative_values="kept: only the order of values counts",
    source="equals scikit-learn's average_precision_score; chance after Bestgen 2015",
)
