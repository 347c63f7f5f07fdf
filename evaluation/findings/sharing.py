"""Attention that parts share: how much of the map of one part lies on the bricks of another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from dataset.pile_dataset import PileDataset
from evaluation.intervals import FloatArray
from evaluation.resize import resize_maps
from evaluation.statistics.effects import BoolArray
from explain.methods import find_method
from explain.store import Attribution, load_maps


@dataclass(frozen=True)
class Overlap:
    """The map of one part held against the bricks of another that lies in the same picture."""

    pair: int
    """Number of the pair of picture and part that the map explains."""
    other: str
    """part_id of the other part."""
    share: float
    """Of the map's mass that lies on bricks of the other part."""
    area: float
    """Of the picture that those bricks cover."""


def overlaps_of(values: FloatArray, named: str, masks: Mapping[str, BoolArray]) -> list[tuple[str, float, float]]:
    """Return (other part, share of the mass on it, share of the area) of one map, for each other part.

    Args:
        values: (H, W) the map at the size of the masks; negative values count as 0.
        named: the part that the map explains. What lies on its own bricks counts for no other part, as where boxes of
            photos overlap.
        masks: (H, W) by part. A part of which nothing is left is passed over.

    Nothing comes back where the map is not finite or has no positive value.
    """
    if not np.isfinite(values).all():
        return []
    mass = np.maximum(values, 0.0).astype(np.float64)
    total = float(mass.sum())
    if not total > 0:
        return []
    own = masks.get(named, np.zeros(values.shape, dtype=np.bool_))
    overlaps = []
    for part_id, mask in masks.items():
        other = mask & ~own
        if part_id != named and other.any():
            overlaps.append((part_id, float(mass[other].sum()) / total, float(other.mean())))
    return overlaps


def read_overlaps(
    run_folder: Path, pictures: PileDataset, rows: Mapping[int, Attribution], shown: Sequence[bool]
) -> list[Overlap]:
    """Return the overlaps of one method's maps, in the order of their pairs.

    Args:
        run_folder: holds the maps.
        pictures: the dataset, with masks; only bricks of parts that are labels count.
        rows: the map of each pair, by the pair's number.
        shown: whether the part of each pair is a label of its picture; maps of other parts are passed over.
    """
    number_of = {image_id: number for number, image_id in enumerate(pictures.image_ids)}
    masks_of = lru_cache(maxsize=64)(pictures.masks)
    chosen = [(pair, row) for pair, row in rows.items() if shown[pair] and row.image_id in number_of]
    chosen.sort(key=lambda item: (item[1].file, item[1].row))
    overlaps = []
    for (pair, row), values in zip(chosen, load_maps(run_folder, [row for _, row in chosen]), strict=True):
        masks = masks_of(number_of[row.image_id])
        if len(masks) > 1 and row.part_id in masks:
            height, width = masks[row.part_id].shape
            resized = resize_maps(values[None], height, width, find_method(row.method).resize)[0]
            overlaps += [Overlap(pair, *values) for values in overlaps_of(resized, row.part_id, masks)]
    return sorted(overlaps, key=lambda overlap: (overlap.pair, overlap.other))
