"""Scores of a run as tables: means by method, and which measure foretells what twins say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset.dataset_folder import DatasetFolder
from evaluation.faithfulness.prediction import Prediction, predict_truth
from evaluation.faithfulness.registry import FAITHFULNESS, TWINS
from evaluation.intervals import mean_interval
from evaluation.measure import Measure
from evaluation.score_store import read_scores
from explain.methods import METHODS, find_method
from explain.store import Attribution
from training.run.run import Run

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Scores of M methods on P pairs of picture and part, by any measure that the run has."""

    methods: tuple[str, ...]
    """With the settings' digest behind the name where a method comes twice."""
    kinds: tuple[str, ...]
    """``method``, ``baseline`` or ``oracle``."""
    pairs: tuple[tuple[str, str], ...]
    """(image_id, part_id), sorted."""
    piles: NDArray[np.int64]
    """(P,) the pile of each pair."""
    values: dict[str, FloatArray]
    """By measure, (M, P); NaN where undefined or missing."""
    chance: dict[str, FloatArray]
    """By measure, (M, P)."""
    scored: dict[str, NDArray[np.bool_]]
    """By measure, (M, P), whether there is a score, defined or not."""


def load_scored(run: Run, rows: Sequence[Attribution]) -> Scored:
    """Return all scores of the maps in `rows`, those of localisation too."""
    order = list(METHODS)
    keys = sorted({row.method_key for row in rows}, key=lambda key: (order.index(key.method), key))
    names = [key.method for key in keys]
    pairs = sorted({(row.image_id, row.part_id) for row in rows})
    method_at = {key: place for place, key in enumerate(keys)}
    pair_at = {pair: place for place, pair in enumerate(pairs)}
    where = {row.attribution_id: (method_at[row.method_key], pair_at[row.image_id, row.part_id]) for row in rows}
    shape = (len(keys), len(pairs))
    values: dict[str, FloatArray] = {}
    chance: dict[str, FloatArray] = {}
    scored: dict[str, NDArray[np.bool_]] = {}
    for row in read_scores(run.folder).to_pylist():
        index = where.get(row["attribution_id"])
        if index is None:
            continue
        name = row["metric"]
        if name not in values:
            values[name], chance[name] = np.full((2, *shape), np.nan)
            scored[name] = np.zeros(shape, dtype=np.bool_)
        values[name][index] = np.nan if row["value"] is None else row["value"]
        chance[name][index] = np.nan if row["chance"] is None or row["value"] is None else row["chance"]
        scored[name][index] = True
    return Scored(
        methods=tuple(name if names.count(name) == 1 else str(key) for name, key in zip(names, keys, strict=True)),
        kinds=tuple(find_method(name).kind for name in names),
        pairs=tuple(pairs),
        piles=_piles(run.dataset, pairs),
        values=values,
        chance=chance,
        scored=scored,
    )


def score_rows(scored: Scored, metrics: Sequence[str], *, seed: int) -> list[dict[str, object]]:
    """Return measures x methods as rows for a table, with intervals from resampled piles."""
    rows: list[dict[str, object]] = []
    for name in metrics:
        if name not in scored.values:
            continue
        for place, method in enumerate(scored.methods):
            values, there = scored.values[name][place], scored.scored[name][place]
            if not there.any():
                continue
            interval = mean_interval(values, scored.piles, seed=seed)
            level = scored.chance[name][place]
            rows.append(
                {
                    "metric": name,
                    "method": method,
                    "kind": scored.kinds[place],
                    "better": FAITHFULNESS[name].direction,
                    "mean": interval.mean,
                    "low": interval.low,
                    "high": interval.high,
                    "chance": float(np.nanmean(level)) if not np.isnan(level).all() else np.nan,
                    "undefined": float((there & np.isnan(values)).sum() / there.sum()),
                    "maps": int(there.sum()),
                    "piles": interval.piles,
                }
            )
    return rows


def predictions(scored: Scored, measures: Mapping[str, Measure[Any, Any]], *, seed: int) -> list[Prediction]:
    """Return how well each of `measures` that needs no twin foretells each that does; the oracle takes no part."""
    ranked = [index for index, kind in enumerate(scored.kinds) if kind != "oracle"]
    signs = {name: 1 if measure.direction == "higher" else -1 for name, measure in measures.items()}
    turned = {name: signs[name] * values[ranked] for name, values in scored.values.items() if name in signs}
    truths = [name for name in TWINS if name in turned]
    return [
        predict_truth(name, truth, values, turned[truth], scored.piles, seed=seed)
        for truth in truths
        for name, values in turned.items()
        if name not in TWINS
    ]


def _piles(dataset: DatasetFolder, pairs: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
    pictures = dataset.pictures(None)
    pile_of = dict(zip(pictures.image_ids, pictures.groups.tolist(), strict=True))
    return np.array([pile_of[image_id] for image_id, _ in pairs], dtype=np.int64)
