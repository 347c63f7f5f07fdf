"""Edge strength of the picture: what a map scores that merely traces outlines."""

import numpy as np
from skimage.color import rgb2gray
from skimage.filters import sobel
from torch import Tensor

from explain.protocol import FloatMaps, MethodRow, PictureByPicture, PictureSettings, to_picture


class Edges(PictureByPicture[PictureSettings]):
    """Strength of the picture's own edges: what a map shows that merely traces outlines."""

    def explain_picture(self, image: Tensor, classes: list[int]) -> FloatMaps:
        """Return the Sobel magnitude of the grey picture, the same for each class."""
        strength = sobel(rgb2gray(to_picture(image, self.settings)))  # type: ignore[no-untyped-call]
        return np.repeat(np.asarray(strength, dtype=np.float32)[None], len(classes), axis=0)


ROW = MethodRow(
    "edges", "Edges", "baseline", "baseline", Edges, PictureSettings, "bilinear", signed=False, images_at_once=16,
    cost="none", source="Sobel; as in Adebayo et al. 2018", note="traces outlines without knowing the network",
)  # fmt: skip
