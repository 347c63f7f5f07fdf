"""Twins: the same pile without all bricks of one part, everything else in its place or settled again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.seeding import Purpose, generator
from render.physics import resettle
from render.pile import SettledPile
from render.settings import RenderSettings


@dataclass(frozen=True)
class Twin:
    """A pile from which one part was taken away."""

    removed_part_id: str
    mode: str
    """``removed``: everything else is where it was; ``resettled``: it has moved on from there."""

    settled: SettledPile


def twins_of(settled: SettledPile, settings: RenderSettings) -> Iterator[Twin]:
    """Yield the twins that the settings ask for; a pile of one single part has a twin that is empty floor."""
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
        yield Twin(part_id, settings.twins, twin)
