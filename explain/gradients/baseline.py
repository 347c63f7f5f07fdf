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


def plain_picture(colour: Plain, settings: PictureSettings) -> Tensor:
    """Return a picture of one colour as the network takes it, (3, 1, 1) float32."""
    if colour == "mean":
        return torch.zeros(3, 1, 1)
    return grey_pictures(torch.tensor([colour]), settings)[0]


def grey_pictures(greys: Tensor, settings: PictureSettings) -> Tensor:
    """Return S plain pictures as the network takes them, (S, 3, 1, 1) float32, of their greys (S,) from 0 to 1."""
    pictures = (greys.float()[:, None] - torch.tensor(settings.mean)) / torch.tensor(settings.std)
    return pictures[:, :, None, None]
