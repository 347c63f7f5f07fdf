"""Rendered piles, coloured so that a network can be built that looks at one known thing in them and at nothing else.

Shapes, shading, masks and places are the render's. In every picture there is all that any of the networks looks at, so
that each has to ignore what the others use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError
from core.seeding import Purpose, generator
from dataset.loading.network_input import Image
from dataset.masks import BoolMask
from dataset.pile_dataset import PileDataset

SIDE_PX = 112
"""Of the pictures and of the networks' input: 14 x 14 cells of 8 pixels, or 4 x 4 of 28."""
PATCH_PX = 14
"""Side of the squares that are put on the floor, and diameter of the shadow."""
SMALLEST_SHARE, LARGEST_SHARE = 0.015, 0.3
"""Of the picture, that a part may cover: smaller ones are less than three cells, larger ones leave no floor."""
RED, BLUE, GREEN, MAGENTA = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8), (0.1, 0.8, 0.1), (0.8, 0.1, 0.8)
_SHADES = 0.85, 1.2
_GREYS = 0.55, 0.9
_SHADOW = 0.2
_MARGIN_PX = 4
_KEY = 7
"""Sets these streams apart from others for contents."""

REGIONS = ("first", "second", "patch", "other_patch", "both_patches", "shadow")
"""What may be a network's reason: two parts, squares on the floor and both together, a dark disc on the floor."""


@dataclass(frozen=True)
class Scene:
    """One coloured picture."""

    image: Image
    """(S, S, 3) uint8 RGB."""
    regions: Mapping[str, BoolMask]
    """Each of `REGIONS`, (S, S)."""
    bricks: BoolMask
    """(S, S), all bricks."""


class GoldPictures(PileDataset):
    """Coloured pictures of a dataset: read like any others, with `REGIONS` in the place of parts.

    Attributes:
        scenes: one a picture.
    """

    def __init__(self, root: Path, count: int, *, seed: int = 0, split: str | None = None) -> None:
        """Draw `count` pictures that show two parts and some floor, and colour them.

        Raises:
            BrickbenchError: the dataset has not so many.
        """
        super().__init__(root, split, with_masks=True, sources=("synthetic",))
        order = generator(seed, Purpose.CONTENT, _KEY).permutation(len(self.image_ids))
        chosen: list[int] = []
        scenes: list[Scene] = []
        for index in map(int, order):
            if len(scenes) == count:
                break
            scene = colour(
                super().image(index),
                super().masks(index),
                super().all_bricks_mask(index),
                generator(seed, Purpose.CONTENT, _KEY, index),
            )
            if scene is not None:
                chosen.append(index)
                scenes.append(scene)
        if len(scenes) < count:
            raise BrickbenchError(
                f"{self.root} has {len(scenes)} pictures that show two parts, each on {SMALLEST_SHARE:.1%} to "
                f"{LARGEST_SHARE:.0%} of the picture, and enough floor; {count} were asked for. "
                "Ask for fewer with --pictures, or render more piles of two bricks or more."
            )
        self.scenes = scenes
        self.groups = self.groups[chosen]
        self.image_ids = tuple(self.image_ids[index] for index in chosen)
        self.classes = REGIONS
        self.targets = np.ones((count, len(REGIONS)), dtype=np.float32)

    def image(self, index: int) -> Image:
        """Return picture `index`, coloured, (S, S, 3) uint8 RGB."""
        return self.scenes[index].image

    def masks(self, index: int) -> dict[str, BoolMask]:
        """Return the pixels (S, S) of each region of picture `index`."""
        return dict(self.scenes[index].regions)

    def all_bricks_mask(self, index: int) -> BoolMask:
        """Return where picture `index` shows any brick, (S, S)."""
        return self.scenes[index].bricks


def colour(image: Image, masks: Mapping[str, BoolMask], bricks: BoolMask, rng: np.random.Generator) -> Scene | None:
    """Return a picture in known colours, or None if it lacks two parts of a good size or room on the floor.

    The first part becomes red and the second blue, with their own shading. All else becomes light grey with its own
    texture. On free floor come a green and a magenta square and a dark disc, at places drawn from `rng`.

    Args:
        image: (H, W, 3) uint8 RGB.
        masks: (H, W) of each part, by part_id.
        bricks: (H, W), all bricks.
        rng: of the places.
    """
    pixels = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    large = [mask for mask in (_resized(masks[part]) for part in sorted(masks)) if _fits(mask)]
    if len(large) < 2:
        return None
    first, second = large[0], large[1] & ~large[0]
    occupied = _resized(bricks) | first | second
    regions = {"first": first, "second": second}
    taken = occupied.copy()
    for name in ("patch", "other_patch", "shadow"):
        place = _free_place(taken, rng)
        if place is None:
            return None
        regions[name] = _square(place) if name != "shadow" else _disc(place)
        taken |= _square(place)
    regions["both_patches"] = regions["patch"] | regions["other_patch"]
    brightness = pixels.mean(axis=2)
    grey = _GREYS[0] + (_GREYS[1] - _GREYS[0]) * brightness
    shown = np.repeat(grey[:, :, None], 3, axis=2)
    for name, rgb in (("first", RED), ("second", BLUE)):
        inside = regions[name]
        shade = np.clip(brightness[inside] / max(float(np.median(brightness[inside])), 1e-3), *_SHADES)
        shown[inside] = shade[:, None] * np.array(rgb)
    shown[regions["patch"]], shown[regions["other_patch"]] = GREEN, MAGENTA
    shown[regions["shadow"]] *= _SHADOW
    coloured = np.round(255 * np.clip(shown, 0, 1)).astype(np.uint8)
    return Scene(coloured, {name: regions[name] for name in REGIONS}, occupied)


def _resized(mask: BoolMask) -> BoolMask:
    small = cv2.resize(mask.astype(np.float32), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small > 0.5)


def _fits(mask: BoolMask) -> bool:
    return bool(SMALLEST_SHARE <= mask.mean() <= LARGEST_SHARE)


def _free_place(taken: BoolMask, rng: np.random.Generator) -> tuple[int, int] | None:
    """Return row and column of the upper left corner of a free square, with a margin around it; None if there is none.

    The outermost cell is left out: what lies there is at a disadvantage in every method that smooths.
    """
    side = PATCH_PX + 2 * _MARGIN_PX
    sums = np.pad(taken.astype(np.int64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    rows, columns = np.nonzero(inside == 0)
    if not rows.size:
        return None
    chosen = int(rng.integers(rows.size))
    return int(rows[chosen]) + _MARGIN_PX, int(columns[chosen]) + _MARGIN_PX


def _square(place: tuple[int, int]) -> BoolMask:
    mask: NDArray[np.bool_] = np.zeros((SIDE_PX, SIDE_PX), dtype=np.bool_)
    mask[place[0] : place[0] + PATCH_PX, place[1] : place[1] + PATCH_PX] = True
    return mask


def _disc(place: tuple[int, int]) -> BoolMask:
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX]
    middle = (PATCH_PX - 1) / 2
    distance = (rows - place[0] - middle) ** 2 + (columns - place[1] - middle) ** 2
    return np.asarray(distance <= (PATCH_PX / 2) ** 2)
