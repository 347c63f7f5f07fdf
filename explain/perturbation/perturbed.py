"""What a network says of perturbed pictures: superpixels shown or hidden, composed in batches where the network is.

Forward passes have fewer digits only where those leave the explanation as it is.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.settings import Settings
from explain.forward import ask
from explain.memory import BatchSize
from explain.perturbation.pieces import cut
from explain.perturbation.segments import Segments, SegmentSettings, hidden_picture
from explain.protocol import FloatMaps, OwnSettings, PictureByPicture, frozen_eval

Precision = Literal["float32", "tf32", "bfloat16", "float16"]
TOLERANCE = 0.05
"""Most that reduced numbers may scatter a logit, as a share of how far perturbing the picture scatters it."""
_CHECKED = 8
"""Perturbed pictures, at each of four places in their order, of which both precisions are asked."""


class PassSettings(Settings):
    """Settings of methods that ask the network about many perturbed pictures."""

    precision: Precision = "float32"
    """Numbers of the forward passes. The others are for GPUs: ``tf32`` rounds within convolutions, ``bfloat16`` and
    ``float16`` are autocast's. A picture whose logits they scatter by more than a twentieth of what the perturbations
    do is done in float32 all the same; both are compared on 32 of its perturbed pictures."""


def logits_with(model: nn.Module, pictures: Tensor, classes: Sequence[int], precision: Precision) -> Tensor:
    """Return the logits (B, K) of `classes`, in float32 where they were computed in fewer digits.

    Raises:
        BrickbenchError: as `explain.forward.ask`.
    """
    with _convolutions("tf32" if precision == "tf32" else "ieee"):
        reduced = None if precision in ("float32", "tf32") else getattr(torch, precision)
        return ask(model, pictures, [classes], reduced)[:, list(classes)]


def settle_precision(
    model: nn.Module,
    count: int,
    make: Callable[[slice], Tensor],
    classes: Sequence[int],
    batch: BatchSize,
    precision: Precision,
) -> Precision:
    """Return `precision` if it is good enough for the `count` pictures that `make` gives, else ``float32``."""
    if precision == "float32":
        return precision
    kinds: tuple[Precision, Precision] = ("float32", precision)
    answers: list[tuple[Tensor, ...]] = []
    for start in np.linspace(0, max(0, count - _CHECKED), 4).astype(int).tolist():

        def both(part: slice, start: int = start) -> tuple[Tensor, ...]:
            pictures = make(slice(start + part.start, start + part.stop))
            return tuple(logits_with(model, pictures, classes, kind) for kind in kinds)

        answers += batch.batches(min(_CHECKED, count), both)
    exact, reduced = (torch.cat(logits).double() for logits in zip(*answers, strict=True))
    scatter = (reduced - exact).std(dim=0, correction=0)
    return precision if bool((scatter <= TOLERANCE * exact.std(dim=0, correction=0)).all()) else "float32"


@contextmanager
def _convolutions(numbers: Literal["tf32", "ieee"]) -> Iterator[None]:
    """Let convolutions in float32 round so on a GPU, where torch's own default is tf32."""
    convolutions = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = convolutions.fp32_precision
    convolutions.fp32_precision = numbers
    try:
        yield
    finally:
        convolutions.fp32_precision = before


class PerturbingMethod(PictureByPicture[OwnSettings]):
    """A method that asks the network about perturbed pictures, and needs no gradients."""

    batch: BatchSize | None = None
    """Known from the first picture on."""

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return raw maps at the size of the input, as `explain.protocol.Method` says."""
        with frozen_eval(self._model), torch.inference_mode():
            return super().attribute(images, classes)


class Perturbed:
    """Pictures made of one picture by hiding some of its superpixels.

    The picture is cut into pieces of 32 pixels of one channel. A piece in which k superpixels lie comes in 2^k
    patterns, which are few; all of them stand in a table, and a perturbed picture is copied from there piece by piece.
    On a CPU this takes half of choosing each pixel anew, and one thread: others would spin while they wait.
    """

    def __init__(self, image: Tensor, segments: Segments, settings: SegmentSettings, device: torch.device) -> None:
        """Take `image` (C, H, W) float32, as the network takes it; its `segments` (H, W) count from 0."""
        pixels = np.ascontiguousarray(image.detach().cpu().float().permute(1, 2, 0).numpy())
        pieces = cut(segments)
        self._size, self._device = segments.shape, device
        table, first = pieces.patterns(pixels, hidden_picture(pixels, segments, settings))
        self._bits, self._first, self._table = (
            torch.from_numpy(array).to(device) for array in (pieces.bits, first, table)
        )
        self._pictures = self._table.new_empty((0, len(first), *pieces.rank.shape))

    def compose(self, shown: NDArray[np.bool_]) -> Tensor:
        """Return pictures (B, C, H, W) float32 with the superpixels `shown` (B, S); the next call writes over them."""
        count, (height, width) = len(shown), self._size
        if count > len(self._pictures):
            self._pictures = self._pictures.new_empty((count, *self._pictures.shape[1:]))
        pictures = self._pictures[:count]
        if self._device.type == "cpu":  # torch would divide such small work among threads
            rows = (shown.astype(np.float32) @ self._bits.numpy()).astype(np.intp)[:, None] + self._first.numpy()
            np.take(self._table.numpy(), rows, axis=0, out=pictures.numpy(), mode="clip")
        else:
            places = (torch.from_numpy(shown).to(self._device).float() @ self._bits).long()[:, None] + self._first
            torch.index_select(self._table, 0, places.ravel(), out=pictures.view(-1, pictures.shape[-1]))
        whole = pictures.view(count, len(self._first), -1)[:, :, : height * width]
        return whole.view(count, -1, height, width)


def batch_size(given: BatchSize | None, image: Tensor, device: torch.device) -> BatchSize:
    """Return `given`, or how many pictures like `image` a pass takes to begin with.

    On a CPU 5 MB of them, which stay in its cache: of 224 pixels, 8 are composed in a fifth of the time a picture that
    32 take, and networks are about as quick.
    """
    at_once = 256 if device.type != "cpu" else max(8, 5_000_000 // (4 * image.numel()) // 8 * 8)
    return given or BatchSize(at_once, "perturbed pictures")


def logits_of(
    model: nn.Module,
    count: int,
    make: Callable[[slice], Tensor],
    classes: Sequence[int],
    batch: BatchSize,
    precision: Precision,
) -> NDArray[np.float64]:
    """Return the logits (count, K) of `classes` for the pictures that `make` gives for consecutive slices."""
    good = settle_precision(model, count, make, classes, batch, precision)

    def work(part: slice) -> NDArray[np.float64]:
        return np.asarray(logits_with(model, make(part), classes, good).double().cpu().numpy())

    return np.concatenate(list(batch.batches(count, work)))
