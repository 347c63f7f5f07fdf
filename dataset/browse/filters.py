"""What the address of the page says: which pictures are wanted, which page of them, and what is drawn on one."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from core.errors import SettingsError
from core.settings import near_matches

FACETS = {
    "light": "Light",
    "floor": "Floor",
    "arrangement": "Arrangement",
    "source": "Source",
    "split": "Split",
    "twin": "Twins",
}
"""What pictures are told apart by, with the titles shown; values are those of the index, None where it has none."""

LAYERS = ("masks", "outlines", "boxes")
"""What can be drawn over one picture."""

RANGES = {"visible_min": 100.0, "visible_max": 100.0, "bricks_min": 1e6, "bricks_max": 1e6}
"""Bounds in the address, with the largest number each may be; all are 0 or more."""

LONGEST = 200  # values in one address: more than the parts of any dataset here, few enough for one query


@dataclass(frozen=True)
class Filter:
    """Which pictures are wanted; the default wants all.

    A picture must have every part of `parts` as a label. With a bound on the visible share it must instead have, of
    every part chosen, a brick whose share lies within the bounds; without chosen parts any brick will do.
    """

    parts: tuple[str, ...] = ()
    choices: tuple[tuple[str, tuple[str | None, ...]], ...] = ()
    """Facets with the values wanted, any of which will do; facets that are not named are free."""
    visible_min: float | None = None
    """Smallest visible share in percent."""
    visible_max: float | None = None
    """Largest visible share in percent."""
    bricks_min: float | None = None
    """Fewest bricks (rows of instances) in the picture."""
    bricks_max: float | None = None
    """Most bricks in the picture."""

    @property
    def by_visibility(self) -> bool:
        """Whether parts are looked for among bricks of a visible share, not among labels."""
        return self.visible_min is not None or self.visible_max is not None

    def values(self, facet: str) -> tuple[str | None, ...]:
        """Return the values wanted of `facet`; empty if it is free."""
        return dict(self.choices).get(facet, ())

    def without(self, name: str, value: str | None = None) -> "Filter":
        """Return the filter less one part, one value of a facet, or one bound."""
        if name == "part":
            return replace(self, parts=tuple(part for part in self.parts if part != value))
        if name in RANGES:
            return replace(self, **{name: None})  # type: ignore[arg-type]
        kept = ((facet, tuple(v for v in values if (facet, v) != (name, value))) for facet, values in self.choices)
        return replace(self, choices=tuple((facet, values) for facet, values in kept if values))

    def pairs(self) -> list[tuple[str, str]]:
        """Return what stands in the address for it, always in the same order."""
        pairs = [("part", part) for part in self.parts]
        pairs += [(facet, value or "") for facet, values in self.choices for value in values]
        bounds = ((name, getattr(self, name)) for name in RANGES)
        return pairs + [(name, f"{bound:.12g}") for name, bound in bounds if bound is not None]


@dataclass(frozen=True)
class View:
    """All that the address of a page says."""

    filter: Filter = Filter()
    page: int = 1
    show: tuple[str, ...] = ("masks",)

    def address(self, path: str = "/", **changes: object) -> str:
        """Return the address of `path` in this view, with some of its fields changed."""
        view = replace(self, **changes)  # type: ignore[arg-type]
        pairs = view.filter.pairs()
        if view.page != 1:
            pairs.append(("page", str(view.page)))
        if view.show != View.show:
            pairs.append(("show", ",".join(view.show)))
        return f"{path}?{urlencode(pairs)}" if pairs else path


def parse_view(
    items: Iterable[tuple[str, str]], part_ids: Sequence[str], known: Mapping[str, Sequence[str | None]]
) -> View:
    """Return the view that the names and values of an address mean in a dataset of `part_ids` and `known` facets.

    Raises:
        SettingsError: a name, a value or a number that cannot be meant.
    """
    given: dict[str, list[str]] = {}
    for number, (name, value) in enumerate(items):
        if number == LONGEST:
            raise SettingsError(f"The address should name at most {LONGEST} values. Choose fewer.")
        given.setdefault(name, []).append(value)
    choices = []
    for facet in FACETS:
        # An empty value stands for pictures of which the index knows none.
        wanted: tuple[str | None, ...] = tuple(dict.fromkeys(value or None for value in given.pop(facet, ())))
        for choice in wanted:
            if choice not in known[facet]:
                names = [name for name in known[facet] if name]
                raise SettingsError(
                    f"No picture has the {facet} {choice or 'none'!r}{near_matches(choice or '', names)}; known are "
                    f"{', '.join(names) or 'none'}."
                )
        if wanted:
            choices.append((facet, wanted))
    parts = tuple(dict.fromkeys(given.pop("part", ())))
    for part_id in parts:
        if part_id not in part_ids:
            raise SettingsError(f"The dataset has no part {part_id!r}{near_matches(part_id, list(part_ids))}.")
    bounds = {name: _number(name, given.pop(name, []), largest) for name, largest in RANGES.items()}
    page = _number("page", given.pop("page", []), 1e9)
    show = [layer for text in given.pop("show", ["masks"])[:1] for layer in text.split(",") if layer]
    if given:
        raise SettingsError(f"The address names {next(iter(given))!r}, which is no filter.")
    for layer in show:
        if layer not in LAYERS:
            raise SettingsError(f"show should name some of {', '.join(LAYERS)}, got {layer!r}.")
    chosen = Filter(parts=parts, choices=tuple(choices), **bounds)
    return View(chosen, max(int(page or 1), 1), tuple(layer for layer in LAYERS if layer in show))


def _number(name: str, values: Sequence[str], largest: float) -> float | None:
    text = values[0].strip() if values else ""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 <= number <= largest:
        raise SettingsError(f"{name} should be a number from 0 to {largest:,.0f}, got {text[:40]!r}.")
    return number
