"""Occlusion: how far a class's logit falls when a window of the picture is covered."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from core.errors import SettingsError
from explain.perturbation.perturbed import PassSettings, PerturbingMethod, batch_size, logits_of
from explain.protocol import FloatMaps, MethodRow, PictureSettings, device_of


class OcclusionSettings(PictureSettings, PassSettings):
    """The window, how it moves, and what it covers the picture with."""

    window_px: int = Field(16, ge=1)
    """Side of the square window; about the smaller side of a brick finds it best."""
    stride_px: int = Field(8, ge=1)
    """Step between windows, at most window_px. Halving it takes four times as long."""
    hide_color: float | tuple[float, float, float] | None = None
    """What a window is painted with: a grey, or red, green, blue, from 0 to 1; None is the mean colour of the network's
    pictures, 0 as the network takes it."""


class Occlusion(PerturbingMethod[OcclusionSettings]):
    """At each pixel the mean, over the windows that cover it, of how far covering the window lowers the class's logit.

    Source: Zeiler & Fergus 2014; equal to captum's `Occlusion` with a window of all channels. Windows that reach
    beyond the right or lower border are cut there.
    """

    def __init__(self, model: nn.Module, settings: OcclusionSettings) -> None:
        """Bind to `model`; raises SettingsError if windows leave gaps."""
        if settings.stride_px > settings.window_px:
            raise SettingsError(
                f"Windows of {settings.window_px} pixels every {settings.stride_px} pixels leave gaps: "
                "stride_px should be at most window_px."
            )
        super().__init__(model, settings)

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return raw maps at the size of the picture; SettingsError if the window is larger than that."""
        window = self.settings.window_px
        if window > min(image.shape[1:]):
            raise SettingsError(f"A window of {window} pixels does not fit into pictures of {tuple(image.shape[1:])}.")
        rows, columns = (self._starts(size) for size in image.shape[1:])
        device = device_of(self._model)
        image, self.batch = image.to(device), batch_size(self.batch, image, device)
        cover = self._cover(image)

        def make(part: slice) -> Tensor:
            pictures = image.repeat(part.stop - part.start, 1, 1, 1)
            for picture, number in zip(pictures, range(part.start, part.stop), strict=True):
                if number:  # the first is the whole picture
                    row, column = divmod(number - 1, len(columns))
                    down, right = rows[row], columns[column]
                    picture[:, down : down + window, right : right + window] = cover
            return pictures

        count, precision = 1 + len(rows) * len(columns), self.settings.precision
        logits = logits_of(self._model, count, make, classes, self.batch, precision)
        falls = (logits[0] - logits[1:]).T.reshape(len(classes), len(rows), len(columns))
        down, right = self._reach(rows, image.shape[1]), self._reach(columns, image.shape[2])
        maps = down.T @ falls @ right / np.outer(down.sum(axis=0), right.sum(axis=0))
        return np.asarray(maps, dtype=np.float32)

    def _starts(self, size: int) -> list[int]:
        count = -(-(size - self.settings.window_px) // self.settings.stride_px) + 1
        return [step * self.settings.stride_px for step in range(count)]

    def _reach(self, starts: Sequence[int], size: int) -> NDArray[np.float64]:
        """Return which pixels of a side each window covers, (windows, size)."""
        offset = np.arange(size) - np.array(starts)[:, None]
        return np.asarray((offset >= 0) & (offset < self.settings.window_px), dtype=np.float64)

    def _cover(self, image: Tensor) -> Tensor:
        color = self.settings.hide_color
        if color is None:
            return image.new_zeros(len(image), 1, 1)
        return torch.from_numpy(self.settings.normalised(color, len(image))).to(image)[:, None, None]


ROW = MethodRow(
    "occlusion", "Occlusion", "method", "perturbation", Occlusion, OcclusionSettings, "bilinear", signed=True,
    images_at_once=1, cost="a forward pass a window (226 at 128 pixels), whatever K",
    source="Zeiler & Fergus 2014", unit="logit",
    note="as sharp as window_px; a part that is there twice is missed, since covering one leaves the other",
    claims=("place", "class", "sign", "mass"), reference="explain.references.by_captum:occlusion", tolerance=1e-3,
)  # fmt: skip
