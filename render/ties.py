"""Draws that depend on the parts in the pile: floors, lights, things and colours that go with a part."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from blender_assets.colors import color_by_name
from blender_assets.props import PROPS
from core.settings import Settings
from render.part_colors import category_of, usual_colors
from render.shares import draw_name, joined, without

if TYPE_CHECKING:
    from render.settings import RenderSettings

Factor = Literal["floor", "light", "thing", "color"]
FACTORS: tuple[Factor, ...] = ("floor", "light", "thing", "color")
PICTURE, PANORAMA = "picture", "panorama"
"""Names of the user's own floors and lightings."""


class Tie(Settings):
    """A floor, light, thing or colour that goes with a part or a category of parts."""

    part: str | None = None
    """One of `parts`."""

    category: str | None = None
    """Category of parts, as `brickbench parts list` shows it; a part's own ties go before those of its category."""

    floor: str | None = None
    """A floor, also one that `backgrounds` leaves out."""

    light: str | None = None
    """A lighting, also one that `lightings` leaves out."""

    thing: str | None = None
    """Kind of a thing that lies there, or the beginning of the names of several, such as coin."""

    color: str | None = None
    """Colour of the bricks of the part."""

    share: float = Field(1.0, ge=0, le=1)
    """Probability of that value in a picture (of a thing: in a pile; of a colour: for a brick) with the part."""

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.part is None) == (self.category is None):
            raise ValueError("a tie names a part or a category")
        if sum(getattr(self, factor) is not None for factor in FACTORS) != 1:
            raise ValueError(f"a tie names one of {', '.join(FACTORS)}")
        return self

    @property
    def factor(self) -> Factor:
        """What is tied."""
        return next(factor for factor in FACTORS if getattr(self, factor) is not None)

    @property
    def value(self) -> str:
        """What it is tied to; of a colour, LDraw's name."""
        value = str(getattr(self, self.factor))
        return color_by_name(value).name if self.factor == "color" else value

    @property
    def target(self) -> str:
        """The part or category, in words."""
        return f"part {self.part}" if self.part is not None else f"category {self.category}"


class Tied(NamedTuple):
    """What the ties of one part or category say of one factor."""

    target: str
    shares: dict[str, float]


def tied_by(settings: "RenderSettings", factor: Factor, part_id: str) -> Tied | None:
    """Return what is tied to a part: by its own ties, or else by those of its category."""
    ties = [tie for tie in settings.ties if tie.factor == factor]
    chosen = [tie for tie in ties if tie.part == part_id]
    if not chosen and ties:
        category = category_of(settings, part_id)
        chosen = [tie for tie in ties if tie.category is not None and tie.category.lower() == category]
    return Tied(chosen[0].target, {tie.value: tie.share for tie in chosen}) if chosen else None


def draw_tied(
    usual: str, settings: "RenderSettings", factor: Literal["floor", "light"], part_ids: Iterable[str],
    rng: np.random.Generator,
) -> str:  # fmt: skip
    """Return the floor or light of a picture, given what was drawn as usual and the parts in the pile.

    A tied value comes with its share. Otherwise it is what is drawn as usual, but none of the tied values. If several
    parts or categories tie the factor, one of them is taken by lot.
    """
    tied = {found.target: found for part_id in part_ids if (found := tied_by(settings, factor, part_id))}
    if not tied:
        return usual
    shares = tied[sorted(tied)[rng.integers(len(tied))]].shares
    return _draw(usual, usual_shares(settings, factor), shares, rng)


def draw_color(usual: str, settings: "RenderSettings", part_id: str, rng: np.random.Generator) -> str:
    """Return the colour of a brick, given what was drawn as usual: a tied one with its share, else none of the tied."""
    tied = tied_by(settings, "color", part_id)
    return usual if tied is None else _draw(usual, usual_colors(settings, part_id), tied.shares, rng)


def _draw(usual: str, all_shares: Mapping[str, float], tied: Mapping[str, float], rng: np.random.Generator) -> str:
    left = rng.uniform()
    for value, share in tied.items():
        left -= share
        if left < 0:
            return value
    return draw_name(without(all_shares, tied), rng) if usual in tied else usual


def draw_things(
    kinds: list[str], settings: "RenderSettings", part_ids: Iterable[str], rng: np.random.Generator
) -> list[str]:
    """Return the kinds of things of a pile, given what was drawn as usual and the parts in it.

    A tied thing lies there with its share: else it is added. Otherwise none does: others are drawn in its place, or
    none where nothing else may come. If several parts or categories tie a thing, the share of one is taken by lot.
    """
    tied = {found.target: found for part_id in part_ids if (found := tied_by(settings, "thing", part_id))}
    wanted, unwanted = [], set[str]()
    for value in sorted({value for found in tied.values() for value in found.shares}):
        shares = [tied[target].shares[value] for target in sorted(tied) if value in tied[target].shares]
        if rng.uniform() < shares[rng.integers(len(shares))]:
            wanted.append(value)
        else:
            unwanted |= set(kinds_of(value))
    left = without(settings.distractors, unwanted)
    kinds = [draw_name(left, rng) if kind in unwanted else kind for kind in kinds if left or kind not in unwanted]
    for value in wanted:
        known = kinds_of(value)
        if not set(known) & set(kinds):
            kinds.append(known[rng.integers(len(known))])
    return kinds


def kinds_of(value: str) -> list[str]:
    """Return the kinds of things that a tie to `value` means: that one, or all whose names begin so."""
    return [kind for kind in PROPS if kind == value or kind.startswith(f"{value}_")]


def usual_shares(settings: "RenderSettings", factor: Literal["floor", "light"]) -> dict[str, float]:
    """Return how often each floor or light comes where nothing is tied, the user's own pictures under one name."""
    if factor == "floor":
        shares, own, share, name = settings.backgrounds, settings.floor_pictures, settings.floor_pictures_share, PICTURE
    else:
        shares, own, name = settings.lightings, settings.environment_pictures, PANORAMA
        share = settings.environment_pictures_share
    return joined(shares, name, share) if own else dict(shares)
