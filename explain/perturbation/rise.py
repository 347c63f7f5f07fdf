"""RISE: the mean of random masks, each weighed by what the network says of the picture behind it."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from core.seeding import Purpose, generator
from explain.perturbation.perturbed import PassSettings, PerturbingMethod, batch_size, logits_with, settle_precision
from explain.protocol import FloatMaps, MethodRow, device_of

_KEY = 1
"""Sets the stream of masks apart from other streams for baselines."""


class RiseSettings(PassSettings):
    """How many masks, and of what kind; the defaults are the paper's."""

    num_masks: int = Field(4000, ge=1)
    """The paper took 4,000 for VGG-16 and 8,000 for ResNet-50; noise falls with the root of it."""
    grid: int = Field(8, ge=1)
    """Cells across the picture; a mask is random on these and smooth in between. The paper took 7 or 8."""
    share: float = Field(0.5, gt=0, lt=1)
    """Chance of a cell to be shown."""
    seed: int = Field(0, ge=0)
    """Of the masks, which are the same for all pictures of a size."""


class Rise(PerturbingMethod[RiseSettings]):
    """S = 1 / (N share) sum_i f(image * M_i) M_i at each pixel, f being the sigmoid of the class's logit.

    Source: Petsiuk, Das, Saenko 2018, RISE. Masks of `grid` x `grid` random cells are enlarged bilinearly to one cell
    more than the picture and cut out at a random place. The picture fades to 0 as the network takes it, which is the
    mean colour of its pictures. Masks are made batch by batch and never held together.
    """

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return raw maps at the size of the picture, as the base says."""
        device, (height, width) = device_of(self._model), image.shape[1:]
        masks = RiseMasks(self.settings, height, width, device)
        image, self.batch = image.to(device), batch_size(self.batch, image, device)
        total = np.zeros((len(classes), masks.height * masks.width))

        def make(part: slice) -> Tensor:
            return image * masks(part)[:, None]

        count, precision = self.settings.num_masks, self.settings.precision
        good = settle_precision(self._model, count, make, classes, self.batch, precision)

        def work(part: slice) -> NDArray[np.float32]:
            shown = masks(part)
            confidence = torch.sigmoid(logits_with(self._model, image * shown[:, None], classes, good))
            return np.asarray((confidence.T.float() @ shown.flatten(1)).cpu().numpy())

        for weighed in self.batch.batches(count, work):
            total += weighed
        maps = total / (count * self.settings.share)
        return np.asarray(maps.reshape(-1, masks.height, masks.width), dtype=np.float32)


class RiseMasks:
    """The masks of one size: made when they are asked for, the same whichever part of them is."""

    def __init__(self, settings: RiseSettings, height: int, width: int, device: torch.device) -> None:
        """Draw all cells and shifts; 4,000 masks take 300 kB."""
        stream = generator(settings.seed, Purpose.BASELINE, _KEY)
        grid, count = settings.grid, settings.num_masks
        self.height, self.width = height, width
        self._cells = torch.from_numpy((stream.random((count, grid, grid)) < settings.share).astype(np.float32))
        self._cells = self._cells.to(device)
        sides = []
        for size in (height, width):
            cell = math.ceil(size / grid)
            shifts = stream.integers(0, cell, count)
            sides.append((torch.from_numpy(_enlarge(grid, cell)).to(device), torch.from_numpy(shifts).to(device)))
        self._sides = sides

    def __call__(self, part: slice) -> Tensor:
        """Return the masks of `part`, (B, H, W) float32 in 0..1."""
        down, right = (
            table[shifts[part, None] + torch.arange(size, device=table.device)]  # (B, size, grid)
            for (table, shifts), size in zip(self._sides, (self.height, self.width), strict=True)
        )
        masks: Tensor = down @ self._cells[part] @ right.transpose(1, 2)
        return masks


def _enlarge(grid: int, cell: int) -> NDArray[np.float32]:
    """Return the matrix ((grid + 1) cell, grid) of linear interpolation between the cells' middles, level beyond."""
    size = (grid + 1) * cell
    position = np.clip((np.arange(size) + 0.5) * grid / size - 0.5, 0, grid - 1)
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(grid))), dtype=np.float32)


ROW = MethodRow(
    "rise", "RISE", "method", "perturbation", Rise, RiseSettings, "bilinear", signed=False, images_at_once=1,
    cost="num_masks forward passes, whatever K", source="Petsiuk et al. 2018",
    unit="probability", claims=("place", "class"),
    no_zero="every pixel carries about the mean confidence",
    note="smooth and slow; every pixel carries about the mean confidence, so only differences within a map count",
)  # fmt: skip
