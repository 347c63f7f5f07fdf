"""Which networks there are, what each uses, and what maps of it are tested for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from evaluation.gold.networks import BIAS, GAIN, MOVED, SATURATION, GoldNetwork, linear_head, network, together_head
from evaluation.gold.pictures import PATCH_PX, SIDE_PX
from evaluation.gold.transformers import transformer

COARSE = (2, 2, 7)
PATCH_GAIN = 4 * GAIN
"""Patches are a quarter as large as parts."""
_PATCH_SHARE = (PATCH_PX / SIDE_PX) ** 2


@dataclass(frozen=True)
class GoldClass:
    """One logit."""

    name: str
    """The region that it is about."""
    speaks_for: str | None
    """The region whose pixels raise the logit; None if none do."""
    speaks_against: str | None = None
    """The region whose pixels lower it."""


@dataclass(frozen=True)
class Case:
    """One network with its truth."""

    name: str
    title: str
    create: Callable[[], nn.Module]
    classes: tuple[GoldClass, ...]
    tests: tuple[str, ...]
    """Names in `evaluation.gold.checks.TESTS`."""
    is_trained: bool = False
    """Whether what it uses was learned, so that it has to be measured."""
    same_as: str | None = None
    """The network that has the same logits, whose maps these should equal."""


FIRST, SECOND = GoldClass("first", "first"), GoldClass("second", "second")
PARTS = (FIRST, SECOND)


def _parts(**changes: float) -> GoldNetwork:
    """Return a network whose logits count red and blue; `changes` are of its parameters, not of its logits."""
    scale, constant = changes.get("scale", 1.0), changes.get("constant", 0.0)
    head = linear_head(
        [{"red": GAIN}, {"blue": GAIN}],
        bias=BIAS if constant == 0 else BIAS - MOVED * constant,
        scale=scale,
        constant=MOVED * scale,  # nothing while the channel is 0
    )
    return network(head, scale=scale, constant=constant / scale)


def _counting(factors: tuple[int, ...], spread: int = 0) -> GoldNetwork:
    return network(linear_head([{"red": GAIN}, {"blue": GAIN}]), factors=factors, spread=spread)


def _saturating(gain: float) -> GoldNetwork:
    return network(linear_head([{"red": GAIN}, {"blue": GAIN}], scale=min(gain, SATURATION)), gain=gain)


def _patch() -> GoldNetwork:
    return network(linear_head([{"green": PATCH_GAIN}]))


def _difference() -> GoldNetwork:
    return network(linear_head([{"red": GAIN, "blue": -GAIN}, {"blue": GAIN, "red": -GAIN}]))


def _absence() -> GoldNetwork:
    return network(linear_head([{"green": -PATCH_GAIN}, {"magenta": -PATCH_GAIN}], bias=-BIAS))


def _together() -> GoldNetwork:
    return network(together_head("green", "magenta", alone=1.5 * _PATCH_SHARE))


def _shadow() -> GoldNetwork:
    return network(linear_head([{"dark": PATCH_GAIN}]))


_WHERE = ("hit", "near", "class", "mass", "floor")
CASES: dict[str, Case] = {
    case.name: case
    for case in (
        Case("colour", "counts the pixels of one colour, a part's", _parts, PARTS, _WHERE),
        Case(
            "floor_patch", "looks at a square on the floor, and at no brick", _patch,
            (GoldClass("patch", "patch"),), ("hit", "near", "mass"),
        ),
        Case(
            "difference", "one part's colour less another's", _difference,
            (GoldClass("first", "first", "second"), GoldClass("second", "second", "first")),
            ("hit", "near", "sign", "class"),
        ),
        Case(
            "absence", "falls where a square is on the floor", _absence,
            (GoldClass("patch", None, "patch"), GoldClass("other_patch", None, "other_patch")), ("hit", "near", "sign"),
        ),
        Case(
            "together", "rises where two squares are there, and not for one of them", _together,
            (GoldClass("both_patches", "both_patches"),), ("hit", "near", "mass", "both"),
        ),
        Case("shadow", "looks at a dark disc", _shadow, (GoldClass("shadow", "shadow"),), ("hit", "near", "mass")),
        Case(
            "moved", "colour, with a constant moved from a bias into a channel", partial(_parts, constant=1.0),
            PARTS, ("mass", "floor", "invariance"), same_as="colour",
        ),
        Case(
            "scaled", "colour, with channels seven times as large and weights a seventh", partial(_parts, scale=7.0),
            PARTS, ("invariance",), same_as="colour",
        ),
        Case("relu6", "colour through a ReLU6 in its linear range", partial(_saturating, 1.0), PARTS, _WHERE),
        Case("relu6_10", "the same, its input ten times as large", partial(_saturating, 10.0), PARTS, _WHERE),
        Case("relu6_50", "the same, its input fifty times as large", partial(_saturating, 50.0), PARTS, _WHERE),
        Case("coarse", "colour, with a last grid of 4 x 4", partial(_counting, COARSE), PARTS, _WHERE),
        Case(
            "beside", "the same, then a layer in which each cell looks at its neighbours and not at itself",
            partial(_counting, COARSE, 1), PARTS, _WHERE,
        ),
        Case(
            "attention", "a transformer that attends to one colour, a part's, and takes it from there", transformer,
            PARTS, _WHERE,
        ),
        Case(
            "sink", "the same, with a head that attends to a dark disc and takes nothing from there",
            partial(transformer, sink=True), PARTS, (*_WHERE, "invariance"), same_as="attention",
        ),
        Case(
            "values_moved", "attention, with a constant moved from a bias into the values",
            partial(transformer, moved=True), PARTS, ("invariance",), same_as="attention",
        ),
    )
}  # fmt: skip
"""By name, in the order of tables."""
