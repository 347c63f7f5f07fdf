"""What a network says of perturbed pictures: superpixels shown or hidden, composed in batches where the network is."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from explain.memory import BatchSize
from explain.perturbation.segments import Segments, SegmentSettings, hidden_picture
from explain.protocol import check_logits


class Perturbed:
    """Pictures made of one picture by hiding some of its superpixels.

    Masks of eight pictures are one byte a superpixel, so that one gather serves eight; `torch.lerp` gives the pixel
    shown or hidden exactly where its weight is 1 or 0, in one pass over memory. On a CPU all this takes a tenth of
    gathering each mask and `torch.where`. Batches are written into the same arrays, which stay in the cache.
    """

    def __init__(self, image: Tensor, segments: Segments, settings: SegmentSettings, device: torch.device) -> None:
        """Take `image` (3, H, W) float32, as the network takes it; its `segments` (H, W) count from 0."""
        pixels = np.ascontiguousarray(image.detach().cpu().float().permute(1, 2, 0).numpy())
        hidden = hidden_picture(pixels, segments, settings)
        self._shown, self._hidden = (
            torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, 2, 0))).to(device)
            for picture in (pixels, hidden)
        )
        self._segments = torch.from_numpy(segments.ravel()).to(device)
        self._shifts = torch.arange(8, dtype=torch.uint8, device=device)[:, None]
        self._reserve(0)

    def compose(self, shown: NDArray[np.bool_]) -> Tensor:
        """Return pictures (B, 3, H, W) float32 with the superpixels `shown` (B, S); the next call writes over them."""
        count, size = len(shown), self._shown.shape[1:]
        if count > len(self._pictures):
            self._reserve(count)
        eights = self._gather(np.packbits(shown, axis=0, bitorder="little"))
        bits = torch.bitwise_right_shift(eights[:, None], self._shifts, out=self._bits[: len(eights)])
        weights = self._weights[:count].copy_(bits.bitwise_and_(1).view(-1, *size)[:count])
        return torch.lerp(self._hidden, self._shown, weights[:, None], out=self._pictures[:count])

    def _gather(self, table: NDArray[np.uint8]) -> Tensor:
        """Return `table` (n, S) at every pixel, (n, H * W)."""
        if self._segments.device.type == "cpu":  # a quarter of torch's time
            return torch.from_numpy(np.take(table, self._segments.numpy(), axis=1, mode="clip"))
        return torch.from_numpy(table).to(self._segments.device).index_select(1, self._segments)

    def _reserve(self, count: int) -> None:
        size = self._shown.shape[1:]
        self._bits = self._shifts.new_empty((-(-count // 8), 8, size.numel()))
        self._weights = self._shown.new_empty((count, *size))
        self._pictures = self._shown.new_empty((count, 3, *size))


def batch_size(given: BatchSize | None, image: Tensor, device: torch.device) -> BatchSize:
    """Return `given`, or how many pictures like `image` a pass takes to begin with.

    On a CPU 5 MB of them, which stay in its cache: of 224 pixels, 8 are composed in a fifth of the time a picture that
    32 take, and networks are about as quick.
    """
    at_once = 256 if device.type != "cpu" else max(8, 5_000_000 // (4 * image.numel()) // 8 * 8)
    return given or BatchSize(at_once, "perturbed pictures")


def logits_of(
    model: nn.Module, count: int, make: Callable[[slice], Tensor], classes: Sequence[int], batch: BatchSize
) -> NDArray[np.float64]:
    """Return the logits (count, K) of `classes` for the pictures that `make` gives for consecutive slices."""

    def work(part: slice) -> NDArray[np.float64]:
        pictures = make(part)
        logits = model(pictures)
        check_logits(logits, len(pictures), [classes])
        return np.asarray(logits[:, list(classes)].double().cpu().numpy())

    return np.concatenate(list(batch.batches(count, work)))
