"""Every method on networks whose reasons are known, made as `explain run` makes maps, and held against the truth."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from core.progress import Progress
from dataset.dataset_folder import DatasetFolder
from dataset.loading.network_input import IMAGENET_MEAN, IMAGENET_STD
from evaluation.gold.cases import CASES, Case
from evaluation.gold.checks import TESTS, CaseMaps, not_applicable
from evaluation.gold.pictures import SIDE_PX, GoldPictures
from evaluation.gold.reasons import known_reason
from evaluation.gold.trained import uses_something_else
from evaluation.localization.registry import score
from explain.explainer import Explainer, make_explainer
from explain.methods import find_method
from explain.protocol import NotForNetworkError
from explain.wanted import NetworkInputs
from training.run.checkpoint import Checkpoint, CheckpointInfo

Outcome = Literal["pass", "fail", "not applicable"]


@dataclass(frozen=True)
class GoldResult:
    """What one test of one method on one network came to."""

    method: str
    network: str
    test: str
    value: float
    """NaN where the test does not apply or no map was made."""
    limit: float
    direction: Literal["at least", "at most"]
    result: Outcome
    maps: int
    """How many there were."""
    reason: str
    """Why it does not apply, or why it fails, where that is known."""


@dataclass(frozen=True)
class GoldScore:
    """What ordinary measures say of the maps of one method on one network."""

    method: str
    network: str
    layer: str
    """Which the method read; empty where it reads none."""
    grid: str
    """Of its maps, such as ``14 x 14``."""
    maps: int
    pointing_game: float
    mass_accuracy: float
    mass_on_floor: float
    area: float
    """The reason's share of the picture: what chance hits."""


@dataclass(frozen=True)
class Calibration:
    """All results, and what the same maps score."""

    results: tuple[GoldResult, ...]
    scores: tuple[GoldScore, ...]

    @property
    def unexplained(self) -> list[GoldResult]:
        """Failures of methods for which no reason is known."""
        return [one for one in self.results if one.result == "fail" and not one.reason]


def calibrate(
    dataset: DatasetFolder,
    methods: Mapping[str, Mapping[str, object]],
    *,
    pictures: int = 8,
    seed: int = 0,
    split: str | None = None,
    cases: Sequence[Case] = tuple(CASES.values()),
) -> Calibration:
    """Return what `methods` make of networks whose reasons are known, on coloured pictures of `dataset`.

    Args:
        dataset: rendered piles with masks.
        methods: name to settings that differ from the method's defaults.
        pictures: how many.
        seed: of their draw.
        split: ``train``, ``val`` or ``test``; None takes all.
        cases: the networks; one whose maps should equal another's comes after it.

    Raises:
        SettingsError: an unknown method or setting.
        BrickbenchError: the dataset has too few pictures with two parts.
    """
    drawn = GoldPictures(Path(dataset.root), pictures, seed=seed, split=split)
    results: list[GoldResult] = []
    scores: list[GoldScore] = []
    made: dict[str, dict[str, CaseMaps]] = {name: {} for name in methods}
    # As in bulk runs: a second thread of BLAS would spin between the small products of linear models.
    with threadpool_limits(1, user_api="blas"), Progress("Gold", len(cases) * len(methods), "networks") as progress:
        for case in cases:
            network = gold_checkpoint(case)
            unknown = uses_something_else(network.model, case, drawn.scenes) if case.is_trained else ""
            inputs = NetworkInputs(network, drawn)
            for name, settings in methods.items():
                progress.advance(1, note=f"{name} on {case.name}")
                try:
                    explainer = make_explainer(name, settings, inputs)
                except NotForNetworkError as why:
                    results += [_result(name, case, test, "not applicable", reason=str(why)) for test in case.tests]
                    continue
                failures: Counter[str] = Counter()
                maps = _explain(explainer, case, drawn, failures)
                if maps is not None:
                    made[name][case.name] = maps
                    scores.append(_scored(maps, explainer))
                results += [_tested(name, case, test, maps, made[name], failures, unknown) for test in case.tests]
    order = list(methods)
    results.sort(key=lambda one: order.index(one.method))
    scores.sort(key=lambda one: order.index(one.method))
    return Calibration(tuple(results), tuple(scores))


def gold_checkpoint(case: Case) -> Checkpoint:
    """Return the network of `case` as if it had been trained."""
    classes = tuple(one.name for one in case.classes)
    info = CheckpointInfo(
        model=case.name, classes=classes, input_size_px=SIDE_PX, mean=IMAGENET_MEAN, std=IMAGENET_STD, epoch=0,
        run_id="gold",
    )  # fmt: skip
    return Checkpoint(
        case.create(), classes, SIDE_PX, IMAGENET_MEAN, IMAGENET_STD, 0, case.name, "gold", info, Path(case.name)
    )


def _explain(explainer: Explainer, case: Case, drawn: GoldPictures, failures: Counter[str]) -> CaseMaps | None:
    """Return the maps of all pictures, or None if one of them has none."""
    chosen = [(place, list(range(len(case.classes)))) for place in range(len(drawn.scenes))]
    size = explainer.batch.size
    parts = [chosen[start : start + size] for start in range(0, len(chosen), size)]
    found = [one for part in parts for one in explainer.explain(part, failures)]
    raw = {place: maps for place, _, maps, _ in found}
    if len(raw) < len(chosen):
        return None
    return CaseMaps(case, find_method(explainer.name), drawn.scenes, [raw[place] for place, _ in chosen])


def _tested(
    name: str,
    case: Case,
    test_name: str,
    maps: CaseMaps | None,
    others: Mapping[str, CaseMaps],
    failures: Counter[str],
    unknown: str,
) -> GoldResult:
    result = partial(_result, name, case, test_name)
    why_not = unknown or not_applicable(find_method(name), test_name, maps)
    if why_not:
        return result("not applicable", reason=why_not)
    if maps is None or (case.same_as is not None and test_name == "invariance" and case.same_as not in others):
        return result("fail", reason=next(iter(failures), "no map was made of the network with the same logits"))
    test = TESTS[test_name]
    values = test.values(maps, others)
    value = float(values.max() if test.joined == "max" else values.mean())
    if test.passes(value):
        return result("pass", value, len(values))
    return result("fail", value, len(values), known_reason(find_method(name), case.name, test_name))


def _result(
    name: str, case: Case, test_name: str, outcome: Outcome, value: float = np.nan, maps: int = 0, reason: str = ""
) -> GoldResult:
    test = TESTS[test_name]
    return GoldResult(name, case.name, test_name, value, test.limit, test.direction, outcome, maps, reason)


def _scored(maps: CaseMaps, explainer: Explainer) -> GoldScore:
    found = maps.pairs
    shown = np.stack([values for *_, values in found])
    masks = np.stack([scene.regions[one.name] for scene, one, _ in found])
    bricks = np.stack([scene.bricks for scene, *_ in found])

    def mean(metric: str) -> float:
        values = score(metric, shown, masks, others=bricks & ~masks).values
        return float("nan") if np.isnan(values).all() else float(np.nanmean(values))

    height, width = maps.raw[0].shape[1:]
    return GoldScore(
        explainer.name,
        maps.case.name,
        str(getattr(explainer.method.settings, "layer", "") or ""),
        f"{height} x {width}",
        len(found),
        mean("pointing_game"),
        mean("mass_accuracy"),
        mean("mass_on_floor"),
        float(masks.mean()),
    )
