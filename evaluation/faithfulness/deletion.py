"""How soon a class is lost as the pixels that a map finds important go: deletion, insertion, pixel flipping, ROAD."""

from dataclasses import replace

import numpy as np
from pydantic import Field

from evaluation.faithfulness.curves import even_cuts, mean_height, removal_curve
from evaluation.faithfulness.order import cell_means, cell_numbers, importance_ranks, pixel_ranks
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


class FlippingSettings(SeededSettings):
    """Which cells become what."""

    cell_px: int = Field(9, ge=1)
    """Side of a cell; 9 in the paper."""
    share: float = Field(0.157, gt=0, le=1)
    """Share of the cells that become noise, one a step: the paper took 100 steps, 15.7 % of 227 pixels squared."""
    removal: str = "noise"
    """What a cell becomes: a removal's name. The paper draws uniform values."""
    output: Output = "logit"
    """What of the network is followed; the paper says the classifier's function f."""


class RoadSettings(SeededSettings):
    """How much is removed, and how."""

    shares: tuple[float, ...] = Field((0.1, 0.3, 0.5, 0.7, 0.9), min_length=1)
    """Shares of the pixels that are removed, each from the whole picture."""
    removal: str = "linear"
    """What is painted over removed pixels: a removal's name. The paper's is noisy linear imputation."""
    output: Output = "probability"
    """What of the network is followed. The paper follows the accuracy over many pictures."""


def deletion(maps: Maps, settings: DeletionSettings) -> Values:
    """Return the area under the class's probability while the highest pixels of the map are removed first."""
    return _area(maps, maps.maps, settings), np.full(len(maps.maps), np.nan)


def insertion(maps: Maps, settings: InsertionSettings) -> Values:
    """Return the area under the class's probability while the highest pixels of the map are shown first.

    Showing the highest first, from nothing to all, is removing the lowest first, from all to nothing, run backwards.
    """
    return _area(maps, -maps.maps, settings), np.full(len(maps.maps), np.nan)


def _area(maps: Maps, values: FloatArray, settings: DeletionSettings) -> FloatArray:
    ranks = pixel_ranks(values, maps.images, settings.seed)
    cuts = even_cuts(ranks[0].size, settings.steps)
    said = removal_curve(
        maps, ranks, cuts, removal=settings.removal, output=settings.output, seed=settings.seed
    )  # (B, steps + 1)
    return mean_height(said)


def pixel_flipping(maps: Maps, settings: FlippingSettings) -> Values:
    """Return the area over the perturbation curve: the mean fall over L steps, the step without a change included.

    Source: Samek et al. 2016, Evaluating the visualization of what a deep neural network has learned, eq. 12 for one
    picture: 1 / (L + 1) sum over k = 0 .. L of f(x_0) - f(x_k), most relevant cell first, cells without overlap. Cells
    at the right and lower border are cut, so cells go by their mean and not by their sum.
    """
    cells = cell_numbers(maps.maps.shape[1], settings.cell_px)
    ranks = importance_ranks(cell_means(maps.maps, cells), maps.images, settings.seed)  # (B, cells)
    cuts = np.arange(1 + max(1, round(settings.share * ranks.shape[1])))
    said = removal_curve(
        maps, ranks[:, cells], cuts, removal=settings.removal, output=settings.output, seed=settings.seed
    )
    return (said[:, :1] - said).mean(axis=1), np.full(len(said), np.nan)


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
PIXEL_FLIPPING = replace(
    DELETION,
    name="pixel_flipping",
    title="Pixel flipping",
    compute=pixel_flipping,
    settings=FlippingSettings,
    formula="mean fall of the logit over the steps in which the most important cells become noise (AOPC)",
    direction="higher",
    range=(float("-inf"), float("inf")),
    ties="cells of equal mean in an order drawn by the seed",
    negative_values="kept: only the order of cells counts",
    cost="36 at 128 pixels",
    source="Samek et al. 2016, eq. 12 (MoRF)",
)
ROAD = replace(
    DELETION,
    name="road",
    title="ROAD",
    compute=road,
    settings=RoadSettings,
    formula="mean over shares of (probability without the lowest pixels − probability without the highest) / 2",
    direction="higher",
    range=(-0.5, 0.5),
    chance="0: both ends of a map of noise are alike",
    chance_of_noise=False,
    cost="10, and as many imputations",
    source="Rong et al. 2022; combined as in pytorch-grad-cam",
)
