"""Sensitivity-n: does the sum of the map over some cells say how far the logit falls without them?"""

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from evaluation.faithfulness.curves import removal_answers
from evaluation.faithfulness.order import SUBSETS, cell_means, cell_numbers, picture_stream
from evaluation.faithfulness.protocol import Maps, Output, SeededSettings
from evaluation.intervals import pearson
from evaluation.measure import Measure, Values


class SensitivityNSettings(SeededSettings):
    """Which subsets of what are removed."""

    cell_px: int = Field(8, ge=1)
    """Side of the cells that are removed; the paper removes single pixels, which a network hardly notices."""
    share: float = Field(0.2, gt=0, lt=1)
    """Share of the cells in each subset: n of the paper, which lets it run from one to all."""
    subsets: int = Field(50, ge=3)
    """Random subsets; the paper took 100."""
    removal: str = "mean"
    """What is painted over removed cells: a removal's name. The paper's is 0 as the network takes it."""
    output: Output = "logit"
    """What of the network is followed."""


def sensitivity_n(maps: Maps, settings: SensitivityNSettings) -> Values:
    """Return the Pearson correlation, over random subsets of n cells, of the map's sum there and the logit's fall.

    Source: Ancona et al. 2018, Towards better understanding of gradient-based attribution methods, section 4.
    """
    cells = cell_numbers(maps.maps.shape[1], settings.cell_px)
    area = np.bincount(cells.ravel())
    sums = cell_means(maps.maps, cells) * area  # (B, cells)
    count = max(1, round(settings.share * len(area)))
    chosen = np.stack([_subsets(image, settings, len(area), count) for image in maps.images])  # (B, subsets, cells)
    hidden, place = torch.from_numpy(chosen), torch.from_numpy(cells)

    def missing(rows: Tensor, steps: Tensor) -> Tensor:
        gone = hidden[rows.cpu(), (steps - 1).clamp(min=0).cpu()][:, place]  # (n, S, S)
        return gone.to(rows.device) & (steps > 0)[:, None, None]  # the first step is the whole picture

    said = removal_answers(
        maps, 1 + settings.subsets, missing, removal=settings.removal, output=settings.output, seed=settings.seed
    )
    attributed = np.einsum("bnc,bc->bn", chosen, sums)
    values = np.array([pearson(*pair) for pair in zip(attributed, said[:, :1] - said[:, 1:], strict=True)])
    return values, np.zeros(len(values))


def _subsets(image: Tensor, settings: SensitivityNSettings, cells: int, count: int) -> NDArray[np.bool_]:
    """Return which cells go in each subset, (subsets, cells): `count` in each."""
    drawn = picture_stream(settings.seed, SUBSETS, image).random((settings.subsets, cells)).argsort(axis=1)
    chosen = np.zeros((settings.subsets, cells), dtype=np.bool_)
    np.put_along_axis(chosen, drawn[:, :count], values=True, axis=1)
    return chosen


SENSITIVITY_N = Measure(
    name="sensitivity_n",
    title="Sensitivity-n",
    kind="pixels",
    compute=sensitivity_n,
    settings=SensitivityNSettings,
    undefined="constant",
    formula="Pearson correlation, over random subsets of cells, of the map's sum there and the logit's fall without",
    direction="higher",
    range=(-1.0, 1.0),
    chance="0",
    ties="none arise: values are summed",
    zero_mass="undefined where the map's sums do not differ, as of a constant map",
    negative_values="kept",
    cost="51",
    source="Ancona et al. 2018, on cells instead of pixels",
)
