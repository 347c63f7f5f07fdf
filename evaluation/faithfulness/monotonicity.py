"""Monotonicity: does the size of the map in a cell say how much the answer changes without it?"""

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from evaluation.faithfulness.curves import removal_answers
from evaluation.faithfulness.order import cell_means, cell_numbers
from evaluation.faithfulness.protocol import Maps, Output, SeededSettings
from evaluation.intervals import spearman
from evaluation.measure import Measure, Values


class MonotonicitySettings(SeededSettings):
    """Which cells are removed, one at a time."""

    cells: int = Field(10, ge=2)
    """A side; a picture that does not divide has smaller ones at two borders. The paper takes single features."""
    removal: str = "mean"
    """What is painted over a cell: a removal's name. The paper takes the mean over draws from all that it may be."""
    output: Output = "logit"
    """What of the network is followed."""


def monotonicity(maps: Maps, settings: MonotonicitySettings) -> Values:
    """Return the rank correlation, over all cells, of the size of the map's sum there and that of the logit's change.

    Source: Nguyen and Martínez 2020, On quantitative aspects of model interpretability, section 4.2, where cells are
    single features and the change is the mean square over draws; for one draw its order is that of its size.
    """
    size = maps.maps.shape[1]
    cells = cell_numbers(size, -(-size // settings.cells))
    sums = np.abs(cell_means(maps.maps, cells) * np.bincount(cells.ravel()))  # (B, cells)
    place = torch.from_numpy(cells).to(maps.network.device)

    def missing(_rows: Tensor, steps: Tensor) -> Tensor:
        return place == (steps - 1)[:, None, None]  # the first step is the whole picture

    said = removal_answers(
        maps, 1 + sums.shape[1], missing, removal=settings.removal, output=settings.output, seed=settings.seed
    )
    changes = np.abs(said[:, :1] - said[:, 1:])
    values = np.array([spearman(*pair) for pair in zip(sums, changes, strict=True)])
    return values, np.zeros(len(values))


MONOTONICITY = Measure(
    name="monotonicity",
    title="Monotonicity",
    kind="pixels",
    compute=monotonicity,
    settings=MonotonicitySettings,
    undefined="constant",
    needs_zero=True,
    answers="Does the size of the map in a cell say how much the logit changes without it?",
    formula="rank correlation, over all cells, of |the map's sum there| and |the logit's change without it|",
    direction="higher",
    range=(-1.0, 1.0),
    chance="0",
    ties="share their mean rank",
    zero_mass="undefined where the map's sums do not differ, and where no cell changes the logit",
    negative_values="by size",
    cost="101",
    source="Nguyen and Martínez 2020, on cells and with one paint",
    note="where most cells change nothing, values that should be 0 and are not quite are ordered all the same",
)
