"""What a picture truly shows, as metrics take it: the part's pixels and boxes, and the pixels of other bricks."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError
from dataset.index import open_index
from dataset.pile_dataset import PileDataset
from evaluation.localization.batch import BoolArray, IntArray


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
    """Gives the truth of some pictures; rows that ask for one picture after another decode it once."""

    def __init__(self, dataset_root: Path, image_ids: Collection[str]) -> None:
        """Read the boxes of the pictures `image_ids`, which should be in the dataset.

        Raises:
            BrickbenchError: one of them is not.
        """
        self._pictures, self._place_of = _dataset(dataset_root)
        lacking = next((image_id for image_id in image_ids if image_id not in self._place_of), None)
        if lacking is not None:
            raise BrickbenchError(
                f"Picture {lacking!r} of the run is not in the dataset {dataset_root}: "
                "say with -d which dataset was explained."
            )
        self._boxes: dict[tuple[str, str], list[list[int]]] = {}
        with open_index(dataset_root) as index:
            found = index.execute(
                "SELECT image_id, part_id, box_xywh_px FROM instances "
                "WHERE visible_px > 0 AND image_id IN (SELECT unnest(?)) ORDER BY image_id, instance_id",
                [list(image_ids)],
            ).fetchall()
        for image_id, part_id, box in found:
            self._boxes.setdefault((image_id, part_id), []).append(list(box))
        self._decoded = ""
        self._masks: dict[str, BoolArray] = {}
        self._bricks: BoolArray = np.zeros((0, 0), dtype=np.bool_)

    def of(self, image_id: str, part_id: str) -> PartTruth:
        """Return the truth of one part in one picture."""
        if image_id != self._decoded:
            place = self._place_of[image_id]
            self._masks, self._bricks = self._pictures.masks(place), self._pictures.all_bricks_mask(place)
            self._decoded = image_id
        mask = self._masks.get(part_id)
        if mask is None:  # explained because predicted, though it is not there
            mask = np.zeros_like(self._bricks)
        boxes: NDArray[np.int64] = np.array(self._boxes.get((image_id, part_id), []), dtype=np.int64).reshape(-1, 4)
        return PartTruth(mask, self._bricks & ~mask, boxes)


@lru_cache(maxsize=1)
def _dataset(root: Path) -> tuple[PileDataset, dict[str, int]]:
    pictures = PileDataset(root, None, with_masks=True)
    return pictures, {image_id: place for place, image_id in enumerate(pictures.image_ids)}
