"""What can be wrong with ties: names that nobody knows, shares that cannot be."""

from typing import TYPE_CHECKING

from blender_assets.colors import color_by_name
from blender_assets.props import PROPS
from core.errors import SettingsError
from core.settings import near_matches
from render.floors import FLOORS
from render.lights import LIGHTINGS
from render.part_colors import usual_colors
from render.shares import without
from render.ties import FACTORS, PANORAMA, PICTURE, Factor, Tie, Tied, kinds_of, tied_by, usual_shares

if TYPE_CHECKING:
    from render.settings import RenderSettings


def check_ties(settings: "RenderSettings") -> None:
    """Raise ValueError if a tie names what is not there, or shares leave nothing else to draw."""
    for tie in settings.ties:
        _check_names(settings, tie)
    for factor in FACTORS:
        for part_id in settings.parts:
            tied = tied_by(settings, factor, part_id)
            if tied is not None:
                _check_shares(settings, factor, part_id, tied)
    values = {tie.value for tie in settings.ties if tie.factor == "thing"}
    for one in sorted(values):
        for other in sorted(values - {one}):
            if set(kinds_of(one)) & set(kinds_of(other)):
                raise ValueError(f"ties name the things {one!r} and {other!r}, one of which is part of the other")
    seen = set()
    for tie in settings.ties:
        if (tie.target.lower(), tie.factor, tie.value) in seen:
            raise ValueError(f"{tie.factor} {tie.value!r} is tied to {tie.target} twice")
        seen.add((tie.target.lower(), tie.factor, tie.value))


def _check_names(settings: "RenderSettings", tie: Tie) -> None:
    if tie.part is not None and tie.part not in settings.parts:
        raise ValueError(f"a tie names part {tie.part!r}, which is not in parts; add it there")
    if tie.category is not None:
        require_category(settings, tie.category, "a tie")
    known: tuple[str, ...]
    if tie.factor == "color":
        try:
            color_by_name(str(tie.color))
        except SettingsError as error:
            raise ValueError(str(error)) from error
        return
    if tie.factor == "floor":
        known = (*FLOORS, *((PICTURE,) if settings.floor_pictures else ()))
    elif tie.factor == "light":
        known = (*LIGHTINGS, *((PANORAMA,) if settings.environment_pictures else ()))
    else:
        known = (tie.value,) if kinds_of(tie.value) else tuple(PROPS)
    if tie.value not in known:
        near = near_matches(tie.value, list(known))
        raise ValueError(f"a tie names the {tie.factor} {tie.value!r}{near}; known are {', '.join(known)}")


def require_category(settings: "RenderSettings", name: str, who: str) -> None:
    """Raise ValueError, which says `who` named it, if no part of the settings is of that category."""
    known = sorted({settings.catalogue[part_id].category for part_id in settings.parts})
    if name.lower() not in {category.lower() for category in known}:
        raise ValueError(
            f"{who} names {name!r}{near_matches(name, known)}, of which parts holds none; it holds {', '.join(known)}"
        )


def _check_shares(settings: "RenderSettings", factor: Factor, part_id: str, tied: Tied) -> None:
    total = sum(tied.shares.values())
    if factor == "thing" or abs(total - 1) < 1e-9:
        return
    if total > 1:
        raise ValueError(f"the shares of ties of {tied.target} to a {factor} sum to {total:g}, more than 1")
    usual = usual_colors(settings, part_id) if factor == "color" else usual_shares(settings, factor)
    if not without(usual, tied.shares):
        raise ValueError(
            f"the ties of {tied.target} to a {factor} have the share {total:g} together, and nothing else may be drawn "
            f"for the rest: allow another {factor}"
        )
