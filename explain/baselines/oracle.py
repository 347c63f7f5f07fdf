"""The mask itself as a map: the score that a perfect explanation would get."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import BrickbenchError
from explain.protocol import FloatMaps, MethodRow, NoSettings, check_request


class Oracle:
    """1 on the visible pixels of the class, 0 elsewhere: it is given the answer, and is no method."""

    def __init__(self, _model: nn.Module, settings: NoSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(
        self,
        images: Tensor,
        classes: Sequence[Sequence[int]],
        masks: Sequence[Sequence[NDArray[np.bool_]]] | None = None,
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
        if masks is None or [len(one) for one in masks] != [len(wanted) for wanted in classes]:
            raise BrickbenchError(
                "The oracle needs the mask of each class asked for: run it with `brickbench explain run`, which knows "
                "them, or give `masks`."
            )
        height, width = images.shape[2:]
        maps = [np.zeros((len(wanted), height, width), dtype=np.float32) for wanted in classes]
        for found, given in zip(maps, masks, strict=True):
            for place, mask in enumerate(given):
                found[place] = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        return maps


ROW = MethodRow(
    "oracle", "Oracle mask", "oracle", "baseline", Oracle, NoSettings, "bilinear", signed=False, images_at_once=16,
    cost="none", source="the ground truth",
    note="the most that a map can score; it is shown the answer and never ranked",
)  # fmt: skip
