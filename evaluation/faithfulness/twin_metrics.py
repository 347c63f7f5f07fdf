"""A map against the truth: does it lie on the parts whose absence changes the answer?"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from core.settings import Settings
from evaluation.faithfulness.protocol import Maps
from evaluation.faithfulness.twins import Regions
from evaluation.intervals import kendall
from evaluation.measure import BoolArray, FloatArray, Measure, Values


class EffectSettings(Settings):
    """What counts as an effect."""

    least_effect: float = Field(0.1, gt=0)
    """Logits by which the answer must fall without one of the parts: a tenth moves a probability of one half by 2.5
    percentage points. Where no part does as much, the network does not use the parts, and no map can be right."""


class TwinSettings(EffectSettings):
    """How the mass of a map on a part is counted."""

    sign: Literal["signed", "positive", "absolute"] = "signed"
    """What becomes of negative values: an effect has a sign, so a map may have one too."""


def twin_rank(maps: Maps, settings: TwinSettings) -> Values:
    """Return Kendall's tau between the map's mass on each part and how far the logit falls without the part.

    It is a share of what the falls themselves reach, which is less than 1 where two parts have the same.
    """

    def share(mass: FloatArray, falls: FloatArray) -> float:
        reachable = kendall(falls, falls)
        return kendall(mass, falls) / reachable if reachable else float("nan")  # no order to find

    return _each(maps, settings, share), np.zeros(len(maps.maps))


def twin_top(maps: Maps, settings: TwinSettings) -> Values:
    """Return 1 where the part with most mass is the one without which the logit falls furthest, else 0."""

    def hit(mass: FloatArray, falls: FloatArray) -> float:
        top, truth = mass == mass.max(), falls == falls.max()
        return float((top & truth).sum() / top.sum())

    chance = [
        np.nan if regions is None or len(regions.part_ids) < 2 else 1 / len(regions.part_ids)
        for regions in maps.regions
    ]
    return _each(maps, settings, hit), np.array(chance)


def twin_capture(maps: Maps, settings: EffectSettings) -> Values:
    """Return the effect of what lies under the map's mass, as a share of the greatest effect of a part.

    A pixel is drawn with a probability that is its share of the map's positive mass. What lies there is taken away: a
    part, whose effect is known, or the floor, which counts 0. The expected fall of the logit is divided by that of the
    part that matters most: 1 says that all mass lies on that part. Mass that is drawn from cannot be negative.
    """
    values, chance = np.full((2, len(maps.maps)), np.nan)
    for row, (one, regions) in enumerate(zip(maps.maps, maps.regions, strict=True)):
        if regions is None:
            continue
        falls = regions.effects[:, maps.classes[row]]
        total = np.maximum(one, 0).sum()
        if falls.max() < settings.least_effect or total == 0:
            continue
        inside = np.array([np.maximum(one[mask], 0).sum() for mask in regions.masks]) / total
        values[row] = inside @ falls / falls.max()
        chance[row] = regions.masks.mean(axis=(1, 2)) @ falls / falls.max()
    return values, chance


def _each(maps: Maps, settings: TwinSettings, agreement: Callable[[FloatArray, FloatArray], float]) -> FloatArray:
    """Return `agreement` of mass and fall for each map; NaN where fewer than two parts have a twin, or none matters."""
    values = np.full(len(maps.maps), np.nan)
    for row, (one, regions) in enumerate(zip(maps.maps, maps.regions, strict=True)):
        if regions is not None and len(regions.part_ids) >= 2:
            falls = regions.effects[:, maps.classes[row]]
            if falls.max() >= settings.least_effect:
                values[row] = agreement(_masses(one, regions, settings), falls)
    return values


def _no_effect(maps: Maps, settings: EffectSettings) -> BoolArray:
    """Return for which maps (M,) no part's removal lowers the logit as much as an effect must."""
    found = np.zeros(len(maps.maps), dtype=np.bool_)
    for row, regions in enumerate(maps.regions):
        found[row] = regions is not None and (regions.effects[:, maps.classes[row]] < settings.least_effect).all()
    return found


def _masses(one: FloatArray, regions: Regions, settings: TwinSettings) -> FloatArray:
    if settings.sign != "signed":
        one = np.maximum(one, 0) if settings.sign == "positive" else np.abs(one)
    return np.array([one[mask].sum() for mask in regions.masks])


TWIN_RANK = Measure(
    name="twin_rank",
    title="Twin rank agreement",
    kind="twins",
    compute=twin_rank,
    settings=TwinSettings,
    needs_zero=True,
    undefined="one_part",
    lacking=("no_effect", _no_effect),
    formula="Kendall's tau-a, over the picture's parts, of the map's mass on a part and the logit's fall without it, "
    "as a share of what the falls themselves reach",
    direction="higher",
    range=(-1.0, 1.0),
    chance="0",
    ties="count 0: a constant map of zeros scores 0",
    zero_mass="defined: mass 0 everywhere is a tie",
    negative_values="kept (setting sign), or cut off, or by size",
    cost="none: one for each twin of the picture",
    source="this project: twins of a render",
)
TWIN_TOP = replace(
    TWIN_RANK,
    name="twin_top",
    title="Twin top part",
    compute=twin_top,
    formula="1 where the part with most of the map's mass is the one whose removal lowers the logit most, else 0",
    range=(0.0, 1.0),
    chance="1 / number of parts with a twin",
    ties="expected value over the tied parts",
)
TWIN_CAPTURE = replace(
    TWIN_RANK,
    name="twin_capture",
    title="Twin effect captured",
    compute=twin_capture,
    settings=EffectSettings,
    undefined="zero_mass",
    formula="mean of the true effect under the map's mass (the floor's is 0) / the greatest effect of a part",
    range=(float("-inf"), 1.0),
    chance="the same for a constant map: the parts' shares of the picture in place of those of the mass",
    ties="none arise: values are summed",
    zero_mass="undefined where the map has no positive value",
    negative_values="counted as 0",
)
