"""Augmentation settings turned into a pipeline whose result is a pure function of picture and generator."""

import random
from typing import Any, NamedTuple

import albumentations
import cv2
import numpy as np

from dataset.loading.augment import AugmentSettings
from dataset.loading.backgrounds import Backgrounds, PasteOnBackground
from dataset.loading.bricks import BrickMap
from dataset.loading.effects import Colour, SensorNoise, SoftShadow
from dataset.loading.viewpoint import Matrix, Viewpoint
from dataset.pictures import Image


class Varied(NamedTuple):
    """A picture that was varied."""

    image: Image
    """(S, S, 3) uint8"""
    brick_map: BrickMap | None
    """(S, S), seen from the same place; None if none was given or wanted."""
    matrix: Matrix
    """What moved: from pixels of the picture given to those of this one."""


def pipeline(settings: AugmentSettings, size_px: int, *, crop: bool = True) -> albumentations.Compose:
    """Return the steps of `settings` after pasting, in the order of a camera: viewpoint, light, lens, sensor, file.

    It takes ``image`` (H, W, 3) uint8 and ``mask`` (H, W) of integers or None, gives both at (size_px, size_px), and
    holds only the steps that `settings` turn on; without `crop`, for pictures of which it is not known where their
    bricks are, no crops.
    """
    steps: list[Any] = [Viewpoint(settings, size_px, crop=crop)]
    if settings.shadows:
        steps.append(SoftShadow(p=settings.shadows))
    if settings.brightness or settings.hue_deg or settings.saturation or settings.white_balance:
        steps.append(Colour(settings))
    if settings.blur:
        sigma = settings.blur * size_px / 224
        longest = 2 * round(1.5 * sigma) + 3  # a box of this length blurs about as much as the largest sigma
        steps.append(
            albumentations.OneOf(
                [
                    albumentations.GaussianBlur(sigma_limit=(0.2 * sigma, sigma), blur_limit=0),
                    albumentations.MotionBlur(blur_limit=(3, longest)),
                ],
                p=1 / 3,
            )
        )
    if settings.noise:
        steps.append(SensorNoise(settings.noise))
    if settings.jpeg_quality_min < 100:
        lowest = settings.jpeg_quality_min
        steps.append(albumentations.ImageCompression(quality_range=(lowest, max(lowest, 95)), p=0.5))
    return albumentations.Compose(steps, is_check_shapes=False)


class Variation:
    """Varies pictures as settings say; each call draws from the generator it is given, and remembers nothing."""

    def __init__(self, settings: AugmentSettings, size_px: int, backgrounds: Backgrounds | None = None) -> None:
        """Take what may be drawn, the side S of results, and floors to paste bricks on."""
        self._cropping = pipeline(settings, size_px)
        self._whole = pipeline(settings, size_px, crop=False)
        self._paste = None
        if settings.paste and backgrounds is not None:
            self._paste = PasteOnBackground(backgrounds, p=settings.paste)

    def __call__(
        self,
        image: Image,
        numbers: np.random.Generator,
        brick_map: BrickMap | None = None,
        *,
        crop: bool = True,
        keep_map: bool = True,
    ) -> Varied:
        """Return `image`, (H, W, 3) uint8, varied; `numbers` decide everything that is drawn.

        The `brick_map`, (H, W), goes the same way, unless `keep_map` is False, which saves moving it.
        """
        steps = self._cropping if crop else self._whole
        # Albumentations' own seeding gives each step the same stream, which would tie brightness to rotation.
        plain = random.Random(int(numbers.integers(2**63)))
        if self._paste is not None:
            self._paste.set_random_state(numbers, plain)
            image = self._paste(image=image, mask=brick_map)["image"]
        steps.set_random_state(numbers, plain)
        result = steps(image=image, mask=brick_map if keep_map else None)
        return Varied(result["image"], result["mask"], steps.transforms[0].params["matrix"])


def one_thread(_worker: int = 0) -> None:
    """Keep OpenCV to one thread in this process: each worker is one; OpenCV would start one a core in each of them."""
    cv2.setNumThreads(0)
