"""Share of the map's mass that lies on the brick (in its mask or its boxes), on other bricks, and on the floor.

Mass accuracy, `mass_on_others` and `mass_on_floor` sum to 1; the lifts are the same per pixel, against a uniform map.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from core.settings import Settings
from evaluation.localization.batch import Batch, SignPolicy
from evaluation.measure import BoolArray, FloatArray, Measure, Values

Region = Callable[[Batch, Any], tuple[BoolArray, FloatArray]]
"""Takes the maps and the settings; returns where mass counts, (M, P), and that region's share of the area, (M,)."""


class MassSettings(Settings):
    """How mass is counted."""

    sign: SignPolicy = "positive"
    """What becomes of negative values: `positive` counts them as 0 (evidence for the class only), `absolute` counts
    their size. Keeping signs would let shares leave 0 to 1."""


class RegionSettings(MassSettings):
    """Where mass counts as being on the brick."""

    region: Literal["box", "mask"] = "box"
    """`box` counts the union of the tight boxes around the class's bricks, as the paper did, which had no masks;
    `mask` their exact pixels."""


def share_in(region: Region) -> Callable[[Batch, MassSettings], Values]:
    """Return what gives the share of each map's mass in `region`, NaN where it has none, and that of the area."""

    def compute(batch: Batch, settings: MassSettings) -> Values:
        inside, area = region(batch, settings)
        total, mass = batch.mass(settings.sign), batch.mass_in(inside, settings.sign)
        share = np.divide(mass, total, out=np.full_like(total, np.nan), where=total > 0)
        return np.minimum(share, 1.0), area  # the two sums may round apart by one unit

    return compute


def lift_in(region: Region) -> Callable[[Batch, MassSettings], Values]:
    """Return what gives the share in `region` over its share of the area, NaN where there is no such region, and 1."""

    def compute(batch: Batch, settings: MassSettings) -> Values:
        share, area = share_in(region)(batch, settings)
        return np.divide(share, area, out=np.full_like(share, np.nan), where=area > 0), np.ones_like(share)

    return compute


def target_vs_distractor(batch: Batch, settings: MassSettings) -> Values:
    """Return the named class's share of the mass that lies on bricks, and its share of their area."""
    target = batch.mass_in(batch.masks, settings.sign)
    bricks = target + batch.mass_in(batch.others, settings.sign)
    values = np.divide(target, bricks, out=np.full_like(bricks, np.nan), where=bricks > 0)
    return values, np.asarray(batch.area_px / (batch.area_px + batch.others_px), dtype=np.float64)


def _mask(batch: Batch, _settings: MassSettings) -> tuple[BoolArray, FloatArray]:
    return batch.masks, batch.area_share


def _boxes(batch: Batch, settings: RegionSettings) -> tuple[BoolArray, FloatArray]:
    return (batch.box_masks, batch.box_share) if settings.region == "box" else (batch.masks, batch.area_share)


def _others(batch: Batch, _settings: MassSettings) -> tuple[BoolArray, FloatArray]:
    return batch.others, np.asarray(batch.others_px / batch.pixels)


def _floor(batch: Batch, _settings: MassSettings) -> tuple[BoolArray, FloatArray]:
    area_px = batch.pixels - batch.area_px - batch.others_px
    return ~(batch.masks | batch.others), np.asarray(area_px / batch.pixels)


def _full_box(batch: Batch, settings: RegionSettings) -> BoolArray:
    return np.asarray((settings.region == "box") & (batch.box_share == 1.0))


def _no_others(batch: Batch, _settings: MassSettings) -> BoolArray:
    return np.asarray(batch.others_px == 0)


def _no_floor(batch: Batch, _settings: MassSettings) -> BoolArray:
    return np.asarray(batch.area_px + batch.others_px == batch.pixels)


MASS_ACCURACY = Measure(
    name="mass_accuracy",
    title="Mass accuracy",
    answers="How much of the map lies on the brick?",
    compute=share_in(_mask),
    settings=MassSettings,
    formula="sum of the map inside the mask / sum of the map",
    direction="higher",
    range=(0.0, 1.0),
    needs_zero=True,
    chance="the mask's share of the picture",
    uniform="chance",
    oracle="1",
    ties="none arise: values are summed",
    zero_mass="undefined where the map has no positive value",
    negative_values="counted as 0 (setting sign: positive) or by size (absolute)",
    source="Arras, Osman, Samek 2022, CLEVR-XAI: relevance mass accuracy",
)

LIFT = replace(
    MASS_ACCURACY,
    name="lift",
    title="Lift",
    answers="How many times denser is the map on the brick than on the whole picture?",
    compute=lift_in(_mask),
    formula="mass accuracy / the mask's share of the picture",
    range=(0.0, float("inf")),
    chance="1",
    oracle="1 / the mask's share of the picture, its highest value on that mask",
    source="the ratio of CLEVR-XAI's relevance mass accuracy to its chance level",
)

FOCUS = replace(
    MASS_ACCURACY,
    name="focus",
    title="Focus",
    kind="mosaic",
    answers="On a mosaic of four piles, two of which show the part, does the map stay on those two?",
    formula="sum of the map on the tiles that show the part / sum of the map on the mosaic",
    chance="the tiles' share of the mosaic, 0.5",
    source="Arias-Duart et al. 2022, Focus! Rating XAI methods and finding biases",
)

ENERGY = replace(
    MASS_ACCURACY,
    name="energy",
    title="Energy pointing game",
    answers="How much of the map lies in the brick's box?",
    compute=share_in(_boxes),
    settings=RegionSettings,
    lacking=("full_box", _full_box),
    formula="sum of the map inside the union of the class's boxes / sum of the map; with region=mask, mass accuracy",
    chance="the boxes' share of the picture",
    source="Wang et al. 2020, Score-CAM: energy-based pointing game",
)

ATTRIBUTION_LOCALIZATION = replace(
    ENERGY,
    name="attribution_localization",
    title="Attribution localisation",
    answers="How much of the positive relevance lies in the brick's box?",
    formula="mu = positive relevance inside the boxes / all positive relevance",
    source="Kohlbrenner et al. 2020, Towards best practice in explaining neural network decisions with LRP",
    equals="energy",
)

ATTRIBUTION_LOCALIZATION_WEIGHTED = replace(
    ENERGY,
    name="attribution_localization_weighted",
    title="Weighted attribution localisation",
    answers="How many times denser is the positive relevance in the brick's box than on the whole picture?",
    compute=lift_in(_boxes),
    formula="mu x area of the picture / area inside the boxes; with region=mask, lift",
    range=(0.0, float("inf")),
    chance="1",
    oracle="1 / the boxes' share of the picture, its highest value on those boxes",
    source="Kohlbrenner et al. 2020, Towards best practice in explaining neural network decisions with LRP",
)

MASS_ON_OTHERS = replace(
    MASS_ACCURACY,
    name="mass_on_others",
    title="Mass on other bricks",
    answers="How much of the map lies on bricks that it does not name?",
    compute=share_in(_others),
    lacking=("no_others", _no_others),
    needs_others=True,
    formula="sum of the map on bricks of other parts / sum of the map",
    direction="lower",
    chance="the other bricks' share of the picture",
    oracle="0",
    source="this project; a three-way split of CLEVR-XAI's relevance mass accuracy",
)

MASS_ON_FLOOR = replace(
    MASS_ON_OTHERS,
    name="mass_on_floor",
    title="Mass on the floor",
    answers="How much of the map lies on no brick at all?",
    compute=share_in(_floor),
    lacking=("no_floor", _no_floor),
    formula="sum of the map where there is no brick / sum of the map",
    chance="the share of the picture without bricks",
)

LIFT_ON_OTHERS = replace(
    MASS_ON_OTHERS,
    name="lift_on_others",
    title="Lift on other bricks",
    answers="How many times denser is the map on other bricks than on the whole picture?",
    compute=lift_in(_others),
    formula="mass on other bricks / the other bricks' share of the picture",
    range=(0.0, float("inf")),
    chance="1",
    source=MASS_ON_OTHERS.source + ", per pixel",
)

LIFT_ON_FLOOR = replace(
    MASS_ON_FLOOR,
    name="lift_on_floor",
    title="Lift on the floor",
    answers="How many times denser is the map on the floor than on the whole picture?",
    compute=lift_in(_floor),
    formula="mass on the floor / the floor's share of the picture",
    range=(0.0, float("inf")),
    chance="1",
    source=LIFT_ON_OTHERS.source,
)

TARGET_VS_DISTRACTOR = replace(
    MASS_ON_OTHERS,
    name="target_vs_distractor",
    title="Named brick among bricks",
    answers="Of what lies on bricks, how much lies on the one that the map names, and not on bricks in general?",
    compute=target_vs_distractor,
    formula="sum of the map inside the mask / sum of the map on all bricks",
    direction="higher",
    chance="the mask's share of the area of all bricks",
    oracle="1",
    zero_mass="undefined where the map has no positive value on any brick",
)
