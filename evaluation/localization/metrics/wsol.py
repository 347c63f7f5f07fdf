"""Metrics of weakly supervised localisation: boxes around the map's regions, and pixels pooled over a split."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.settings import Settings
from evaluation.localization.batch import Batch, IntArray
from evaluation.measure import FloatArray, Measure


class BoxSettings(Settings):
    """Where maps are cut, and how well boxes must fit."""

    steps: int = Field(20, ge=2, le=1000)
    """Thresholds tried, 0 to 1 - 1/steps of the way from minimum to maximum. The paper's code tries 1000 on maps of
    256 levels; each costs a labelling of regions, which 20 keep to some milliseconds a map. On
    the demo's maps 100 steps scored 0.004 to 0.022 higher, with the methods in the same order."""
    overlaps: tuple[float, ...] = (0.3, 0.5, 0.7)
    """IoU of boxes from which on a picture counts as localised; the mean over these is reported (V2)."""


class PixelSettings(Settings):
    """Where maps are cut."""

    steps: int = Field(200, ge=2, le=1000)
    """Thresholds between minimum and maximum at which pixels are counted. The paper's code takes 1000."""


def box_hits(batch: Batch, settings: BoxSettings) -> FloatArray:
    """Return whether some box around a region of the map fits some box of the class, (M, overlaps x steps), 0 or 1."""
    best = np.stack([_box_ious(batch, row, settings.steps) for row in range(len(batch))])  # (M, steps)
    fits = best[:, None, :] >= np.array(settings.overlaps)[:, None]
    return fits.reshape(len(batch), -1).astype(np.float64)


def box_accuracy(sums: FloatArray, settings: BoxSettings) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the mean accuracy at each overlap's best threshold, that of the whole-picture box, and a threshold.

    The threshold is that of the middle overlap, 0.5 in V2.
    """
    shares = sums[..., 1:] / sums[..., :1]
    shares = shares.reshape(*shares.shape[:-1], len(settings.overlaps), settings.steps)
    middle = shares[..., len(settings.overlaps) // 2, :]
    return (
        shares.max(axis=-1).mean(axis=-1),
        shares[..., 0].mean(axis=-1),
        np.asarray(middle.argmax(axis=-1) / settings.steps),
    )


def _box_ious(batch: Batch, row: int, steps: int) -> FloatArray:
    """Return the best IoU of a box around a region and a box of the class at each threshold, (steps,)."""
    scaled = batch.scaled(row, "min_max")
    wanted = batch.boxes[row]
    found, before = np.zeros(steps), -1
    for step in range(steps):
        region = scaled >= scaled.dtype.type(step / steps)
        size = np.count_nonzero(region)
        if size == before:  # regions shrink, so it is the one of the step before
            found[step] = found[step - 1]
            continue
        before = size
        _, _, stats, _ = cv2.connectedComponentsWithStats(region.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
        found[step] = _best_overlap(stats[1:, :4], wanted)
    return found


def _best_overlap(found: NDArray[np.int32], wanted: IntArray) -> float:
    """Return the highest IoU of a box of `found` (C, 4) with one of `wanted` (B, 4), each x, y, width, height."""
    if len(found) == 0 or len(wanted) == 0:
        return 0.0
    left, top, width, height = (found[:, None, side] for side in range(4))
    x, y, wide, high = (wanted[None, :, side] for side in range(4))
    across = np.minimum(left + width, x + wide) - np.maximum(left, x)
    down = np.minimum(top + height, y + high) - np.maximum(top, y)
    common = np.maximum(across, 0) * np.maximum(down, 0)
    return float((common / (width * height + wide * high - common)).max())


def pixel_counts(batch: Batch, settings: PixelSettings) -> FloatArray:
    """Return mask pixels and all pixels at or above each threshold, from the lowest, (M, 2 x (steps + 1))."""
    hits, marked = batch.at_least_shares(np.arange(settings.steps + 1) / settings.steps, "min_max")
    return np.concatenate([hits, marked], axis=1).astype(np.float64)


def pooled_ap(sums: FloatArray, settings: PixelSettings) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the area under the curve of precision against recall of all pixels together, and their share in masks."""
    hits, marked = np.split(sums[..., 1:], 2, axis=-1)
    assert hits.shape[-1] == settings.steps + 1
    precision = np.divide(hits, marked, out=np.zeros_like(hits), where=marked > 0)
    recall = hits / hits[..., :1]
    gain = recall - np.concatenate([recall[..., 1:], np.zeros_like(recall[..., :1])], axis=-1)
    return (precision * gain).sum(axis=-1), precision[..., 0], np.full(hits.shape[:-1], np.nan)


_SOURCE = "Choe et al. 2020, Evaluating weakly supervised object localization methods right"

MAX_BOX_ACC = Measure(
    name="max_box_acc",
    title="MaxBoxAcc V2",
    kind="split",
    answers="On how many maps does a box around a high region fit a box of the class?",
    compute=box_hits,
    finish=box_accuracy,
    settings=BoxSettings,
    formula="mean over overlaps 0.3, 0.5, 0.7 of max over thresholds of the share of maps on which the box around some "
    "connected region (8 neighbours) at or above the threshold has at least that IoU with some box of the class",
    direction="higher",
    range=(0.0, 1.0),
    level="whole-picture box",
    chance="not known: beside the value stands what one box around the whole picture scores, as every map does at the "
    "lowest threshold. Noise, whose regions have many sizes, scores more",
    uniform="what the whole-picture box scores",
    oracle="1 where each brick of the class is one connected region",
    ties="none arise: equal values fall on the same side",
    zero_mass="a constant map counts as zeros: one box around the picture",
    negative_values="kept: each map is scaled from its minimum to its maximum",
    source=_SOURCE + ": MaxBoxAccV2",
)

PXAP = replace(
    MAX_BOX_ACC,
    name="pxap",
    title="PxAP, pooled",
    answers="How precisely can the bricks' pixels be picked out by one threshold for all maps?",
    compute=pixel_counts,
    finish=pooled_ap,
    settings=PixelSettings,
    level="chance",
    formula="sum over falling thresholds of (gain in recall) x precision, pixels of all maps of the split together, "
    "each map scaled from its minimum to its maximum",
    chance="the share of all pixels that lie in masks",
    uniform="chance",
    oracle="1",
    ties="equal values enter together, and so do values between two thresholds",
    zero_mass="a constant map counts as zeros",
    source=_SOURCE + ": PxAP",
)
