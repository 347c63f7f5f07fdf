"""The pictures that a network labels worst, as thumbnails with what it missed and what it invented."""

from dataclasses import dataclass

import cv2
import numpy as np

from core.pages import data_uri
from training.validation.labelled_split import Validation
from training.validation.metrics import FloatArray

SIDE_PX = 240


@dataclass(frozen=True)
class Mistake:
    """One picture with the names of its parts."""

    image_id: str
    uri: str
    width: int
    height: int
    found: tuple[str, ...]
    missed: tuple[str, ...]
    invented: tuple[str, ...]


def worst_pictures(validation: Validation, thresholds: FloatArray, count: int = 12) -> list[Mistake]:
    """Return the pictures with most parts missed or invented, one of each group, those most surely wrong first.

    A part counts as claimed above its logit in `thresholds` (C,). A picture without a mistake is never shown.
    """
    distance = validation.logits - thresholds
    truth, claimed = validation.targets > 0.5, distance > 0
    wrong = truth != claimed
    mistakes, sureness = wrong.sum(axis=1), np.where(wrong, np.abs(distance), 0.0).sum(axis=1)
    chosen: list[int] = []
    seen: set[int] = set()
    for row in np.lexsort((-sureness, -mistakes)):
        group = int(validation.groups[row])
        if mistakes[row] and group not in seen and len(chosen) < count:
            seen.add(group)
            chosen.append(int(row))
    names = np.array(validation.part_names, dtype=object)
    shown = []
    for row in chosen:
        picture = validation.pictures.image(row)
        height, width = picture.shape[:2]
        shrink = min(SIDE_PX / max(height, width), 1.0)
        size = (max(round(width * shrink), 1), max(round(height * shrink), 1))
        small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        shown.append(
            Mistake(
                image_id=validation.pictures.image_ids[row],
                uri=data_uri(small),
                width=size[0],
                height=size[1],
                found=tuple(names[truth[row] & claimed[row]]),
                missed=tuple(names[truth[row] & ~claimed[row]]),
                invented=tuple(names[~truth[row] & claimed[row]]),
            )
        )
    return shown
