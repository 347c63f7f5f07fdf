"""Which measures tell maps that are right from maps that know nothing: asked where it is known which is which."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from core.progress import Progress
from evaluation.faithfulness.plan import EXPLAIN_ANEW
from evaluation.faithfulness.protocol import Maps
from evaluation.gold.candidates import BASE, KNOW_NOTHING, TRUTHS, Candidates, candidates, step_names
from evaluation.gold.cases import Case
from evaluation.gold.pictures import GoldPictures
from evaluation.localization.registry import score
from evaluation.measure import BoolArray, FloatArray, Measure
from evaluation.measures import MEASURES
from explain.methods import METHODS


@dataclass(frozen=True)
class MeasureOnGold:
    """What one measure says of right maps, of wrong ones, and of those between."""

    measure: str
    means: dict[str, float]
    """Of all networks and pictures: of each right method, of the steps of the ladder, and of maps that know nothing;
    NaN where it has no value."""
    beaten: dict[str, float]
    """By what is beaten, noise (the ladder's last step) or a map that knows nothing: the share of pairs of a right map
    and such a map of the same picture in which the right one is better. A tie counts half, no value as the worst."""
    ordered: float
    """Share of neighbouring steps of the ladder, from right to noise, of which the one with less noise is better."""
    reversed: float
    """Share of those of which it is worse; on the rest they are equal."""
    maps: int
    """Pictures of a network, over all networks, on which a right map has a value."""


def hold_measures(
    root: Path,
    names: Sequence[str],
    cases: Sequence[Case],
    *,
    pictures: int = 8,
    seed: int = 0,
    truths: Sequence[str] = TRUTHS,
) -> list[MeasureOnGold]:
    """Return how well measures tell right maps of the first class of `cases` from others, one row a measure.

    Measures have their default settings. Those that explain anew are not asked about methods that perturb, which take
    seconds a map, nor about the oracle and the one pixel, which explain nothing.

    Args:
        root: a dataset of rendered piles with masks.
        names: in `evaluation.measures.MEASURES`, of single maps.
        cases: networks on which `truths` are right.
        pictures: how many.
        seed: of their draw.
        truths: names of methods, of which `BASE` is one.

    Raises:
        BrickbenchError: the dataset has too few pictures with two parts.
    """
    drawn = GoldPictures(root, pictures, seed=seed)
    found: dict[str, list[dict[str, FloatArray]]] = {name: [] for name in names}
    with threadpool_limits(1, user_api="blas"), Progress("Measures", len(cases) * len(names), "measures") as progress:
        for case in cases:
            made = candidates(case, drawn, truths)
            for name in names:
                found[name].append(_values(MEASURES[name], made))
                progress.advance(1, note=f"{name} on {case.name}")
    return [_summary(name, _joined(values, truths), truths) for name, values in found.items()]


def _values(measure: Measure[Any, Any], made: Candidates) -> dict[str, FloatArray]:
    """Return the values (P,) of each map that `measure` can be asked about."""
    ask = _localised(measure, made) if measure.is_localization else _asked(measure)
    anew = measure.kind in EXPLAIN_ANEW
    return {name: ask(maps) for name, maps in made.maps.items() if not (anew and _is_slow(name, maps))}


def _is_slow(name: str, maps: Maps) -> bool:
    """Return whether it would take seconds to explain a picture anew, or cannot be done."""
    return maps.reexplainer is None or (name in METHODS and METHODS[name].family == "perturbation")


def _localised(measure: Measure[Any, Any], made: Candidates) -> Callable[[Any], FloatArray]:
    scenes = made.pictures.scenes
    masks: BoolArray = np.stack([scene.regions[made.case.classes[0].name] for scene in scenes])
    others = np.stack([scene.bricks for scene in scenes]) & ~masks
    return lambda maps: score(measure.name, maps.maps, masks, others=others).values


def _asked(measure: Measure[Any, Any]) -> Callable[[Any], FloatArray]:
    settings = measure.settings()
    return lambda maps: np.asarray(measure.compute(maps, settings)[0], dtype=np.float64)


def _joined(values: Sequence[dict[str, FloatArray]], truths: Sequence[str]) -> dict[str, FloatArray]:
    """Return the values of all networks, by map, of those pictures on which some right map has a value."""
    joined = {name: np.concatenate([one[name] for one in values]) for name in values[0]}
    known = np.any([np.isfinite(joined[name]) for name in truths if name in joined], axis=0)
    return {name: one[known] for name, one in joined.items()}


def _summary(name: str, values: dict[str, FloatArray], truths: Sequence[str]) -> MeasureOnGold:
    sign = 1.0 if MEASURES[name].direction == "higher" else -1.0
    good = {map_name: np.where(np.isfinite(one), sign * one, -np.inf) for map_name, one in values.items()}
    right = [good[truth] for truth in truths if truth in good and np.isfinite(good[truth]).any()]
    beaten = {
        other: float(np.mean([(truth > good[other]) + 0.5 * (truth == good[other]) for truth in right]))
        for other in (step_names()[-1], *KNOW_NOTHING)
        if other in good
    }
    steps = np.stack([good[BASE], *(good[step] for step in step_names())])
    means = {
        map_name: float(np.nanmean(one)) if np.isfinite(one).any() else float("nan") for map_name, one in values.items()
    }
    ordered, wrong = float(np.mean(steps[:-1] > steps[1:])), float(np.mean(steps[:-1] < steps[1:]))
    return MeasureOnGold(name, means, beaten, ordered, wrong, len(good[BASE]))
