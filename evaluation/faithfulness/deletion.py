"""Deletion and insertion: how soon the class is lost when its pixels go, and found when they come."""

from dataclasses import replace

from pydantic import Field

from evaluation.faithfulness.curves import even_cuts, mean_height, removal_curve
from evaluation.faithfulness.order import pixel_ranks
from evaluation.faithfulness.protocol import Maps, Output, SeededSettings
from evaluation.measure import FloatArray, Measure, Values


class DeletionSettings(SeededSettings):
    """How pixels go."""

    steps: int = Field(32, ge=1)
    """Steps from the whole picture to none of it. The paper's code takes 224 (1 row's worth of pixels each)."""
    removal: str = "mean"
    """What is painted over deleted pixels: a removal's name. The paper takes the mean colour, 0 after normalising."""
    output: Output = "probability"
    """What of the network is followed."""


class InsertionSettings(DeletionSettings):
    """How pixels come."""

    removal: str = "blur"
    """What the picture begins as: the paper blurs it, which leaves fewer sharp edges than a plain colour."""


def deletion(maps: Maps, settings: DeletionSettings) -> Values:
    """Return the area under the class's probability while the highest pixels of the map are removed first."""
    return _area(maps, maps.maps, settings), _unknown(maps)


def insertion(maps: Maps, settings: InsertionSettings) -> Values:
    """Return the area under the class's probability while the highest pixels of the map are shown first.

    Showing the highest first, from nothing to all, is removing the lowest first, from all to nothing, run backwards.
    """
    return _area(maps, -maps.maps, settings), _unknown(maps)


def _area(maps: Maps, values: FloatArray, settings: DeletionSettings) -> FloatArray:
    ranks = pixel_ranks(values, maps.images, settings.seed)
    cuts = even_cuts(ranks[0].size, settings.steps)
    said = removal_curve(
        maps, ranks, cuts, removal=settings.removal, output=settings.output, seed=settings.seed
    )  # (B, steps + 1)
    return mean_height(said)


def _unknown(maps: Maps) -> FloatArray:
    return maps.maps[:, 0, 0] * float("nan")


DELETION = Measure(
    name="deletion",
    title="Deletion",
    kind="pixels",
    compute=deletion,
    settings=DeletionSettings,
    undefined="nonfinite",
    formula="area under the class's probability over the share of pixels removed, highest first",
    direction="lower",
    range=(0.0, 1.0),
    chance="what a map of noise scores on the same picture and class",
    chance_of_noise=True,
    ties="in an order drawn by the seed",
    zero_mass="defined: a map of zeros is one great tie",
    negative_values="kept: only the order of values counts",
    cost="33",
    source="Petsiuk, Das, Saenko 2018, RISE, section 4",
)
INSERTION = replace(
    DELETION,
    name="insertion",
    title="Insertion",
    compute=insertion,
    settings=InsertionSettings,
    formula="area under the class's probability over the share of pixels shown, highest first, on a blurred picture",
    direction="higher",
)
