"""What the page of thumbnails shows: tiles, filters with counts, chips of what is chosen, and the pager."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dataset.browse.filters import FACETS, RANGES, View
from dataset.browse.snapshot import Snapshot, Tile

PAGE_SIZE = 60  # divides by 2, 3, 4, 5, 6, 10 and 12 columns, so that pages end in a full row

_WORDS = {("twin", "yes"): "a part taken away", ("twin", "no"): "as it fell"}
_BOUNDS = {
    "visible_min": "seen {:g} % or more",
    "visible_max": "seen {:g} % or less",
    "bricks_min": "{:g} bricks or more",
    "bricks_max": "{:g} bricks or less",
}


@dataclass(frozen=True)
class Option:
    """One value that can be chosen."""

    name: str
    value: str
    label: str
    count: int
    share: float
    """Of the largest count beside it, 0..1: the length of its bar."""
    chosen: bool
    hint: str = ""


@dataclass(frozen=True)
class Chip:
    """One condition that holds, and the address without it."""

    label: str
    address: str


@dataclass(frozen=True)
class Shown:
    """One thumbnail."""

    tile: Tile
    address: str
    thumbnail: str
    words: str
    """What can be seen, for those who do not see it."""


def grid_page(snapshot: Snapshot, view: View) -> dict[str, Any]:
    """Return what the template of the grid needs for `view`; a page beyond the last is the last."""
    positions = snapshot.positions(view.filter)
    pages = max(-(-len(positions) // PAGE_SIZE), 1)
    page = min(view.page, pages)
    first = (page - 1) * PAGE_SIZE
    names = {part.part_id: part.name for part in snapshot.parts}
    tiles = [
        Shown(
            tile,
            view.address(f"/image/{quote(tile.image_id)}", page=1),
            thumbnail_address(tile.image_id, tile.content_hash),
            ", ".join(names[part_id] for part_id in tile.part_ids) or "no label",
        )
        for tile in snapshot.tiles(positions[first : first + PAGE_SIZE].tolist())
    ]
    counts = snapshot.counts(view.filter)
    return {
        "tiles": tiles,
        "matched": len(positions),
        "total": snapshot.size,
        "first": first + 1,
        "page": page,
        "pages": pages,
        "pager": {
            "first": view.address(page=1),
            "previous": view.address(page=page - 1) if page > 1 else None,
            "next": view.address(page=page + 1) if page < pages else None,
            "last": view.address(page=pages),
        },
        "hidden": [*view.filter.pairs(), *([("show", ",".join(view.show))] if view.show != View.show else [])],
        "chips": _chips(view, names),
        "facets": [(name, title, _facet_options(snapshot, view, counts[name], name)) for name, title in FACETS.items()],
        "parts": _part_options(snapshot, view, counts["part"]),
        "bounds": {name: getattr(view.filter, name) for name in RANGES},
        "view": view,
        "version": snapshot.version,
    }


def thumbnail_address(image_id: str, content_hash: str) -> str:
    """Return the address of a thumbnail, which changes with the content of the picture."""
    return f"/thumbnail/{quote(image_id)}?v={content_hash[:16]}"


def value_label(facet: str, value: str | None) -> str:
    """Return how a value of a facet is shown."""
    if value is None:
        return "not recorded"
    return _WORDS.get((facet, value), value.replace("_", " "))


def _chips(view: View, names: dict[str, str]) -> list[Chip]:
    def chip(label: str, name: str, value: str | None = None) -> Chip:
        return Chip(label, view.address(filter=view.filter.without(name, value), page=1))

    chips = [chip(f"{names[part_id]} ({part_id})", "part", part_id) for part_id in view.filter.parts]
    for facet, values in view.filter.choices:
        chips += [chip(f"{FACETS[facet]}: {value_label(facet, value)}", facet, value) for value in values]
    bounds = {name: getattr(view.filter, name) for name in RANGES}
    return chips + [chip(_BOUNDS[name].format(bound), name) for name, bound in bounds.items() if bound is not None]


def _facet_options(snapshot: Snapshot, view: View, counts: dict[int, int], facet: str) -> list[Option]:
    chosen = view.filter.values(facet)
    values = [(value or "", value_label(facet, value), value in chosen, "") for value in snapshot.values[facet]]
    return _options(facet, values, counts)


def _part_options(snapshot: Snapshot, view: View, counts: dict[int, int]) -> list[Option]:
    """Return the parts in the order of class_index, those that would leave no picture behind the others."""
    parts = [(part.part_id, part.name, part.part_id in view.filter.parts, part.part_id) for part in snapshot.parts]
    return sorted(_options("part", parts, counts), key=lambda option: option.count == 0 and not option.chosen)


def _options(name: str, values: Sequence[tuple[str, str, bool, str]], counts: dict[int, int]) -> list[Option]:
    """Return the options of (value, label, chosen, hint), whose places are the codes in `counts`."""
    largest = max(counts.values(), default=1)
    return [
        Option(name, value, label, counts.get(code, 0), counts.get(code, 0) / largest, chosen, hint)
        for code, (value, label, chosen, hint) in enumerate(values)
    ]
