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
    if colour == "mean":
        settings.check_channels(channels)
        return torch.zeros(channels, 1, 1, dtype=torch.float64)
    return torch.from_numpy(settings.normalised(colour, channels))[:, None, None]
