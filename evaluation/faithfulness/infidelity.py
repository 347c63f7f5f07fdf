"""Infidelity: how wrong is the map about what the logit loses with a square of the picture?"""

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from evaluation.faithfulness.curves import removal_answers
from evaluation.faithfulness.order import SQUARES, picture_stream
from evaluation.faithfulness.protocol import Maps, Output, SeededSettings
from evaluation.measure import Measure, Values

Squares = NDArray[np.int64]
"""(squares, 3): upper row, left column and side in px."""


class InfidelitySettings(SeededSettings):
    """Which squares are removed."""

    squares: int = Field(64, ge=2)
    """Drawn for each picture."""
    shares: tuple[float, float] = (1 / 16, 1 / 4)
    """Least and greatest side, as shares of the picture's. Smaller squares change hardly any logit."""
    removal: str = "mean"
    """What is painted over a square: a removal's name. The paper's is 0 as the network takes it."""
    output: Output = "logit"
    """What of the network is followed."""


def infidelity(maps: Maps, settings: InfidelitySettings) -> Values:
    """Return the mean squared error of the map's sum in a square as the fall without it, as a share of the mean square.

    The sum is multiplied by the one number that makes the error least, if that is positive, so that maps in any unit
    can be compared: 1 says that the map foretells nothing.

    Source: Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations, definition 1, with square removal. The
    scale is that of the authors' code and of captum (``normalize=True``), where it may be negative too. Values are
    divided by the mean squared fall, which the paper does not do: it makes logits of networks comparable.
    """
    size = maps.maps.shape[1]
    drawn = np.stack([_draw(image, settings) for image in maps.images])  # (B, squares, 3)
    low, high = torch.from_numpy(drawn[..., :2]), torch.from_numpy(drawn[..., :2] + drawn[..., 2:])
    along = torch.arange(size)

    def missing(rows: Tensor, steps: Tensor) -> Tensor:
        rows_, places = rows.cpu(), (steps - 1).clamp(min=0).cpu()
        inside = (along >= low[rows_, places, :, None]) & (along < high[rows_, places, :, None])  # (n, 2, S)
        gone = inside[:, 0, :, None] & inside[:, 1, None, :]
        return gone.to(rows.device) & (steps > 0)[:, None, None]  # the first step is the whole picture

    said = removal_answers(
        maps, 1 + settings.squares, missing, removal=settings.removal, output=settings.output, seed=settings.seed
    )
    falls = said[:, :1] - said[:, 1:]
    sums = np.stack([_sums(*pair) for pair in zip(maps.maps, drawn, strict=True)])
    both = np.maximum((sums * falls).mean(axis=1), 0) ** 2
    alone = (sums**2).mean(axis=1) * (falls**2).mean(axis=1)
    explained = np.divide(both, alone, out=np.full(len(both), np.nan), where=alone > 0)
    return np.maximum(1 - explained, 0), np.full(len(both), np.nan)


def _draw(image: Tensor, settings: InfidelitySettings) -> Squares:
    """Return squares that lie within `image` (3, S, S), every side and place equally likely."""
    size = image.shape[-1]
    least, greatest = (min(size, max(1, round(share * size))) for share in settings.shares)
    rng = picture_stream(settings.seed, SQUARES, image)
    sides = rng.integers(least, max(least, greatest) + 1, settings.squares)
    corners = rng.integers(0, size - sides[:, None] + 1, (settings.squares, 2))
    return np.column_stack([corners, sides])


def _sums(one: NDArray[np.float64], squares: Squares) -> NDArray[np.float64]:
    """Return the sum of a map (S, S) in each square."""
    total = np.pad(one, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    top, left, side = squares.T
    low, right = top + side, left + side
    return np.asarray(total[low, right] - total[top, right] - total[low, left] + total[top, left])


INFIDELITY = Measure(
    name="infidelity",
    title="Infidelity",
    kind="pixels",
    compute=infidelity,
    settings=InfidelitySettings,
    undefined="constant",
    needs_zero=True,
    answers="How wrong is the map about what the logit loses with a square of the picture?",
    formula="mean over random squares of (scale x the map's sum there − the logit's fall without)² / mean of the fall²",
    direction="lower",
    range=(0.0, 1.0),
    chance="what a map of noise scores on the same picture and class",
    chance_of_noise=True,
    ties="none arise: values are summed",
    zero_mass="undefined where the map is 0 in every square, and where no square changes the logit",
    negative_values="kept",
    cost="65",
    source="Yeh et al. 2019, definition 1, square removal; scaled as in captum",
)
