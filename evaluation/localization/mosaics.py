"""Mosaics of four piles, two of which show a part: does an explanation of that part stay on those two?"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.errors import BrickbenchError
from core.seeding import Purpose, generator
from dataset.pile_dataset import PileDataset
from evaluation.localization.batch import BoolArray
from training.run.checkpoint import Checkpoint


@dataclass(frozen=True)
class Mosaic:
    """Four pictures of different piles, from the upper left to the lower right."""

    number: int
    class_index: int
    places: tuple[int, int, int, int]
    """Of the pictures in the dataset."""
    shows: tuple[bool, bool, bool, bool]
    """Which of them show the part; two do."""


def plan_mosaics(pictures: PileDataset, count: int, *, seed: int) -> list[Mosaic]:
    """Return `count` mosaics; a longer plan of the same seed begins with the same ones.

    Parts take turns, in an order drawn for each round, so that rare ones count as much as common ones. A mosaic's
    piles are drawn from those with the part and those without it; a pile whose views differ in that is neither.

    Raises:
        BrickbenchError: no part is in two piles and missing in two.
    """
    groups, first = np.unique(pictures.groups, return_index=True)
    targets = pictures.targets.astype(bool)
    shown = np.stack([targets[pictures.groups == group].all(axis=0) for group in groups])  # (groups, C)
    absent = np.stack([~targets[pictures.groups == group].any(axis=0) for group in groups])
    usable = np.flatnonzero((shown.sum(axis=0) >= 2) & (absent.sum(axis=0) >= 2))
    if len(usable) == 0:
        raise BrickbenchError(
            f"Split {pictures.split!r} has no part that two piles show and two do not, as a mosaic needs: "
            "take another split, or render more piles."
        )
    mosaics = []
    for number in range(count):
        turn, place = divmod(number, len(usable))
        class_index = int(generator(seed, turn, Purpose.CONTENT).permutation(usable)[place])
        rng = generator(seed, turn, Purpose.CONTENT, 1 + place)
        having = rng.choice(np.flatnonzero(shown[:, class_index]), 2, replace=False)
        lacking = rng.choice(np.flatnonzero(absent[:, class_index]), 2, replace=False)
        order = rng.permutation(4)
        tiles, shows = np.concatenate([having, lacking])[order], np.array([True, True, False, False])[order]
        a, b, c, d = (int(first[tile]) for tile in tiles)
        e, f, g, h = (bool(each) for each in shows)
        mosaics.append(Mosaic(number, class_index, (a, b, c, d), (e, f, g, h)))
    return mosaics


def mosaic_input(mosaic: Mosaic, pictures: PileDataset, network: Checkpoint, *, shrink: bool) -> Tensor:
    """Return a mosaic as the network takes it, float32: (3, 2S, 2S) of tiles of its input size S, (3, S, S) shrunk."""
    upper_left, upper_right, lower_left, lower_right = (
        network.network_input(pictures.image(place)) for place in mosaic.places
    )
    upper, lower = torch.cat([upper_left, upper_right], dim=2), torch.cat([lower_left, lower_right], dim=2)
    whole = torch.cat([upper, lower], dim=1)
    return torch.nn.functional.avg_pool2d(whole[None], 2)[0] if shrink else whole


def tiles_mask(mosaic: Mosaic, side_px: int) -> BoolArray:
    """Return where the tiles that show the part are on a map of `side_px`, an even number: (side_px, side_px)."""
    return np.kron(np.array(mosaic.shows).reshape(2, 2), np.ones((side_px // 2, side_px // 2))).astype(np.bool_)
