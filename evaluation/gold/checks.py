"""The tests: what maps of a network whose reason is known have to show, and how far they may be off."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluation.gold.cases import Case, GoldClass
from evaluation.gold.pictures import SIDE_PX, Scene
from evaluation.localization.registry import score
from evaluation.measure import BoolArray, FloatArray
from evaluation.resize import ResizePolicy, resize_maps
from explain.protocol import Claim, FloatMaps, MethodRow
from explain.verify import relative_difference

CELL_PX = 8
"""A hit within one cell is a hit within so many pixels, or within the map's own cell where that is larger."""
LESSER_SHARE = 0.25
"""Of the mass on two things that are needed together, what the lesser one has to get."""


@dataclass(frozen=True)
class CaseMaps:
    """All maps of one network by one method."""

    case: Case
    row: MethodRow
    scenes: Sequence[Scene]
    raw: Sequence[FloatMaps]
    """(K, h, w) of each picture, one a class of the case."""

    @property
    def pairs(self) -> list[tuple[Scene, GoldClass, NDArray[Any]]]:
        """Return picture, class and map at the size of the picture, (S, S), of each map."""
        return [
            (scene, one, self._at_size(values[None], self.row.resize)[0])
            for scene, maps in zip(self.scenes, self.raw, strict=True)
            for one, values in zip(self.case.classes, maps, strict=True)
        ]

    def pointing(self, one: GoldClass, values: NDArray[Any]) -> NDArray[Any]:
        """Return a map whose high values say where the reason is: of a reason against, what is lowest in a map."""
        return -values if one.speaks_for is None and self.row.signed else values

    def best(self, mask: BoolArray) -> NDArray[Any]:
        """Return the mask at the method's own resolution, (S, S): what no map on that grid can surpass."""
        height, width = self.raw[0].shape[1:]
        coarse = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(self._at_size(coarse.reshape(1, height, width), self.row.resize)[0])

    @staticmethod
    def _at_size(maps: NDArray[Any], policy: ResizePolicy) -> NDArray[Any]:
        return resize_maps(maps, SIDE_PX, SIDE_PX, policy)


@dataclass(frozen=True)
class Test:
    """One question with its tolerance."""

    name: str
    question: str
    limit: float
    """What the mean over maps has to reach, or may reach."""
    direction: Literal["at least", "at most"]
    values: Callable[[CaseMaps, Mapping[str, CaseMaps]], FloatArray]
    """Takes the maps and those of networks that were explained before, by name; returns a value for each map or
    picture, all of them finite: a map without a value counts as the worst."""
    claim: Claim | None = None
    """What a method's maps have to be meant for; None asks it of all."""
    joined: Literal["mean", "max"] = "mean"
    """What is compared with the limit."""

    def passes(self, value: float) -> bool:
        """Return whether `value` is within the limit."""
        return value >= self.limit if self.direction == "at least" else value <= self.limit


def _hits(maps: CaseMaps, _others: Mapping[str, CaseMaps]) -> FloatArray:
    return _pointing(maps, 0.0)


def _near(maps: CaseMaps, _others: Mapping[str, CaseMaps]) -> FloatArray:
    return _pointing(maps, max(CELL_PX, SIDE_PX / min(maps.raw[0].shape[1:])))


def _pointing(maps: CaseMaps, tolerance_px: float) -> FloatArray:
    shown = np.stack([maps.pointing(one, values) for _, one, values in maps.pairs])
    masks = np.stack([scene.regions[one.name] for scene, one, _ in maps.pairs])
    return np.nan_to_num(score("pointing_game", shown, masks, tolerance_px=tolerance_px).values)


def _signs(maps: CaseMaps, _others: Mapping[str, CaseMaps]) -> FloatArray:
    def is_right(scene: Scene, one: GoldClass, values: NDArray[Any]) -> bool:
        up = one.speaks_for is None or values[scene.regions[one.speaks_for]].mean() > 0
        down = one.speaks_against is None or values[scene.regions[one.speaks_against]].mean() < 0
        return bool(up and down)

    return np.array([is_right(*pair) for pair in maps.pairs], dtype=np.float64)


def _classes(maps: CaseMaps, _others: Mapping[str, CaseMaps]) -> FloatArray:
    def own_more(pair: tuple[Scene, GoldClass, NDArray[Any]], other: str) -> bool:
        scene, one, values = pair
        return bool(values[scene.regions[one.name]].mean() > values[scene.regions[other]].mean())

    found = maps.pairs
    both = zip(found[::2], found[1::2], strict=True)
    return np.array(
        [own_more(first, second[1].name) and own_more(second, first[1].name) for first, second in both],
        dtype=np.float64,
    )


def _mass(maps: CaseMaps, _others: Mapping[str, CaseMaps]) -> FloatArray:
    found = maps.pairs
    masks = np.stack([scene.regions[one.name] for scene, one, _ in found])
    own, best = (
        score("mass_accuracy", np.stack(some), masks).values
        for some in ([values for *_, values in found], [maps.best(mask) for mask in masks])
    )
    return np.nan_to_num(own / best)


def _floor(maps: CaseMaps, _others: Mapping[str, CaseMaps]) -> FloatArray:
    found = maps.pairs
    masks = np.stack([scene.regions[one.name] for scene, one, _ in found])
    bricks = np.stack([scene.bricks for scene, *_ in found])
    own, best = (
        score("mass_on_floor", np.stack(some), masks, others=bricks & ~masks).values
        for some in ([values for *_, values in found], [maps.best(mask) for mask in masks])
    )
    return np.asarray(np.nan_to_num(own, nan=1.0) - np.nan_to_num(best))


def _both(maps: CaseMaps, _others: Mapping[str, CaseMaps]) -> FloatArray:
    shares = []
    for scene, _, values in maps.pairs:
        masses = [float(values.clip(min=0)[scene.regions[name]].sum()) for name in ("patch", "other_patch")]
        shares.append(min(masses) / sum(masses) if sum(masses) else 0.0)
    return np.array(shares)


def _differences(maps: CaseMaps, others: Mapping[str, CaseMaps]) -> FloatArray:
    assert maps.case.same_as is not None, "a case with this test names its twin"
    other = others[maps.case.same_as]
    has_zero = maps.row.kind != "method" or "mass" in maps.row.claims
    differences = [
        relative_difference(values, same) if has_zero else relative_difference(_spread(values), _spread(same))
        for picture, same_picture in zip(maps.raw, other.raw, strict=True)
        for values, same in zip(picture, same_picture, strict=True)
    ]
    return np.array(differences)


def _spread(values: NDArray[Any]) -> NDArray[Any]:
    """Return a map spread over 0 to 1: of one whose zero means nothing, that is all there is to read."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


TESTS: dict[str, Test] = {
    test.name: test
    for test in (
        Test("hit", "does the map's highest point lie on the reason?", 0.8, "at least", _hits, "place"),
        Test("near", "does it lie within one cell of it?", 0.9, "at least", _near, "place"),
        Test(
            "sign", "is the map positive on what speaks for a class, and negative on what speaks against it?",
            0.9, "at least", _signs, "sign",
        ),
        Test(
            "class", "is each class's map higher on its own reason than on the other class's?",
            0.9, "at least", _classes, "class",
        ),
        Test(
            "mass", "how much of the map lies on the reason, as a share of what the mask itself gets on the same grid?",
            0.7, "at least", _mass, "mass",
        ),
        Test(
            "floor", "how much more of the map lies on the floor than of the mask on the same grid?",
            0.2, "at most", _floor, "mass",
        ),
        Test(
            "both", "of two things that are needed together, what share of their mass has the lesser?",
            LESSER_SHARE, "at least", _both, "mass",
        ),
        Test(
            "invariance",
            "how far does the map change while no logit does, as a share of its largest value (of its range, where its "
            "zero means nothing)?",
            0.01, "at most", _differences, joined="max",
        ),
    )
}  # fmt: skip
"""By name, in the order of tables."""


def not_applicable(row: MethodRow, test: str, maps: CaseMaps | None = None) -> str:
    """Return why `test` says nothing of a method, or of its `maps`; empty if it does."""
    claim = TESTS[test].claim
    if row.kind == "method" and claim not in (None, *row.claims):
        return row.no_zero if claim == "mass" else _NOT_MEANT[claim]
    if claim == "sign" and not row.signed:
        return "its maps have no sign"
    if test in ("near", "mass", "floor") and maps is not None and maps.raw[0].shape[1:] == (1, 1):
        return "its maps are one value"  # and the mask on that grid too
    return ""


_NOT_MEANT: dict[Claim | None, str] = {
    "place": "its high values are not meant to lie where the reason is",
    "class": "its map is the same for every class",
    "sign": "its values below 0, if there are any, are not meant to speak against a class",
}
