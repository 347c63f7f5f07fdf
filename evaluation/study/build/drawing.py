"""Items with their pictures: each drawn once, under a name that tells nothing."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from core.progress import Progress
from dataset.pile_dataset import PileDataset
from evaluation.study.build.checks import AttentionCheck
from evaluation.study.build.pictures import draw_explanation, draw_picture
from evaluation.study.build.public_files import ENDING, Namer, encode
from evaluation.study.build.selection import Candidate
from evaluation.study.build.sheets import DECOY, TARGET
from evaluation.study.key import Item
from evaluation.study.settings import StudySettings
from explain.draw import Picture, Resize
from explain.methods import METHODS
from explain.store import load_maps
from training.run.run import Run

Maps = Mapping[str, tuple[NDArray[Any], Resize]]
"""Raw maps by name, with how each is brought to the picture's size."""


@dataclass
class DrawnItems:
    """Items of a study, and the files of their pictures."""

    namer: Namer
    size_px: int
    items: list[Item] = field(default_factory=list)
    checks: list[Item] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    """Content by name."""

    def draw(self, item_id: str, image_id: str, part_id: str, picture: Picture, maps: Maps, **more: Any) -> Item:
        """Draw a picture and maps of it; return the item that they make, of which `more` is known."""
        return Item(
            item_id=item_id,
            image_id=image_id,
            part_id=part_id,
            picture=self._add(draw_picture(picture, self.size_px), item_id, "picture"),
            explanations={
                name: self._add(draw_explanation(picture, values, resize=resize, size_px=self.size_px), item_id, name)
                for name, (values, resize) in maps.items()
            },
            **more,
        )

    def _add(self, picture: Picture, *what: str) -> str:
        name = self.namer.name(*what) + ENDING
        self.files[name] = encode(picture)
        return name


def draw_items(
    run: Run,
    settings: StudySettings,
    chosen: Sequence[Candidate],
    checks: Sequence[AttentionCheck],
    pictures: PileDataset,
) -> DrawnItems:
    """Return the items of a study, ``i001`` and so on, and of its attention checks, ``a01`` and so on, drawn.

    Names are keyed with a hash of the seed and of all raw maps: participants, who never see those, cannot make them.

    Raises:
        BrickbenchError: a map or a picture is missing or damaged.
    """
    rows = sorted((row for one in chosen for row in one.maps.values()), key=lambda row: (row.file, row.row))
    maps = {row.attribution_id: values for row, values in zip(rows, load_maps(run.folder, rows), strict=True)}
    secret = hashlib.sha256(str(settings.seed).encode())
    for row in rows:
        secret.update(maps[row.attribution_id].tobytes())
    drawn = DrawnItems(Namer(secret.digest()), settings.picture_px)
    index_of = {image_id: index for index, image_id in enumerate(pictures.image_ids)}
    with Progress("Drawing", len(chosen) + len(checks), "items") as progress:
        for number, one in enumerate(chosen, start=1):
            own = {name: one.maps[name] for name in settings.methods}
            shown: Maps = {name: (maps[row.attribution_id], METHODS[row.method].resize) for name, row in own.items()}
            drawn.items.append(
                drawn.draw(
                    f"i{number:03d}", one.image_id, one.part_id, pictures.image(index_of[one.image_id]), shown,
                    is_right=one.is_right, confidence=one.confidence,
                    attribution_ids={name: row.attribution_id for name, row in own.items()},
                )
            )  # fmt: skip
            progress.advance()
        for number, check in enumerate(checks, start=1):
            discs: Maps = {TARGET: (check.target, "bilinear"), DECOY: (check.decoy, "bilinear")}
            image_id = pictures.image_ids[check.picture]
            drawn.checks.append(
                drawn.draw(f"a{number:02d}", image_id, check.part_id, pictures.image(check.picture), discs)
            )
            progress.advance()
    return drawn
