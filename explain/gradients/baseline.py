"""Plain pictures, from which methods count what a picture adds."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from explain.protocol import PictureSettings

Grey = Annotated[float, Field(ge=0, le=1)]
"""From 0, black, to 1, white."""
Plain = Grey | Literal["mean"]
"""A grey, or the mean colour of the network's pictures."""


def plain_picture(colour: Plain, settings: PictureSettings, channels: int = 3) -> Tensor:
    """Return a picture of one colour as the network takes it, (channels, 1, 1) float64.

    Raises:
        SettingsError: the settings' normalisation is of another number of channels.
    """
    settings.check_channels(channels)
    if colour == "mean":
        return torch.zeros(channels, 1, 1, dtype=torch.float64)
    return grey_pictures(torch.tensor([colour]), settings)[0]


def grey_pictures(greys: Tensor, settings: PictureSettings) -> Tensor:
    """Return S plain pictures as the network takes them, (S, C, 1, 1) float64, of their greys (S,) from 0 to 1."""
    mean, std = (torch.tensor(values, dtype=torch.float64) for values in (settings.mean, settings.std))
    return ((greys.double()[:, None] - mean) / std)[:, :, None, None]
