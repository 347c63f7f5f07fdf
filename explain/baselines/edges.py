"""Edge strength of the picture: what a map scores that merely traces outlines."""

from collections.abc import Sequence

import numpy as np
from skimage.color import rgb2gray
from skimage.filters import sobel
from torch import Tensor, nn

from explain.protocol import FloatMaps, MethodRow, PictureSettings, check_request, to_picture


class Edges:
    """Strength of the picture's own edges: what a map shows that merely traces outlines."""

    def __init__(self, _model: nn.Module, settings: PictureSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return the Sobel magnitude of the grey picture, as `explain.protocol.Method` says."""
        check_request(images, classes)
        strengths = [self._strength(image) for image in images]
        return [np.repeat(found[None], len(wanted), axis=0) for found, wanted in zip(strengths, classes, strict=True)]

    def _strength(self, image: Tensor) -> FloatMaps:
        found = sobel(rgb2gray(to_picture(image, self.settings)))  # type: ignore[no-untyped-call]
        return np.asarray(found, dtype=np.float32)


ROW = MethodRow(
    "edges", "Edges", "baseline", "baseline", Edges, PictureSettings, "bilinear", signed=False, images_at_once=16,
    cost="none", source="Sobel; as in Adebayo et al. 2018", note="traces outlines without knowing the network",
)  # fmt: skip
