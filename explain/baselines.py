"""Maps that know nothing of the network: what an explanation has to beat."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.color import rgb2gray
from skimage.filters import sobel
from torch import Tensor, nn

from core.seeding import Purpose, generator
from core.settings import Settings
from explain.protocol import FloatMaps, PictureSettings, check_request, to_picture


class RandomSettings(Settings):
    """Which noise."""

    seed: int = Field(0, ge=0)
    """Of the noise; together with the picture's content and the class it decides the map."""


class RandomBaseline:
    """Independent uniform noise in every pixel, another for each picture and class."""

    def __init__(self, _model: nn.Module, settings: RandomSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return noise at the size of the input, as `explain.protocol.Method` says."""
        check_request(images, classes)
        return [self._noise(image, wanted) for image, wanted in zip(images, classes, strict=True)]

    def _noise(self, image: Tensor, classes: Sequence[int]) -> FloatMaps:
        # Keyed by content, since a method is not told names: the same picture has the same noise in any batch.
        digest = hashlib.sha256(image.detach().cpu().contiguous().numpy().tobytes()).digest()
        key = int.from_bytes(digest[:8], "big")
        maps = np.zeros((len(classes), *image.shape[1:]), dtype=np.float32)
        for place, index in enumerate(classes):
            maps[place] = generator(self.settings.seed, Purpose.BASELINE, key, index).random(image.shape[1:])
        return maps


class CenterGaussianSettings(Settings):
    """How wide the bump is."""

    sigma_share: float = Field(0.25, gt=0)
    """Standard deviation as a share of the picture's width and height; a quarter puts 91 % of the mass within it."""


class CenterGaussian:
    """A bump in the middle of the picture, where photographers and renderers put things."""

    def __init__(self, _model: nn.Module, settings: CenterGaussianSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return the bump at the size of the input, as `explain.protocol.Method` says."""
        check_request(images, classes)
        rows, columns = (
            np.exp(-0.5 * (((np.arange(size) + 0.5) / size - 0.5) / self.settings.sigma_share) ** 2)
            for size in images.shape[2:]
        )
        bump = np.outer(rows, columns).astype(np.float32)
        return [np.repeat(bump[None], len(wanted), axis=0) for wanted in classes]


class Edges:
    """Strength of the picture's own edges: what a map shows that merely traces outlines."""

    def __init__(self, _model: nn.Module, settings: PictureSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return the Sobel magnitude of the grey picture, as `explain.protocol.Method` says."""
        check_request(images, classes)
        strengths = [_edge_strength(to_picture(image, self.settings)) for image in images]
        return [np.repeat(found[None], len(wanted), axis=0) for found, wanted in zip(strengths, classes, strict=True)]


def _edge_strength(picture: NDArray[np.float64]) -> FloatMaps:
    found = sobel(rgb2gray(picture))  # type: ignore[no-untyped-call]
    return np.asarray(found, dtype=np.float32)


class UniformSettings(Settings):
    """Nothing to set."""


class Uniform:
    """The same value everywhere, as a single cell: it scores what a metric gives for nothing."""

    def __init__(self, _model: nn.Module, settings: UniformSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return maps of one cell, (K, 1, 1), as `explain.protocol.Method` says."""
        check_request(images, classes)
        return [np.ones((len(wanted), 1, 1), dtype=np.float32) for wanted in classes]
