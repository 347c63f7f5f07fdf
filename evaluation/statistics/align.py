"""Scores of several runs or checkpoints on the same pairs, by the same methods and metrics."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError, SettingsError
from core.settings import Settings
from evaluation.intervals import FloatArray
from evaluation.measures import MEASURES
from evaluation.statistics.table import MethodLabel, ScoreTable


@dataclass(frozen=True)
class Aligned:
    """What R tables have in common: M explanations, K metrics, P pairs of picture and part."""

    names: tuple[str, ...]
    """(R,) what the tables are called."""
    methods: tuple[MethodLabel, ...]
    """As the first table calls them. Baselines and the oracle do not know the network and are left out."""
    metrics: tuple[str, ...]
    piles: NDArray[np.int64]
    """(P,)"""
    values: FloatArray
    """(R, M, K, P), NaN where undefined or missing"""


def align(tables: Sequence[ScoreTable], names: Sequence[str]) -> Aligned:
    """Return what `tables` have in common.

    Methods are the same if their settings are; where those differ, as the layer of another network does, if each
    table has a single one of that name.

    Raises:
        BrickbenchError: they have no pair, method or metric in common.
        SettingsError: a metric was computed with other settings.
    """
    pairs = sorted(set.intersection(*(set(table.pairs) for table in tables)))
    metrics = [name for name in tables[0].metrics if all(name in table.metrics for table in tables)]
    matched = _matched(tables)
    if not pairs:
        raise _nothing(names, "pair of picture and part", "explain the same pictures with each (`explain run`)")
    if not matched:
        raise _nothing(names, "explanation method", "make maps by the same methods with each (`explain run`)")
    if not metrics:
        raise _nothing(names, "metric", "score each with the same metrics (`evaluate localize`)")
    for name in metrics:
        for table, called in zip(tables[1:], names[1:], strict=True):
            if _settings(table, name) != _settings(tables[0], name):
                raise SettingsError(
                    f"{name} was computed with the settings {tables[0].metric_settings.get(name)} for {names[0]}, and "
                    f"with {table.metric_settings.get(name)} for {called}: score one of them again with --force."
                )
    values = np.stack([_chosen(table, places, metrics, pairs) for table, places in zip(tables, matched, strict=True)])
    at = {pair: place for place, pair in enumerate(tables[0].pairs)}
    return Aligned(
        names=tuple(names),
        methods=tuple(tables[0].methods[place] for place in matched[0]),
        metrics=tuple(metrics),
        piles=tables[0].piles[[at[pair] for pair in pairs]],
        values=values,
    )


def _settings(table: ScoreTable, metric: str) -> Settings:
    """Return the settings of a metric with those spelled out that an older version did not have."""
    return MEASURES[metric].settings.parse(json.loads(table.metric_settings.get(metric, "{}")))


def _chosen(
    table: ScoreTable, methods: Sequence[int], metrics: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> FloatArray:
    at = {pair: place for place, pair in enumerate(table.pairs)}
    columns = [table.metrics.index(name) for name in metrics]
    return np.asarray(table.values[np.ix_(methods, columns, [at[pair] for pair in pairs])], dtype=np.float64)


def _matched(tables: Sequence[ScoreTable]) -> list[list[int]]:
    """Return for each table the places of the methods that all have, in the order of the first."""
    found: list[tuple[int, ...]] = []
    for place, method in enumerate(tables[0].methods):
        if method.is_ranked:
            places = [_place(table, method, alone=_alone(tables[0], method)) for table in tables[1:]]
            if None not in places:
                found.append((place, *(each for each in places if each is not None)))
    return [[row[number] for row in found] for number in range(len(tables))] if found else []


def _place(table: ScoreTable, method: MethodLabel, *, alone: bool) -> int | None:
    for place, other in enumerate(table.methods):
        if other.key == method.key:
            return place
    named = [place for place, other in enumerate(table.methods) if other.method == method.method]
    return named[0] if alone and len(named) == 1 else None


def _alone(table: ScoreTable, method: MethodLabel) -> bool:
    return sum(other.method == method.method for other in table.methods) == 1


def _nothing(names: Sequence[str], what: str, way_out: str) -> BrickbenchError:
    return BrickbenchError(f"{' and '.join(names)} have no scored {what} in common: {way_out}.")
