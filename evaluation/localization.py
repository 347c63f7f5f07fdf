"""Scores of maps against masks: where the map is high, is the brick there?

`score` checks what comes in, settles the cases in which no metric has a value, and hands the rest, as flat rows,
to the metric's own small function. A new metric is one function and one row in `METRICS`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError, SettingsError
from core.settings import Settings, near_matches
from evaluation.batch import Batch
from evaluation.metrics.iou import IOU_FIXED
from evaluation.metrics.mass import LIFT, MASS_ACCURACY
from evaluation.metrics.pointing import POINTING_GAME
from evaluation.metrics.ranks import PIXEL_AP, PIXEL_AUROC, RANK_ACCURACY
from evaluation.scores import Metric, Scores

METRICS: dict[str, Metric] = {
    row.name: row for row in (POINTING_GAME, MASS_ACCURACY, RANK_ACCURACY, IOU_FIXED, PIXEL_AUROC, PIXEL_AP, LIFT)
}


def find_metric(name: str) -> Metric:
    """Return the row called `name`, or raise SettingsError with the nearest known name."""
    if name not in METRICS:
        known = list(METRICS)
        raise SettingsError(f"There is no metric {name!r}{near_matches(name, known)}; known are {', '.join(known)}.")
    return METRICS[name]


def metric_settings(name: str, values: Mapping[str, object]) -> Settings:
    """Return the checked settings of metric `name`."""
    return find_metric(name).settings.parse(values, where=f"the settings of metric {name}")


def score(metric: str, maps: NDArray[Any], masks: NDArray[np.bool_], **settings: object) -> Scores:
    """Return what `metric` says of each map.

    Args:
        metric: a name in `METRICS`.
        maps: (N, H, W) float, raw, at the size of the masks (see `evaluation.resize`).
        masks: (N, H, W) bool, the pixels of the class that the map explains.
        settings: the metric's own settings, such as ``threshold=0.3`` for ``iou_fixed``.

    Raises:
        SettingsError: no such metric or setting.
        BrickbenchError: arrays of other shapes or types.
    """
    return score_all({metric: metric_settings(metric, settings)}, maps, masks)[metric]


def score_all(metrics: Mapping[str, Settings], maps: NDArray[Any], masks: NDArray[np.bool_]) -> dict[str, Scores]:
    """Return the scores of several metrics, by name, from one pass over the maps (one sort serves all ranks).

    Args:
        metrics: name to checked settings (`metric_settings`).
        maps: (N, H, W) float, as in `score`.
        masks: (N, H, W) bool, the pixels of the class that each map explains.
    """
    _check(maps, masks)
    count, pixels = len(maps), maps.shape[1] * maps.shape[2]
    flat_maps = np.asarray(maps, dtype=np.float64).reshape(count, pixels)
    flat_masks = masks.reshape(count, pixels)
    area = flat_masks.sum(axis=1)
    status = np.full(count, "ok", dtype="<U10")
    status[area == flat_masks.shape[1]] = "full_mask"
    status[area == 0] = "empty_mask"
    usable_mask = status == "ok"
    status[usable_mask & ~np.isfinite(flat_maps).all(axis=1)] = "nonfinite"

    # Maps that are not finite take part as zeros: their mask's chance level is still wanted.
    rows = np.flatnonzero(usable_mask)
    clean = np.where((status[rows] == "ok")[:, None], flat_maps[rows], 0.0)
    batch = Batch(clean, flat_masks[rows])
    return {name: _score(find_metric(name), settings, batch, rows, status) for name, settings in metrics.items()}


def _score(
    metric: Metric, settings: Settings, batch: Batch, rows: NDArray[np.intp], status: NDArray[np.str_]
) -> Scores:
    values, chance = np.full(len(status), np.nan), np.full(len(status), np.nan)
    status = status.copy()
    if len(rows):
        values[rows], chance[rows] = metric.compute(batch, settings)
        values[status == "nonfinite"] = np.nan
        status[(status == "ok") & np.isnan(values)] = "zero_mass"
    return Scores(values, status, chance)


def _check(maps: NDArray[Any], masks: NDArray[np.bool_]) -> None:
    if maps.ndim != 3 or maps.shape != masks.shape or 0 in maps.shape[1:]:
        raise BrickbenchError(
            f"Maps and masks should both be (N, H, W); they are {maps.shape} and {masks.shape}. "
            "Bring maps to the size of the masks with evaluation.resize first."
        )
    if not np.issubdtype(maps.dtype, np.floating) or masks.dtype != np.bool_:
        raise BrickbenchError(f"Maps should be float and masks bool; they are {maps.dtype} and {masks.dtype}.")


def metric_rows(names: Sequence[str] | None = None) -> list[dict[str, object]]:
    """Return the definitions of the metrics as rows for a table."""
    return [
        {
            "metric": row.name,
            "title": row.title,
            "formula": row.formula,
            "direction": row.direction,
            "range": f"{row.range[0]:g} to {row.range[1]:g}".replace("inf", "infinity"),
            "chance": row.chance,
            "ties": row.ties,
            "zero_mass": row.zero_mass,
            "negative_values": row.negative_values,
            "source": row.source,
        }
        for row in (find_metric(name) for name in names or METRICS)
    ]
