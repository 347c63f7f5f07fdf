"""Pixel flipping: how far a class's logit falls while the most important cells become noise."""

import numpy as np
from pydantic import Field

from evaluation.faithfulness.curves import removal_curve
from evaluation.faithfulness.order import cell_means, cell_numbers, importance_ranks
from evaluation.faithfulness.protocol import Maps, Output, SeededSettings
from evaluation.measure import Measure, Values


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


PIXEL_FLIPPING = Measure(
    name="pixel_flipping",
    title="Pixel flipping",
    kind="pixels",
    compute=pixel_flipping,
    settings=FlippingSettings,
    undefined="nonfinite",
    formula="mean fall of the logit over the steps in which the most important cells become noise (AOPC)",
    direction="higher",
    range=(float("-inf"), float("inf")),
    chance="what a map of noise scores on the same picture and class",
    chance_of_noise=True,
    ties="cells of equal mean in an order drawn by the seed",
    zero_mass="defined: a map of zeros is one great tie",
    negative_values="kept: only the order of cells counts",
    cost="36 at 128 pixels",
    source="Samek et al. 2016, eq. 12 (MoRF)",
)
