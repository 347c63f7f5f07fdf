"""From a picture to what a network takes: resized, varied when training, normalised."""

import os
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from training.settings import AugmentSettings

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else the import below asks the network for a newer version

import albumentations
import cv2
from albumentations.pytorch import ToTensorV2

Image = npt.NDArray[np.uint8]


def resize_transform(input_size_px: int) -> albumentations.Compose:
    """Return the transform to (input_size_px, input_size_px, 3) uint8; a picture of that size passes unchanged.

    Pictures that are not square are squeezed, not cut, so that every brick stays in the picture and a map is laid
    over the picture by resizing alone. Shrinking averages over areas, which leaves no moiré of studs.
    """
    return albumentations.Compose([_resize(input_size_px)])


def eval_transform(input_size_px: int, mean: Sequence[float], std: Sequence[float]) -> albumentations.Compose:
    """Return the transform from (H, W, 3) uint8 RGB to a (3, S, S) float32 tensor, the same for every call.

    Args:
        input_size_px: S, the side of the square.
        mean: per channel, of pictures scaled to 0..1; taken off first.
        std: per channel, of pictures scaled to 0..1; divided by.
    """
    return albumentations.Compose([_resize(input_size_px), *_to_network(mean, std)])


def train_transform(
    input_size_px: int, mean: Sequence[float], std: Sequence[float], augment: AugmentSettings
) -> albumentations.Compose:
    """Return the transform of `eval_transform` with the variations of `augment` between resizing and normalising.

    It draws from the generators that `seed_transform` gives it.
    """
    steps: list[Any] = [_resize(input_size_px)]
    if augment.enabled:
        if augment.flips:
            steps.append(albumentations.HorizontalFlip(p=0.5))
        if augment.quarter_turns:
            steps.append(albumentations.RandomRotate90(p=1.0))
        if augment.rotate_deg or augment.zoom > 1:
            steps.append(
                albumentations.Affine(
                    rotate=(-augment.rotate_deg, augment.rotate_deg),
                    scale=(1 / augment.zoom, augment.zoom),
                    border_mode=cv2.BORDER_REFLECT_101,
                    p=0.75,  # a quarter stays unwarped, as sharp as the pictures of validation
                )
            )
        if augment.brightness:
            limits = (-augment.brightness, augment.brightness)
            steps.append(
                albumentations.RandomBrightnessContrast(brightness_limit=limits, contrast_limit=limits, p=0.75)
            )
        if augment.hue or augment.saturation:
            hue, saturation = (-augment.hue, augment.hue), (-augment.saturation, augment.saturation)
            steps.append(albumentations.HueSaturationValue(hue, saturation, val_shift_limit=(0, 0), p=0.5))
    return albumentations.Compose([*steps, *_to_network(mean, std)])


def seed_transform(transform: albumentations.Compose, numbers: np.random.Generator) -> None:
    """Make every step of `transform` draw from `numbers` alone.

    Albumentations' own ``set_random_seed`` gives each step the same stream, which would tie brightness to rotation.
    """
    plain = random.Random(int(numbers.integers(2**63)))
    for step in (transform, *transform.transforms):
        step.set_random_state(numbers, plain)


def network_input(image: Image, input_size_px: int, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return one picture, (H, W, 3) uint8 RGB, as a network takes it: (3, S, S) float32, normalised."""
    tensor = _cached_eval(input_size_px, tuple(mean), tuple(std))(image=image)["image"]
    assert isinstance(tensor, Tensor)
    return tensor


@lru_cache(maxsize=8)
def _cached_eval(input_size_px: int, mean: tuple[float, ...], std: tuple[float, ...]) -> albumentations.Compose:
    return eval_transform(input_size_px, mean, std)


def _resize(input_size_px: int) -> Any:
    return albumentations.Resize(
        input_size_px, input_size_px, interpolation=cv2.INTER_LINEAR, area_for_downscale="image"
    )


def _to_network(mean: Sequence[float], std: Sequence[float]) -> list[Any]:
    return [albumentations.Normalize(mean=tuple(mean), std=tuple(std), max_pixel_value=255.0), ToTensorV2()]
