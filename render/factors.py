"""What is changed in a picture to see what it does: floor, light, a colour, a thing or a shadow, and nothing else.

Each change is a settled pile again: cameras, sensor, noise, poses and all else are the original's.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from blender_assets.colors import COLORS, color_by_name
from core.seeding import Purpose, generator
from render.floors import FLOORS
from render.lights import LIGHTINGS
from render.part_colors import any_colors, usual_colors
from render.pile import Pile, SettledPile, View, floor_of, lighting_of
from render.settings import RenderSettings, TwinFactor
from render.shares import draw_name, without
from render.ties import usual_shares

Item = TypeVar("Item", int, str)
_STREAMS: dict[TwinFactor, int] = {"floor": 1, "light": 2, "color": 3, "thing": 4, "shadow": 5}


@dataclass(frozen=True)
class Difference:
    """What a picture of a changed pile shows instead of what the original shows; None: nothing."""

    was: str | None
    became: str | None


@dataclass(frozen=True)
class Change:
    """A settled pile with one factor changed."""

    factor: TwinFactor
    settled: SettledPile
    differences: tuple[Difference, ...]
    """One a view."""

    part_id: str | None = None
    """Whose colour or shadow it is."""

    thing: int | None = None
    """Number of the thing that is gone."""


def changes_of(settled: SettledPile, settings: RenderSettings) -> Iterator[Change]:
    """Yield the changes that the settings ask for, in the order of `factor_twins`.

    Other floors, lights and colours are drawn as the settings draw them, but never the original's; where they allow no
    other, from all that there are. Parts and things are drawn by lot where there are more than `factor_twins_max`.
    """
    pile = settled.pile
    for factor in dict.fromkeys(settings.factor_twins):
        rng = generator(pile.seed, pile.pile_index, Purpose.TWINS, _STREAMS[factor])
        if factor == "floor" or factor == "light":
            yield from _other_views(settled, settings, factor)
        elif factor == "thing":
            for thing in _some(settled.props(), settings, rng):
                kind = pile.props[thing - len(pile.bricks)].kind
                changed = replace(settled, gone=(*settled.gone, thing))
                yield Change(factor, changed, (Difference(kind, None),) * len(pile.views), thing=thing)
        else:
            for part_id in _some(sorted({pile.bricks[k].part_id for k in settled.present}), settings, rng):
                if factor == "color":
                    yield _recolored(settled, settings, part_id, rng)
                else:
                    bricks = tuple(k for k in settled.present if pile.bricks[k].part_id == part_id)
                    changed = replace(settled, shadowless=bricks)
                    yield Change(factor, changed, (Difference(None, None),) * len(pile.views), part_id)


def count_changes(pile: Pile, settings: RenderSettings) -> int:
    """Return how many changes `changes_of` yields for a pile once it is settled."""
    parts = len({brick.part_id for brick in pile.bricks})
    there = {"thing": len(pile.props), "color": parts, "shadow": parts, "floor": len(FLOORS), "light": len(LIGHTINGS)}
    return sum(min(there[factor], settings.factor_twins_max) for factor in dict.fromkeys(settings.factor_twins))


def _some(items: Iterable[Item], settings: RenderSettings, rng: np.random.Generator) -> list[Item]:
    every = list(items)
    if len(every) <= settings.factor_twins_max:
        return every
    return [every[k] for k in sorted(rng.choice(len(every), size=settings.factor_twins_max, replace=False))]


def _other_views(settled: SettledPile, settings: RenderSettings, factor: Literal["floor", "light"]) -> Iterator[Change]:
    pile = settled.pile
    changed = [list(_others(pile, settings, factor, view)) for view in range(len(pile.views))]
    for views in zip(*changed, strict=False):
        names = zip((_name(view, factor) for view in pile.views), (_name(view, factor) for view in views), strict=True)
        differences = tuple(Difference(was, became) for was, became in names)
        yield Change(factor, replace(settled, pile=replace(pile, views=views)), differences)


def _others(pile: Pile, settings: RenderSettings, factor: Literal["floor", "light"], view_index: int) -> Iterator[View]:
    """Yield a view with other floors or lights in turn, no two of one name."""
    view = pile.views[view_index]
    own = settings.own_floor if factor == "floor" else settings.own_light
    rng = generator(pile.seed, pile.pile_index, Purpose.TWINS, _STREAMS[factor], view_index if own else 0)
    tied = {tie.value: 1.0 for tie in settings.ties if tie.factor == factor}
    taken = {_name(view, factor)}
    for _ in range(settings.factor_twins_max):
        name = _draw_other(taken, rng, usual_shares(settings, factor), tied, _all(factor))
        if name is None:
            return
        taken.add(name)
        if factor == "floor":
            yield replace(view, floor=floor_of(name, settings, rng))
        else:
            yield replace(view, lighting=lighting_of(name, settings, rng))


def _all(factor: Literal["floor", "light"]) -> dict[str, float]:
    return dict.fromkeys(FLOORS if factor == "floor" else LIGHTINGS, 1.0)


def _name(view: View, factor: Literal["floor", "light"]) -> str:
    return view.floor.name if factor == "floor" else view.lighting.name


def _recolored(settled: SettledPile, settings: RenderSettings, part_id: str, rng: np.random.Generator) -> Change:
    """Return the pile with all bricks of a part in one other colour."""
    pile = settled.pile
    own = {brick.color.name for brick in pile.bricks if brick.part_id == part_id}
    tied = {tie.value: 1.0 for tie in settings.ties if tie.factor == "color"}
    every = {color.name: color.weight for color in COLORS}
    name = _draw_other(own, rng, usual_colors(settings, part_id), tied, any_colors(settings), every)
    if name is None:
        raise ValueError(f"part {part_id} has every colour there is in pile {pile.pile_index}")
    color = color_by_name(name)
    bricks = tuple(replace(brick, color=color) if brick.part_id == part_id else brick for brick in pile.bricks)
    difference = Difference(", ".join(sorted(own)), name)
    changed = replace(settled, pile=replace(pile, bricks=bricks))
    return Change("color", changed, (difference,) * len(pile.views), part_id)


def _draw_other(taken: set[str], rng: np.random.Generator, *ways: Mapping[str, float]) -> str | None:
    """Return a name that is not taken, from the first of some shares that has any."""
    return next((draw_name(left, rng) for shares in ways if (left := without(shares, taken))), None)
