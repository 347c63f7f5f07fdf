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
    cells: tuple[tuple[int, int], ...]
    """The numbers of every method and metric that applies to it, by method, then metric: one at least."""


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
    methods = _shared_methods(tables)
    if not pairs:
        raise _nothing(names, "pair of picture and part", "explain the same pictures with each (`explain run`)")
    if not methods:
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
    columns = [
        (rows, [table.metrics.index(name) for name in metrics], _numbers_of(pairs, table))
        for table, rows in zip(tables, zip(*methods, strict=True), strict=True)
    ]
    shared = tuple(tables[0].methods[first] for first, *_ in methods)
    cells = tuple(
        (method, metric)
        for method, label in enumerate(shared)
        for metric, name in enumerate(metrics)
        if tables[0].applies(label, name)
    )
    if not cells:
        raise _nothing(names, "metric that applies to a method", "score each with more metrics (`evaluate localize`)")
    return Aligned(
        names=tuple(names),
        methods=shared,
        cells=cells,
        metrics=tuple(metrics),
        piles=tables[0].piles[columns[0][2]],
        values=np.stack([table.values[np.ix_(*places)] for table, places in zip(tables, columns, strict=True)]),
    )


def _settings(table: ScoreTable, metric: str) -> Settings:
    """Return the settings of a metric with those spelled out that an older version did not have."""
    return MEASURES[metric].settings.parse(json.loads(table.metric_settings.get(metric, "{}")))


def _numbers_of(pairs: Sequence[tuple[str, str]], table: ScoreTable) -> list[int]:
    number_of = {pair: number for number, pair in enumerate(table.pairs)}
    return [number_of[pair] for pair in pairs]


def _shared_methods(tables: Sequence[ScoreTable]) -> list[tuple[int, ...]]:
    """Return for each explanation that all tables have its number in each of them, in the order of the first."""
    shared = []
    for method in tables[0].methods:
        numbers = [_number_of(method, table, tables[0]) for table in tables]
        if method.is_ranked and None not in numbers:
            shared.append(tuple(number for number in numbers if number is not None))
    return shared


def _number_of(method: MethodLabel, table: ScoreTable, first: ScoreTable) -> int | None:
    """Return the number in `table` of a `method` of the `first` table: of the same key, else of the same name alone."""
    keys = [other.key for other in table.methods]
    if method.key in keys:
        return keys.index(method.key)
    alike, alone = _called(method.key.method, table), _called(method.key.method, first)
    return alike[0] if len(alike) == len(alone) == 1 else None


def _called(name: str, table: ScoreTable) -> list[int]:
    return [number for number, method in enumerate(table.methods) if method.key.method == name]


def _nothing(names: Sequence[str], what: str, way_out: str) -> BrickbenchError:
    return BrickbenchError(f"{' and '.join(names)} have no scored {what} in common: {way_out}.")
