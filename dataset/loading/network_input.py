"""From a picture to what a network takes: resized and normalised, the same in training and afterwards."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Image = npt.NDArray[np.uint8]

# As most of timm's networks expect them, of pictures scaled to 0..1.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

RESIZE_RULE = "area"
"""Name of how `resize_picture` works; a packed cache made by another rule is not used."""


def resize_picture(image: Image, size_px: int) -> Image:
    """Return `image` as (size_px, size_px, 3) uint8; a picture of that size passes unchanged.

    Pictures that are not square are squeezed, not cut, so that every brick stays in the picture and a map is laid
    over the picture by resizing alone. Shrinking averages over areas, which leaves no moiré of studs.
    """
    height, width = image.shape[:2]
    if (height, width) == (size_px, size_px):
        return image
    shrinks = size_px < height or size_px < width
    resized = cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


class Normalizer:
    """Turns uint8 pictures into normalised floats, in one pass: a table holds the result for each of 256 values."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Take mean and standard deviation of each channel, of pictures scaled to 0..1."""
        values = np.arange(256, dtype=np.float64)[:, None] / 255
        self._table = ((values - np.asarray(mean)) / np.asarray(std)).astype(np.float32)[None]  # (1, 256, 3)
        self._there: dict[torch.device, Tensor] = {}  # copied to a device once: each copy makes the host wait for it

    def into(self, image: Image, out: npt.NDArray[np.float32]) -> None:
        """Write `image`, (H, W, 3) uint8, normalised into `out`, (H, W, 3) float32."""
        cv2.LUT(image, self._table, out)

    def batch(self, images: Tensor, device: torch.device) -> Tensor:
        """Return `images`, (N, S, S, 3) uint8, as (N, 3, S, S) float32 on `device`, channels last in memory.

        A GPU gets the bytes, a quarter of the floats, and normalises them itself.
        """
        if device.type != "cpu":
            if device not in self._there:
                self._there[device] = torch.from_numpy(self._table[0]).to(device)
            table = self._there[device]
            moved = images.to(device, non_blocking=True).float()
            return torch.addcmul(table[0], moved, (table[255] - table[0]) / 255).permute(0, 3, 1, 2)
        out = torch.empty(images.shape, dtype=torch.float32)
        for image, normalised in zip(images.numpy(), out.numpy(), strict=True):
            self.into(image, normalised)
        return out.permute(0, 3, 1, 2)


def empty_pictures(count: int, size_px: int, *, shared: bool) -> Tensor:
    """Return a tensor (count, size_px, size_px, 3) uint8 to be filled.

    If `shared`, in memory that another process can take over, so that a batch is not copied on its way there.
    """
    shape = (count, size_px, size_px, 3)
    if not shared:
        return torch.empty(shape, dtype=torch.uint8)
    storage = torch.UntypedStorage._new_shared(math.prod(shape))  # type: ignore[no-untyped-call]
    filled: Tensor = torch.empty(0, dtype=torch.uint8).set_(storage, 0, shape)  # type: ignore[call-overload]
    return filled


def network_input(image: Image, input_size_px: int, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return one picture, (H, W, 3) uint8 RGB, as a network takes it: (3, S, S) float32, normalised.

    Of pictures scaled to 0..1, `mean` is taken off each channel first, then it is divided by `std`.
    """
    out = np.empty((input_size_px, input_size_px, 3), dtype=np.float32)
    _normalizer(tuple(mean), tuple(std)).into(resize_picture(image, input_size_px), out)
    return torch.from_numpy(out).permute(2, 0, 1).contiguous()


def eval_transform(input_size_px: int, mean: Sequence[float], std: Sequence[float]) -> Callable[..., dict[str, Any]]:
    """Return `network_input` as the transform of a ``PileDataset``: ``transform(image=image)["image"]``."""
    return partial(_transformed, input_size_px=input_size_px, mean=tuple(mean), std=tuple(std))


def _transformed(
    *, image: Image, input_size_px: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> dict[str, Any]:
    return {"image": network_input(image, input_size_px, mean, std)}


@lru_cache(maxsize=8)
def _normalizer(mean: tuple[float, ...], std: tuple[float, ...]) -> Normalizer:
    return Normalizer(mean, std)
