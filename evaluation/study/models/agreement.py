"""How far people agree on items beyond chance: Krippendorff's alpha and Fleiss' kappa."""

import numpy as np

from core.bootstrap import FEWEST_RESAMPLED, resample_counts
from core.seeding import Purpose, generator
from evaluation.study.models.results import NO_ESTIMATE, Agreement, FloatArray, resampled_estimate

ASSUMES = (
    "That items were drawn at random from those that one wants to know about: they are resampled, people are kept; "
    f"with fewer than {FEWEST_RESAMPLED} items there is no interval. "
    "0 is what chance brings, 1 full agreement. A strong common preference leaves little to agree on beyond chance, so "
    "agreement can be near 0 where nearly all choose the same method."
)
_STREAM = 4


def krippendorff_alpha(counts: FloatArray) -> float:
    """Return alpha, nominal, of `counts` (I, C): answers of each category on each item; NaN where undefined.

    Items with fewer than two answers have no pairs and do not count. Source: Krippendorff 2011, Computing
    Krippendorff's alpha-reliability.
    """
    return float(_alpha(*_pairs(counts), np.ones((1, len(counts))))[0])


def fleiss_kappa(counts: FloatArray) -> float:
    """Return kappa of `counts` (I, C) with the same number of answers, two or more, on every item.

    NaN where only one category occurs. Source: Fleiss 1971.
    """
    return float(_kappa(counts, np.ones((1, len(counts))))[0])


def agreement(counts: FloatArray, *, seed: int, draws: int, items_known: bool) -> Agreement:
    """Return both measures of `counts` (I, C), answers of each category on each item, with resampled items."""
    reason = _why_not(counts, items_known=items_known)
    if reason:
        return Agreement(ASSUMES, reason, NO_ESTIMATE, NO_ESTIMATE, reason)
    items = len(counts)
    weights = resample_counts(generator(seed, Purpose.BOOTSTRAP, _STREAM), items, draws).astype(np.float64)
    # A resample in which all answers are alike has no chance agreement to compare with, and is left out.
    alpha = resampled_estimate(krippendorff_alpha(counts), _alpha(*_pairs(counts), weights), items)
    answers = counts.sum(axis=1)
    if not (answers == answers[0]).all():
        few, many = int(answers.min()), int(answers.max())
        why = f"Fleiss' kappa needs the same number of answers on every item; here it is {few} to {many}."
        return Agreement(ASSUMES, "", alpha, NO_ESTIMATE, why)
    kappa = resampled_estimate(fleiss_kappa(counts), _kappa(counts, weights), items)
    return Agreement(ASSUMES, "", alpha, kappa, "")


def _pairs(counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return, of each item, the coincidences that disagree and the answers by category; 0 without a pair."""
    answers = counts.sum(axis=-1)
    paired = answers >= 2
    same = (counts * (counts - 1)).sum(axis=-1)
    apart = np.where(paired, (answers * (answers - 1) - same) / np.maximum(answers - 1, 1), 0.0)
    return apart, np.where(paired[..., None], counts, 0.0)


def _alpha(apart: FloatArray, counts: FloatArray, weights: FloatArray) -> FloatArray:
    """Return alpha for each of the `weights` (B, I) of items, (B,)."""
    totals = weights @ counts  # (B, C)
    whole = totals.sum(axis=1)
    expected = whole**2 - (totals**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha = 1 - (whole - 1) * (weights @ apart) / expected
    return np.where(expected > 0, alpha, np.nan)


def _kappa(counts: FloatArray, weights: FloatArray) -> FloatArray:
    """Return kappa for each of the `weights` (B, I) of items, (B,)."""
    answers = counts.sum(axis=1)
    within = weights @ ((counts * (counts - 1)).sum(axis=1) / (answers * (answers - 1))) / weights.sum(axis=1)
    totals = weights @ counts
    chance = ((totals / totals.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = (within - chance) / (1 - chance)
    return np.where(chance < 1, kappa, np.nan)


def _why_not(counts: FloatArray, *, items_known: bool) -> str:
    if not items_known:
        return "It is not known which answer is on which item."
    if not (counts.sum(axis=1) >= 2).any():
        return "No item has answers of two people."
    if (counts[counts.sum(axis=1) >= 2].sum(axis=0) > 0).sum() < 2:
        return "All answers are the same: agreement beyond chance is not defined."
    if len(counts) < 2:
        return "With one item there is nothing to resample, and nothing to tell apart."
    return ""
