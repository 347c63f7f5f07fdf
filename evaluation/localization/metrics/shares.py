"""Named class against other bricks against floor: where the mass goes that is not on the brick.

Mass accuracy, `mass_on_others` and `mass_on_floor` sum to 1; the lifts are the same per pixel, against a uniform map.
"""

from dataclasses import replace

import numpy as np

from evaluation.localization.batch import Batch
from evaluation.localization.metrics.mass import NEGATIVE, NO_TIES, ZERO_MASS, MassSettings, share_in
from evaluation.measure import BoolArray, FloatArray, Measure


def mass_on_others(batch: Batch, settings: MassSettings) -> tuple[FloatArray, FloatArray]:
    """Return the share of each map's mass on bricks of other parts, and their share of the area."""
    return share_in(batch, batch.others, settings.sign), np.asarray(batch.others_px / batch.pixels)


def mass_on_floor(batch: Batch, settings: MassSettings) -> tuple[FloatArray, FloatArray]:
    """Return the share of each map's mass on no brick, and that region's share of the area."""
    floor = ~(batch.masks | batch.others)
    return share_in(batch, floor, settings.sign), np.asarray(_floor_px(batch) / batch.pixels)


def lift_on_others(batch: Batch, settings: MassSettings) -> tuple[FloatArray, FloatArray]:
    """Return the share on other bricks over their share of the area, and 1."""
    return _per_pixel(mass_on_others(batch, settings))


def lift_on_floor(batch: Batch, settings: MassSettings) -> tuple[FloatArray, FloatArray]:
    """Return the share on the floor over its share of the area, and 1."""
    return _per_pixel(mass_on_floor(batch, settings))


def target_vs_distractor(batch: Batch, settings: MassSettings) -> tuple[FloatArray, FloatArray]:
    """Return the named class's share of the mass that lies on bricks, and its share of their area."""
    target = batch.mass_in(batch.masks, settings.sign)
    bricks = target + batch.mass_in(batch.others, settings.sign)
    values = np.divide(target, bricks, out=np.full_like(bricks, np.nan), where=bricks > 0)
    return values, np.asarray(batch.area_px / (batch.area_px + batch.others_px), dtype=np.float64)


def _per_pixel(shares: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
    values, area = shares
    lifts = np.divide(values, area, out=np.full_like(values, np.nan), where=area > 0)
    return lifts, np.ones_like(values)


def _floor_px(batch: Batch) -> FloatArray:
    return np.asarray(batch.pixels - batch.area_px - batch.others_px, dtype=np.float64)


def _no_others(batch: Batch, _settings: MassSettings) -> BoolArray:
    return np.asarray(batch.others_px == 0)


def _no_floor(batch: Batch, _settings: MassSettings) -> BoolArray:
    return np.asarray(_floor_px(batch) == 0)


_NO_OTHERS = "no_others"
_NO_FLOOR = "no_floor"
_SOURCE = "this project; a three-way split of CLEVR-XAI's relevance mass accuracy"

MASS_ON_OTHERS = Measure(
    name="mass_on_others",
    title="Mass on other bricks",
    answers="How much of the map lies on bricks that it does not name?",
    compute=mass_on_others,
    settings=MassSettings,
    lacking=(_NO_OTHERS, _no_others),
    needs_others=True,
    formula="sum of the map on bricks of other parts / sum of the map",
    direction="lower",
    range=(0.0, 1.0),
    chance="the other bricks' share of the picture",
    uniform="chance",
    oracle="0",
    ties=NO_TIES,
    zero_mass=ZERO_MASS,
    negative_values=NEGATIVE,
    source=_SOURCE,
)

MASS_ON_FLOOR = replace(
    MASS_ON_OTHERS,
    name="mass_on_floor",
    title="Mass on the floor",
    answers="How much of the map lies on no brick at all?",
    compute=mass_on_floor,
    lacking=(_NO_FLOOR, _no_floor),
    formula="sum of the map where there is no brick / sum of the map",
    chance="the share of the picture without bricks",
)

LIFT_ON_OTHERS = replace(
    MASS_ON_OTHERS,
    name="lift_on_others",
    title="Lift on other bricks",
    answers="How many times denser is the map on other bricks than on the whole picture?",
    compute=lift_on_others,
    formula="mass on other bricks / the other bricks' share of the picture",
    range=(0.0, float("inf")),
    chance="1",
    source=_SOURCE + ", per pixel",
)

LIFT_ON_FLOOR = replace(
    MASS_ON_FLOOR,
    name="lift_on_floor",
    title="Lift on the floor",
    answers="How many times denser is the map on the floor than on the whole picture?",
    compute=lift_on_floor,
    formula="mass on the floor / the floor's share of the picture",
    range=(0.0, float("inf")),
    chance="1",
    source=_SOURCE + ", per pixel",
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
