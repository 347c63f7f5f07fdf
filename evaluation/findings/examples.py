"""Example pictures of a finding: chosen by rule, with the map that the finding is about drawn over them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.pages import data_uri
from evaluation.findings.contrasts import GroupTest, PairTest
from evaluation.findings.material import FLOOR, Material
from evaluation.findings.wording import Test, part_title
from evaluation.report.gallery import Panel, picture_and_mask
from explain.draw import Picture, overlay, scaled_picture, with_outline
from explain.methods import find_method
from explain.store import load_maps

SIZE_PX = 320
CASES = 3


@dataclass(frozen=True)
class Example:
    """A picture beside its map; the map is missing where none was made."""

    image_id: str
    panels: tuple[Panel, ...]


def examples_of(material: Material, test: Test) -> list[Example]:
    """Return up to `CASES` examples of what `test` found, of different piles, the strongest first.

    Of a part, floor or light: the maps with the largest share on the floor. Of a pair: the maps of the claimed part
    with the largest share on bricks of the other, and one picture without the claimed part in which its logit is
    highest.
    """
    if isinstance(test, GroupTest):
        return [_on_floor(material, pair, share) for pair, share in _worst(material, test)]
    return [*_shared(material, test), *_claimed(material, test)]


def _worst(material: Material, test: GroupTest) -> Iterator[tuple[int, float]]:
    facts = material.facts
    of_pair = {"part": facts.part_id, "floor": facts.floor, "lighting": facts.lighting}[test.kind]
    values = np.where(of_pair == test.name, material.scores(FLOOR), np.nan)
    order = [int(pair) for pair in np.argsort(-values, kind="stable") if not np.isnan(values[pair])]
    for pair in _one_a_pile(order, material.table.piles)[:CASES]:
        yield pair, float(values[pair])


def _on_floor(material: Material, pair: int, share: float) -> Example:
    part_id = material.table.pairs[pair][1]
    name = part_title(material, part_id)
    return _example(material, pair, part_id, f"{share:.0%} of the map of {name} on the floor".replace("%", " %"))


def _shared(material: Material, test: PairTest) -> Iterator[Example]:
    of_claimed = [
        overlap
        for overlap in material.overlaps
        if overlap.other == test.shown and material.table.pairs[overlap.pair][1] == test.claimed
    ]
    of_claimed.sort(key=lambda overlap: -overlap.share)
    share_of = {overlap.pair: overlap.share for overlap in of_claimed}
    for pair in _one_a_pile(list(share_of), material.table.piles)[: CASES - 1]:
        claimed = part_title(material, test.claimed)
        words = f"{share_of[pair]:.0%} of the map of {claimed} on the part outlined at the left"
        yield _example(material, pair, test.shown, words.replace("%", " %"))


def _claimed(material: Material, test: PairTest) -> Iterator[Example]:
    """Yield the picture with A and without B in which the logit of B is highest, if B is claimed there."""
    pictures, classes = material.pictures, material.run.info.classes
    first, second = classes.index(test.shown), classes.index(test.claimed)
    logits = np.where(pictures.absent[:, second] & pictures.shown[:, first], pictures.logits[:, second], -np.inf)
    highest = int(logits.argmax())
    if logits[highest] > 0:
        image_id = pictures.image_ids[highest]
        picture, mask = _picture(material, image_id, test.shown)
        claimed, shown = part_title(material, test.claimed), part_title(material, test.shown)
        caption = f"No {claimed}, but claimed: logit {logits[highest]:.1f}. Outlined: {shown}"
        yield Example(image_id, (_outlined(image_id, picture, mask, caption),))


def _example(material: Material, pair: int, outlined: str, words: str) -> Example:
    """Return the picture with `outlined` outlined, beside the map with the part outlined that it explains."""
    image_id, part_id = material.table.pairs[pair]
    row = material.table.rows[material.method, pair]
    picture, mask = _picture(material, image_id, outlined)
    own = mask if outlined == part_id else _picture(material, image_id, part_id)[1]
    values = next(load_maps(material.run.folder, [row]))
    drawn = overlay(picture, values, resize=find_method(row.method).resize, size_px=SIZE_PX, mask=own)
    logit = material.logits.get((image_id, part_id))
    told = words if logit is None else f"{words}; logit {logit:.1f}".replace("-", "−")
    surroundings = (material.facts.floor[pair], material.facts.lighting[pair])
    where = " · ".join(str(name).replace("_", " ") for name in surroundings if name)
    first = f"Outlined: {part_title(material, outlined)}{f' · {where}' if where else ''}"
    beside = Panel(told, f"{material.label.title} map of {part_title(material, part_id)}: {told}.", data_uri(drawn))
    return Example(image_id, (_outlined(image_id, picture, mask, first), beside))


def _outlined(image_id: str, picture: Picture, mask: NDArray[np.bool_], caption: str) -> Panel:
    drawn = data_uri(with_outline(scaled_picture(picture, SIZE_PX), mask))
    return Panel(caption, f"Picture {image_id}. {caption}.", drawn)


def _picture(material: Material, image_id: str, part_id: str) -> tuple[Picture, NDArray[np.bool_]]:
    return picture_and_mask(material.dataset, material.dataset.image_ids.index(image_id), part_id)


def _one_a_pile(pairs: list[int], piles: NDArray[np.int64]) -> list[int]:
    first_of: dict[int, int] = {}
    for pair in pairs:
        first_of.setdefault(int(piles[pair]), pair)
    return list(first_of.values())
