"""What a picture truly shows, as metrics take it: the part's pixels and boxes, and the pixels of other bricks."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError
from dataset.dataset_folder import DatasetFolder
from evaluation.localization.batch import IntArray
from evaluation.measure import BoolArray


@dataclass(frozen=True)
class PartTruth:
    """One part in one picture."""

    mask: BoolArray
    """(H, W), all bricks of the part together; empty where the picture does not have its label."""
    others: BoolArray
    """(H, W), bricks of other parts."""
    boxes: IntArray
    """(B, 4) x, y, width, height in px, tight around the visible pixels of each brick of the part."""


class TruthReader:
    """Gives the truth of a dataset's pictures; rows that ask for one picture after another decode it once."""

    def __init__(self, dataset: DatasetFolder) -> None:
        """Take the dataset that was explained."""
        self._dataset = dataset
        self._pictures = dataset.pictures(None, with_masks=True)
        self._index_of = {image_id: index for index, image_id in enumerate(self._pictures.image_ids)}
        self._boxes: dict[tuple[str, str], list[list[int]]] = {}
        self._decoded = ""
        self._masks: dict[str, BoolArray] = {}
        self._bricks: BoolArray = np.zeros((0, 0), dtype=np.bool_)

    def read_boxes(self, image_ids: Collection[str]) -> None:
        """Read the boxes of the pictures `image_ids`, which are asked for next.

        Raises:
            BrickbenchError: one of them is not in the dataset.
        """
        lacking = next((image_id for image_id in image_ids if image_id not in self._index_of), None)
        if lacking is not None:
            raise BrickbenchError(
                f"Picture {lacking!r} of the run is not in the dataset {self._dataset.root}: "
                "say with -d which dataset was explained."
            )
        self._boxes = {}
        for image_id, part_id, box in self._dataset.query(
            "SELECT image_id, part_id, box_xywh_px FROM instances "
            "WHERE visible_px > 0 AND image_id IN (SELECT unnest(?)) ORDER BY image_id, instance_id",
            [list(image_ids)],
        ):
            self._boxes.setdefault((image_id, part_id), []).append(list(box))

    def of(self, image_id: str, part_id: str) -> PartTruth:
        """Return the truth of one part in one picture."""
        if image_id != self._decoded:
            index = self._index_of[image_id]
            self._masks, self._bricks = self._pictures.masks(index), self._pictures.all_bricks_mask(index)
            self._decoded = image_id
        mask = self._masks.get(part_id)
        if mask is None:  # explained because predicted, though it is not there
            mask = np.zeros_like(self._bricks)
        boxes: NDArray[np.int64] = np.array(self._boxes.get((image_id, part_id), []), dtype=np.int64).reshape(-1, 4)
        return PartTruth(mask, self._bricks & ~mask, boxes)
