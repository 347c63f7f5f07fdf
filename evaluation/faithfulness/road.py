"""ROAD: removal that leaks little of what was removed, from both ends of the map."""

import numpy as np
from pydantic import Field

from evaluation.faithfulness.curves import removal_curve
from evaluation.faithfulness.order import pixel_ranks
from evaluation.faithfulness.protocol import Maps, Output, SeededSettings
from evaluation.measure import Measure, Values


class RoadSettings(SeededSettings):
    """How much is removed, and how."""

    shares: tuple[float, ...] = Field((0.1, 0.3, 0.5, 0.7, 0.9), min_length=1)
    """Shares of the pixels that are removed, each from the whole picture."""
    removal: str = "linear"
    """What is painted over removed pixels: a removal's name. The paper's is noisy linear imputation."""
    output: Output = "probability"
    """What of the network is followed. The paper follows the accuracy over many pictures."""


def road(maps: Maps, settings: RoadSettings) -> Values:
    """Return half the class's probability without the least important pixels minus that without the most important.

    Source: Rong et al. 2022, who draw both curves (least and most relevant first, LeRF and MoRF) of the accuracy; as
    one number a map, from the class's probability, it is pytorch-grad-cam's ``ROADCombined``. There all pixels not
    below a percentile go, so that of a map with ties more may go than asked for; here ties are drawn and the share is
    exact.
    """
    pixels = maps.maps[0].size
    cuts = np.rint(np.array(settings.shares) * pixels).astype(np.int64)
    ranks = pixel_ranks(maps.maps, maps.images, settings.seed)
    most, least = (
        removal_curve(
            maps, order, cuts, removal=settings.removal, output=settings.output, seed=settings.seed
        )  # (B, shares)
        for order in (ranks, pixels - 1 - ranks)
    )
    return (least - most).mean(axis=1) / 2, np.zeros(len(most))


ROAD = Measure(
    name="road",
    title="ROAD",
    kind="pixels",
    compute=road,
    settings=RoadSettings,
    undefined="nonfinite",
    formula="mean over shares of (probability without the lowest pixels − probability without the highest) / 2",
    direction="higher",
    range=(-0.5, 0.5),
    chance="0: both ends of a map of noise are alike",
    ties="in an order drawn by the seed",
    zero_mass="defined: a map of zeros is one great tie",
    negative_values="kept: only the order of values counts",
    cost="10, and as many imputations",
    source="Rong et al. 2022; combined as in pytorch-grad-cam",
)
