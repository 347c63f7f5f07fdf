"""Share of the map's mass that lies on the brick: in its mask or its boxes, plain and against the size of that."""

from dataclasses import replace
from typing import Literal

import numpy as np

from core.settings import Settings
from evaluation.localization.batch import Batch, SignPolicy
from evaluation.measure import BoolArray, FloatArray, Measure


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


def share_in(batch: Batch, region: BoolArray, sign: SignPolicy) -> FloatArray:
    """Return the share (M,) of each map's mass in `region` (M, P); NaN where the map has no mass."""
    total, inside = batch.mass(sign), batch.mass_in(region, sign)
    share = np.divide(inside, total, out=np.full_like(total, np.nan), where=total > 0)
    return np.minimum(share, 1.0)  # the two sums may round apart by one unit


def mass_accuracy(batch: Batch, settings: MassSettings) -> tuple[FloatArray, FloatArray]:
    """Return the share of each map's mass in its mask, and the mask's share of the area."""
    return share_in(batch, batch.masks, settings.sign), batch.area_share


def lift(batch: Batch, settings: MassSettings) -> tuple[FloatArray, FloatArray]:
    """Return mass accuracy over the mask's share of the area, and 1."""
    values, share = mass_accuracy(batch, settings)
    return values / share, np.ones_like(values)


def energy(batch: Batch, settings: RegionSettings) -> tuple[FloatArray, FloatArray]:
    """Return the share of each map's mass in its boxes or mask, and their share of the area."""
    if settings.region == "mask":
        return mass_accuracy(batch, settings)
    return share_in(batch, batch.box_masks, settings.sign), batch.box_share


def weighted(batch: Batch, settings: RegionSettings) -> tuple[FloatArray, FloatArray]:
    """Return the energy over the region's share of the area, and 1."""
    values, share = energy(batch, settings)
    return values / share, np.ones_like(values)


def _full_box(batch: Batch, settings: RegionSettings) -> BoolArray:
    return np.asarray((settings.region == "box") & (batch.box_share == 1.0))


_FULL_BOX = "full_box"
NO_TIES = "none arise: values are summed"
ZERO_MASS = "undefined where the map has no positive value"
NEGATIVE = "counted as 0 (setting sign: positive) or by size (absolute)"

MASS_ACCURACY = Measure(
    name="mass_accuracy",
    title="Mass accuracy",
    answers="How much of the map lies on the brick?",
    compute=mass_accuracy,
    settings=MassSettings,
    formula="sum of the map inside the mask / sum of the map",
    direction="higher",
    range=(0.0, 1.0),
    chance="the mask's share of the picture",
    uniform="chance",
    oracle="1",
    ties=NO_TIES,
    zero_mass=ZERO_MASS,
    negative_values=NEGATIVE,
    source="Arras, Osman, Samek 2022, CLEVR-XAI: relevance mass accuracy",
)

LIFT = Measure(
    name="lift",
    title="Lift",
    answers="How many times denser is the map on the brick than on the whole picture?",
    compute=lift,
    settings=MassSettings,
    formula="mass accuracy / the mask's share of the picture",
    direction="higher",
    range=(0.0, float("inf")),
    chance="1",
    uniform="chance",
    oracle="1 / the mask's share of the picture, its highest value on that mask",
    ties=NO_TIES,
    zero_mass=ZERO_MASS,
    negative_values=NEGATIVE,
    source="the ratio of CLEVR-XAI's relevance mass accuracy to its chance level",
)

ENERGY = Measure(
    name="energy",
    title="Energy pointing game",
    answers="How much of the map lies in the brick's box?",
    compute=energy,
    settings=RegionSettings,
    lacking=(_FULL_BOX, _full_box),
    formula="sum of the map inside the union of the class's boxes / sum of the map; with region=mask, mass accuracy",
    direction="higher",
    range=(0.0, 1.0),
    chance="the boxes' share of the picture",
    uniform="chance",
    oracle="1",
    ties=NO_TIES,
    zero_mass=ZERO_MASS,
    negative_values=NEGATIVE,
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
    compute=weighted,
    formula="mu x area of the picture / area inside the boxes; with region=mask, lift",
    range=(0.0, float("inf")),
    chance="1",
    oracle="1 / the boxes' share of the picture, its highest value on those boxes",
    source="Kohlbrenner et al. 2020, Towards best practice in explaining neural network decisions with LRP",
)
