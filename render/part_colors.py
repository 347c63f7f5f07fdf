"""Which colours a part comes in: by the inventory, by its own shares, by those of its category, or any."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blender_assets.colors import COLORS, color_by_name
from render.inventory import quantities

if TYPE_CHECKING:
    from render.settings import RenderSettings


def weighted_colors(colors: Any) -> Any:
    """Return colours by LDraw's names with their weights; those of a plain list have their usual ones."""
    if isinstance(colors, list | tuple):
        colors = {str(name): color_by_name(str(name)).weight for name in colors}
    if isinstance(colors, dict):
        return {color_by_name(str(name)).name: weight for name, weight in colors.items()}
    return colors


def category_of(settings: "RenderSettings", part_id: str) -> str:
    """Return a part's category in small letters."""
    return settings.catalogue[part_id].category.lower()


def usual_colors(settings: "RenderSettings", part_id: str) -> Mapping[str, float]:
    """Return how often a part has each colour where nothing is tied: by the inventory, its own, its category's, all."""
    if settings.inventory:
        return quantities(settings.inventory).get(part_id) or any_colors(settings)
    by_name = {name.lower(): shares for name, shares in settings.color_shares.items()}
    if by_name and (own := by_name.get(part_id.lower()) or by_name.get(category_of(settings, part_id))):
        return own
    return any_colors(settings)


def any_colors(settings: "RenderSettings") -> Mapping[str, float]:
    """Return how often each colour comes for a part of which nothing is said."""
    return settings.colors or {color.name: color.weight for color in COLORS}
