"""Twins: the same pile without all bricks of one part, or with one factor of the picture changed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from core.seeding import Purpose, generator
from render.factors import Difference, changes_of
from render.physics import resettle
from render.pile import SettledPile
from render.settings import RenderSettings


@dataclass(frozen=True)
class Twin:
    """A pile that differs from another in one thing."""

    factor: str
    """``part``, or one of `factor_twins`."""

    mode: str
    """Of a part: ``removed``, everything else is where it was; ``resettled``, it has moved on from there. Of all else
    ``changed`` or ``gone``."""

    settled: SettledPile
    part_id: str | None
    """Whose bricks, colour or shadow it is."""

    differences: tuple[Difference, ...]
    """What was there and what became of it in each view."""

    name: str
    """Ends the image_id of its pictures; of another floor or light, what became of it does."""

    @property
    def removed_part_id(self) -> str | None:
        """The part whose bricks are gone."""
        return self.part_id if self.factor == "part" else None

    def ending(self, view_index: int) -> str:
        """Return what its picture's image_id has behind that of the original."""
        return self.name or f"{self.factor}-{self.differences[view_index].became}"


def twins_of(settled: SettledPile, settings: RenderSettings) -> Iterator[Twin]:
    """Yield the twins that the settings ask for: first without parts, then those of other factors.

    A pile of one single part has a twin that is empty floor.
    """
    yield from _without_parts(settled, settings)
    for change in changes_of(settled, settings):
        mode = "gone" if change.factor in ("thing", "shadow") else "changed"
        whose = change.part_id if change.thing is None else change.thing
        name = f"{change.factor}-{whose}" if whose is not None else ""
        yield Twin(change.factor, mode, change.settled, change.part_id, change.differences, name)


def _without_parts(settled: SettledPile, settings: RenderSettings) -> Iterator[Twin]:
    if settings.twins == "none":
        return
    pile = settled.pile
    part_ids = sorted({brick.part_id for brick in pile.bricks})
    if len(part_ids) > settings.twins_max:
        rng = generator(pile.seed, pile.pile_index, Purpose.TWINS)
        part_ids = sorted(rng.choice(part_ids, size=settings.twins_max, replace=False).tolist())
    for part_id in part_ids:
        left = tuple(k for k, brick in enumerate(pile.bricks) if brick.part_id != part_id)
        twin = replace(settled, present=left)
        if settings.twins == "resettled" and twin.things():
            twin = resettle(twin)
        nothing = (Difference(None, None),) * len(pile.views)
        yield Twin("part", settings.twins, twin, part_id, nothing, f"{settings.twins}-{part_id}")


def with_bricks_of(
    original: NDArray[np.float32], radiance: NDArray[np.float32], mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the radiance (H, W, 3) of a twin in which bricks cast no shadow, with them as they are in the original.

    Light that falls through a brick also falls into its own corners. So the original's pixels stay within `mask`,
    (H, W), where these bricks are seen, but for the pixels at its border, which show some floor.
    """
    inside = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.where(inside[:, :, None], original, radiance)
