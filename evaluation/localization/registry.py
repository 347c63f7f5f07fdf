"""Scores of maps against masks: where the map is high, is the brick there?

`score` checks what comes in, settles the cases in which no metric has a value, and hands the rest, as flat rows,
to the metric's own small function. A new metric is one function and one row in `METRICS`.
"""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError
from core.settings import Settings
from evaluation.localization.batch import Batch, count_rows
from evaluation.localization.metrics import iou, mass, ranks, wsol
from evaluation.measure import BoolArray, FloatArray, Measure, Scores, Values, find_row

MapMeasure = Measure[Batch, Values]
SplitMeasure = Measure[Batch, FloatArray]

METRICS: dict[str, MapMeasure] = {
    row.name: row
    for row in (
        ranks.POINTING_GAME,
        ranks.POINTING_GAME_CELL,
        mass.MASS_ACCURACY,
        ranks.RANK_ACCURACY,
        ranks.TOP_K,
        iou.IOU_FIXED,
        iou.IOU_BEST,
        iou.IOU_ORACLE,
        ranks.PIXEL_AUROC,
        ranks.PIXEL_AP,
        mass.LIFT,
        mass.ENERGY,
        mass.ATTRIBUTION_LOCALIZATION,
        mass.ATTRIBUTION_LOCALIZATION_WEIGHTED,
        mass.TARGET_VS_DISTRACTOR,
        mass.MASS_ON_OTHERS,
        mass.MASS_ON_FLOOR,
        mass.LIFT_ON_OTHERS,
        mass.LIFT_ON_FLOOR,
    )
}
"""Of one map each, on the mask of its part."""
SPLIT_METRICS: dict[str, SplitMeasure] = {row.name: row for row in (wsol.MAX_BOX_ACC, wsol.PXAP)}
"""Of all maps of a split together."""
MOSAIC_METRICS: dict[str, MapMeasure] = {mass.FOCUS.name: mass.FOCUS}
"""Of maps of mosaics; their masks are the tiles that show the part."""
DEFINITIONS: Mapping[str, Measure[Batch, Any]] = ChainMap[str, Measure[Batch, Any]](
    MOSAIC_METRICS, SPLIT_METRICS, METRICS
)
"""All of these, in the order of their registries: a chain begins with its last map."""


def metric_settings(name: str, values: Mapping[str, object]) -> Settings:
    """Return the checked settings of metric `name`, of any kind."""
    return find_row(DEFINITIONS, name).settings.parse(values, where=f"the settings of metric {name}")


@dataclass(frozen=True)
class Truth:
    """What is known of N pictures of one size.

    Attributes:
        masks: (N, H, W) bool, the pixels of the class that each map explains.
        others: (N, H, W) bool, the pixels of bricks of other parts; None where it is not known.
        boxes: for each picture (B, 4) integers x, y, width, height in px of the class's bricks; None takes one box
            around the mask.
    """

    masks: BoolArray
    others: BoolArray | None = None
    boxes: Sequence[NDArray[Any]] | None = None


def score(
    metric: str,
    maps: NDArray[Any],
    masks: BoolArray,
    *,
    others: BoolArray | None = None,
    boxes: Sequence[NDArray[Any]] | None = None,
    cell_px: FloatArray | None = None,
    **settings: object,
) -> Scores:
    """Return what `metric` says of each map.

    Args:
        metric: a name in `METRICS` or `MOSAIC_METRICS`.
        maps: (N, H, W) float, raw, at the size of the masks (see `evaluation.resize`).
        masks: (N, H, W) bool, the pixels of the class that the map explains; of ``focus``, its tiles.
        others: as in `Truth`; metrics that tell other bricks from the floor need it.
        boxes: as in `Truth`.
        cell_px: as in `Scorer`.
        settings: the metric's own settings, such as ``threshold=0.3`` for ``iou_fixed``.

    Raises:
        SettingsError: no such metric or setting.
        BrickbenchError: arrays of other shapes or types, or `others` is needed and not given.
    """
    return Scorer(maps, Truth(masks, others, boxes), cell_px).scores({metric: metric_settings(metric, settings)})[
        metric
    ]


class Scorer:
    """Maps with their truth, checked, and what several metrics need computed once: one sort serves all ranks."""

    def __init__(self, maps: NDArray[Any], truth: Truth, cell_px: FloatArray | None = None) -> None:
        """Check what comes in and settle the cases in which no metric has a value; raises as `score` does.

        Args:
            maps: (N, H, W) float, as in `score`; float64 is computed in float64, other types in float32.
            truth: what is known of the pictures.
            cell_px: (N,) the side of a cell of each map's own grid, before it was resized, in px of the masks; None
                says that maps come at their own size, with cells of 1 px.
        """
        _check(maps, truth)
        count, pixels = len(maps), maps.shape[1] * maps.shape[2]
        area = count_rows(truth.masks.reshape(count, pixels))
        self._status = np.full(count, "ok", dtype="<U32")
        self._status[area == pixels] = "full_mask"
        self._status[area == 0] = "empty_mask"
        self._rows = np.flatnonzero(self._status == "ok")
        rows: Any = slice(None) if len(self._rows) == count else self._rows
        values = np.asarray(maps[rows], dtype=maps.dtype if maps.dtype == np.float64 else np.float32)
        broken = ~np.isfinite(values).all(axis=(1, 2))
        if broken.any():
            # They take part as zeros: the chance level of their mask is still wanted.
            values = np.where(broken[:, None, None], values.dtype.type(0), values)
            self._status[self._rows[broken]] = "nonfinite"
        boxes = None
        if truth.boxes is not None:
            boxes = [np.asarray(truth.boxes[row], dtype=np.int64).reshape(-1, 4) for row in self._rows]
        self._has_others = truth.others is not None
        others = None if truth.others is None else truth.others[rows]
        own_cells = None if cell_px is None else cell_px[rows]
        self._batch = Batch(values, truth.masks[rows], others, boxes, own_cells)

    def scores(self, metrics: Mapping[str, Settings]) -> dict[str, Scores]:
        """Return the scores of metrics of one map, by name."""
        known = {**METRICS, **MOSAIC_METRICS}
        return {name: self._score(find_row(known, name), settings) for name, settings in metrics.items()}

    def sums(self, metric: SplitMeasure, settings: Settings) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
        """Return what each map adds to the sums of `metric`, (N, S), NaN where it adds nothing, and the status (N,)."""
        added = metric.compute(self._batch, settings) if len(self._rows) else np.zeros((0, 1))
        sums = np.full((len(self._status), added.shape[1]), np.nan)
        sums[self._rows] = added
        status = self._status.copy()
        sums[status != "ok"] = np.nan
        status[(status == "ok") & np.isnan(sums).any(axis=1)] = metric.undefined
        return sums, status

    def _score(self, metric: MapMeasure, settings: Settings) -> Scores:
        if metric.needs_others and not self._has_others:
            raise BrickbenchError(
                f"{metric.name} tells other bricks from the floor: give others, the mask of all bricks of other parts."
            )
        rows, status = self._rows, self._status.copy()
        values, chance = np.full(len(status), np.nan), np.full(len(status), np.nan)
        if len(rows):
            values[rows], chance[rows] = metric.compute(self._batch, settings)
            if metric.lacking is not None:
                where = rows[metric.lacking[1](self._batch, settings)]
                values[where] = chance[where] = np.nan
                status[where[status[where] == "ok"]] = metric.lacking[0]
            values[status == "nonfinite"] = np.nan
            status[(status == "ok") & np.isnan(values)] = metric.undefined
        return Scores(values, status, chance)


def _check(maps: NDArray[Any], truth: Truth) -> None:
    masks, others, boxes = truth.masks, truth.others, truth.boxes
    if foreign := {type(one).__name__ for one in (maps, masks) if not isinstance(one, np.ndarray)}:
        raise BrickbenchError(
            f"Maps and masks should be numpy arrays; {' and '.join(sorted(foreign))} came: .cpu().numpy() makes one of "
            "a tensor, numpy.stack of a list."
        )
    if maps.ndim != 3 or maps.shape != masks.shape or 0 in maps.shape[1:]:
        raise BrickbenchError(
            f"Maps and masks should both be (N, H, W); they are {maps.shape} and {masks.shape}. "
            "Bring maps to the size of the masks with evaluation.resize first."
        )
    if not np.issubdtype(maps.dtype, np.floating) or masks.dtype != np.bool_:
        raise BrickbenchError(f"Maps should be float and masks bool; they are {maps.dtype} and {masks.dtype}.")
    if others is not None and (others.shape != masks.shape or others.dtype != np.bool_):
        raise BrickbenchError(
            f"others should be bool and {masks.shape}, as the masks; it is {others.dtype} and {others.shape}."
        )
    if others is not None and (others & masks).any():
        raise BrickbenchError("others and masks share pixels: leave the class's own bricks out of others.")
    if boxes is not None and len(boxes) != len(masks):
        raise BrickbenchError(f"Each map needs its boxes: {len(masks)} maps came with {len(boxes)} lists of boxes.")
