"""Maps that know nothing of the network, and one that knows the answer: what explanations are held against."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.color import rgb2gray
from skimage.filters import sobel
from torch import Tensor, nn

from core.errors import BrickbenchError
from core.seeding import Purpose, generator
from core.settings import Settings
from dataset.pile_dataset import PileDataset
from explain.checks import check_request
from explain.protocol import (
    FloatMaps,
    Masks,
    MethodRow,
    NoSettings,
    PictureByPicture,
    PictureSettings,
    image_key,
    to_picture,
)


class RandomSettings(Settings):
    """Which noise."""

    seed: int = Field(0, ge=0)
    """Of the noise; together with the picture's content and the class it decides the map."""


class RandomNoise(PictureByPicture[RandomSettings]):
    """Independent uniform noise in every pixel, another for each picture and class."""

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return noise at the size of the picture, another for each class."""
        key = image_key(image)
        maps = np.zeros((len(classes), *image.shape[1:]), dtype=np.float32)
        for noise, index in zip(maps, classes, strict=True):
            noise[:] = generator(self.settings.seed, Purpose.BASELINE, key, index).random(image.shape[1:])
        return maps


class CenterGaussianSettings(Settings):
    """How wide the bump is."""

    sigma_share: float = Field(0.25, gt=0)
    """Standard deviation as a share of the picture's width and height; a quarter puts 91 % of the mass within it."""


class CenterGaussian(PictureByPicture[CenterGaussianSettings]):
    """A bump in the middle of the picture, where photographers and renderers put things."""

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return the bump at the size of the picture, the same for each class."""
        rows, columns = (
            np.exp(-0.5 * (((np.arange(size) + 0.5) / size - 0.5) / self.settings.sigma_share) ** 2)
            for size in image.shape[1:]
        )
        return np.repeat(np.outer(rows, columns).astype(np.float32)[None], len(classes), axis=0)


class Edges(PictureByPicture[PictureSettings]):
    """Strength of the picture's own edges: what a map shows that merely traces outlines."""

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return the Sobel magnitude of the grey picture, the same for each class."""
        strength = sobel(rgb2gray(to_picture(image, self.settings)))  # type: ignore[no-untyped-call]
        return np.repeat(np.asarray(strength, dtype=np.float32)[None], len(classes), axis=0)


class Brightness(PictureByPicture[PictureSettings]):
    """Luminance of each pixel, 0 to 1."""

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return the luminance at the size of the picture, the same for each class."""
        luminance = np.asarray(rgb2gray(to_picture(image, self.settings)), dtype=np.float32)
        return np.repeat(luminance[None], len(classes), axis=0)


class Uniform:
    """The same value everywhere, as a single cell: it scores what a metric gives for nothing."""

    def __init__(self, _model: nn.Module, settings: NoSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return maps of one cell, (K, 1, 1), as `explain.protocol.Method` says."""
        check_request(images, classes)
        return [np.ones((len(asked), 1, 1), dtype=np.float32) for asked in classes]


class Oracle:
    """1 on the visible pixels of the class, 0 elsewhere: it is given the answer, and is no method."""

    def __init__(self, _model: nn.Module, settings: NoSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(
        self,
        images: Tensor,
        classes: Sequence[Sequence[int]],
        masks: Masks | None = None,
    ) -> list[FloatMaps]:
        """Return the masks, brought to the size of the input by averaging areas.

        Args:
            images: (N, 3, H, W).
            classes: for each image the class indices.
            masks: for each image the mask of each class in the same order, at any size.

        Raises:
            BrickbenchError: no masks came, or not one for each class.
        """
        check_request(images, classes)
        if masks is None or [len(one) for one in masks] != [len(asked) for asked in classes]:
            raise BrickbenchError(
                "The oracle needs the mask of each class asked for: run it with `brickbench explain run`, which knows "
                "them, or give `masks`."
            )
        height, width = images.shape[2:]
        maps = [np.zeros((len(asked), height, width), dtype=np.float32) for asked in classes]
        for of_image, given in zip(maps, masks, strict=True):
            for values, mask in zip(of_image, given, strict=True):
                values[:] = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        return maps


def class_masks(pictures: PileDataset, index: int, part_ids: Sequence[str]) -> list[NDArray[np.bool_]]:
    """Return the mask of each part in picture `index` of `pictures`, all False of a part that is not in it."""
    masks = pictures.masks(index)
    nowhere = np.zeros_like(pictures.all_bricks_mask(index))
    return [masks.get(part, nowhere) for part in part_ids]


ROWS = (
    MethodRow(
        "random", "Random noise", "baseline", "baseline", RandomNoise, RandomSettings, "nearest", signed=False,
        images_at_once=16, cost="none", source="uniform noise", note="what chance looks like",
    ),
    MethodRow(
        "center_gaussian", "Centre Gaussian", "baseline", "baseline", CenterGaussian, CenterGaussianSettings,
        "bilinear", signed=False, images_at_once=16, cost="none",
        source="centre bias, as in saliency benchmarks (Judd et al. 2012)",
        note="beats chance where piles lie in the middle",
    ),
    MethodRow(
        "edges", "Edges", "baseline", "baseline", Edges, PictureSettings, "bilinear", signed=False, images_at_once=16,
        cost="none", source="Sobel; as in Adebayo et al. 2018", note="traces outlines without knowing the network",
    ),
    MethodRow(
        "brightness", "Brightness", "baseline", "baseline", Brightness, PictureSettings, "bilinear", signed=False,
        images_at_once=16, cost="none", source="luminance by ITU-R BT.709",
        note="beats chance where bricks are lighter than the floor, and falls below it where they are darker",
    ),
    MethodRow(
        "uniform", "Uniform", "baseline", "baseline", Uniform, NoSettings, "nearest", signed=False, images_at_once=16,
        cost="none", source="a constant", note="what each metric gives for nothing",
    ),
    MethodRow(
        "oracle", "Oracle mask", "oracle", "baseline", Oracle, NoSettings, "bilinear", signed=False, images_at_once=16,
        cost="none", source="the ground truth", needs_masks=True,
        note="the most that a map can score; it is shown the answer and never ranked",
    ),
)  # fmt: skip
"""In the order of tables."""
