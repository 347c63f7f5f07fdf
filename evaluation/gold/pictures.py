"""Rendered piles, coloured so that a network can be built that looks at one known thing in them and at nothing else.

Shapes, shading, masks and places are the render's. In every picture there is all that any of the networks looks at, so
that each has to ignore what the others use.
"""

from collections.abc import Mapping, Sequence
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
COLOURS = {
    "first": (0.8, 0.1, 0.1),
    "second": (0.1, 0.1, 0.8),
    "patch": (0.1, 0.8, 0.1),
    "other_patch": (0.8, 0.1, 0.8),
}
"""Red, blue, green and magenta, by region."""
_SHADES = 0.85, 1.2
_GREYS = 0.55, 0.9
_SHADOW = 0.2
_MARGIN_PX = 4
_KEY = 7
"""Sets these streams apart from others for contents."""

THINGS = ("patch", "other_patch", "shadow")
"""What is put on the floor: two squares, and a dark disc."""
REGIONS = ("first", "second", "patch", "other_patch", "both_patches", "shadow")
"""What may be a network's reason: two parts, squares on the floor and both together, a dark disc on the floor."""


@dataclass(frozen=True)
class Scene:
    """One coloured picture."""

    image: Image
    """(S, S, 3) uint8 RGB."""
    plain: Image
    """(S, S, 3) uint8 RGB, the same without any colour or thing."""
    regions: Mapping[str, BoolMask]
    """Those of `REGIONS` that are there, (S, S)."""
    bricks: BoolMask
    """(S, S), all bricks."""

    def without(self, region: str) -> Image:
        """Return the picture with one region as plain as the rest, (S, S, 3) uint8 RGB."""
        return np.where(self.regions[region][:, :, None], self.plain, self.image)


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

    The first part becomes red and the second blue. On free floor come a green and a magenta square and a dark disc.

    Args:
        image: (H, W, 3) uint8 RGB.
        masks: (H, W) of each part, by part_id.
        bricks: (H, W), all bricks.
        rng: of the places.
    """
    large = large_parts(masks)
    if len(large) < 2:
        return None
    first, second, *_ = large.values()
    return paint(image, {"first": first, "second": second & ~first}, bricks, THINGS, rng)


def large_parts(masks: Mapping[str, BoolMask]) -> dict[str, BoolMask]:
    """Return the masks of the parts that cover neither too little nor too much, (S, S), in the order of part_ids."""
    small = {part: _resized(masks[part]) for part in sorted(masks)}
    return {part: mask for part, mask in small.items() if SMALLEST_SHARE <= mask.mean() <= LARGEST_SHARE}


def paint(
    image: Image, parts: Mapping[str, BoolMask], bricks: BoolMask, things: Sequence[str], rng: np.random.Generator
) -> Scene | None:
    """Return a picture with coloured parts and things on its floor, or None if they have no room.

    Parts keep their own shading. All else becomes light grey with its own texture.

    Args:
        image: (H, W, 3) uint8 RGB.
        parts: (S, S) of ``first`` and ``second``, or of one of them, or none.
        bricks: (H, W), all bricks.
        things: some of `THINGS`.
        rng: of their places.
    """
    occupied = np.logical_or.reduce([_resized(bricks), *parts.values()])
    regions, taken = dict(parts), occupied.copy()
    for name in things:
        place = _free_place(taken, rng)
        if place is None:
            return None
        regions[name] = _square(place) if name != "shadow" else _disc(place)
        taken |= _square(place)
    pixels = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    brightness = pixels.mean(axis=2)
    plain = np.repeat((_GREYS[0] + (_GREYS[1] - _GREYS[0]) * brightness)[:, :, None], 3, axis=2)
    shown = plain.copy()
    for name, inside in regions.items():
        if name in parts:
            shade = np.clip(brightness[inside] / max(float(np.median(brightness[inside])), 1e-3), *_SHADES)
            shown[inside] = shade[:, None] * np.array(COLOURS[name])
        elif name == "shadow":
            shown[inside] *= _SHADOW
        else:
            shown[inside] = COLOURS[name]
    if "patch" in regions and "other_patch" in regions:
        regions["both_patches"] = regions["patch"] | regions["other_patch"]
    ordered = {name: regions[name] for name in REGIONS if name in regions}
    return Scene(_pixels(shown), _pixels(plain), ordered, occupied)


def _pixels(shown: NDArray[np.float64]) -> Image:
    return np.asarray(np.round(255 * np.clip(shown, 0, 1)), dtype=np.uint8)


def _resized(mask: BoolMask) -> BoolMask:
    small = cv2.resize(mask.astype(np.float32), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small > 0.5)


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
