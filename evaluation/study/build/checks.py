"""Pictures for attention checks: a part in plain sight, and room beside the bricks."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cli import count_of
from core.errors import BrickbenchError
from core.seeding import generator
from dataset.pile_dataset import PileDataset
from evaluation.study.build.pictures import check_maps, room_for_check
from evaluation.study.build.sheets import Stream
from evaluation.study.settings import StudySettings

TRIED = 200
"""Pictures among which those with the most room are taken: to decode the masks of all would take minutes."""


@dataclass(frozen=True)
class AttentionCheck:
    """What an attention check shows."""

    picture: int
    """Its index among the dataset's pictures."""
    part_id: str
    target: NDArray[np.float32]
    """(H, W), a disc on the part."""
    decoy: NDArray[np.float32]
    """(H, W), the same disc beside all bricks."""


def choose_checks(pictures: PileDataset, used: Collection[str], settings: StudySettings) -> list[AttentionCheck]:
    """Return `settings.attention` checks, each of another pile.

    Of some pictures drawn by chance those are taken that have the most room; those of the study's own piles only
    where others do not suffice, so that nobody meets an item's picture twice.

    `pictures` are those of the study's split, with masks; `used` are the image_ids of the items.

    Raises:
        BrickbenchError: too few pictures have an outlined part and room beside the bricks.
    """
    if not settings.attention:
        return []
    order = generator(settings.seed, Stream.ATTENTION).permutation(len(pictures))
    groups, known = pictures.groups, set(used)
    taken = {int(groups[index]) for index, image_id in enumerate(pictures.image_ids) if image_id in known}
    tried = sorted(order.tolist(), key=lambda index: int(groups[index]) in taken)[:TRIED]
    possible = []
    for index in tried:
        bricks = pictures.all_bricks_mask(index)
        for part_id, part in pictures.masks(index).items():
            room = room_for_check(part, bricks)
            if room > 1:
                possible.append((int(groups[index]) in taken, -room, index, part_id))
    chosen: dict[int, AttentionCheck] = {}
    for _, _, index, part_id in sorted(possible):
        if len(chosen) == settings.attention or int(groups[index]) in chosen:
            continue
        maps = check_maps(pictures.masks(index)[part_id], pictures.all_bricks_mask(index))
        if maps is not None:
            chosen[int(groups[index])] = AttentionCheck(index, part_id, *maps)
    if len(chosen) < settings.attention:
        raise BrickbenchError(
            f"{count_of(settings.attention, 'attention check')} should be drawn; of the "
            f"{count_of(len(tried), 'picture')} of the split {settings.split} that were looked at, those of "
            f"{count_of(len(chosen), 'pile')} have an outlined part and room beside the bricks. "
            f"For {len(chosen)} or fewer set attention: {len(chosen)} in the settings."
        )
    return list(chosen.values())
