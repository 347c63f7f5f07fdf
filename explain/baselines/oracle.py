"""The mask itself as a map: the score that a perfect explanation would get."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import BrickbenchError
from dataset.pile_dataset import PileDataset
from explain.protocol import FloatMaps, Masks, MethodRow, NoSettings, check_request


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


ROW = MethodRow(
    "oracle", "Oracle mask", "oracle", "baseline", Oracle, NoSettings, "bilinear", signed=False, images_at_once=16,
    cost="none", source="the ground truth", needs_masks=True,
    note="the most that a map can score; it is shown the answer and never ranked",
)  # fmt: skip
