"""The catalogue: every part by its design number, and its mesh on demand."""

from collections.abc import Iterable, Iterator
from functools import cache

from blender_assets.families import bricks, rounds, slopes, tiles
from blender_assets.mesh import PartMesh, mesh_from_solid
from blender_assets.part import Part
from core.errors import SettingsError
from core.settings import near_matches

FAMILIES = (bricks, tiles, slopes, rounds)
"""Modules with a `PARTS` tuple; a new family is added here."""


class Catalogue:
    """Parts by design number, in catalogue order."""

    def __init__(self, parts: Iterable[Part]) -> None:
        """Hold `parts`; their design numbers must differ."""
        self._parts: dict[str, Part] = {}
        for part in parts:
            if part.part_id in self._parts:
                raise ValueError(f"part {part.part_id} is in the catalogue twice")
            self._parts[part.part_id] = part

    def __iter__(self) -> Iterator[Part]:
        """Iterate over the parts in catalogue order."""
        return iter(self._parts.values())

    def __len__(self) -> int:
        """Return the number of parts."""
        return len(self._parts)

    def __getitem__(self, part_id: str) -> Part:
        """Return the part with this design number; SettingsError with the nearest number if there is none."""
        try:
            return self._parts[part_id]
        except KeyError:
            raise SettingsError(
                f"Unknown part {part_id!r}{near_matches(part_id, list(self._parts))}; "
                "`brickbench parts list` shows the catalogue."
            ) from None


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue of built-in parts."""
    return Catalogue(part for family in FAMILIES for part in family.PARTS)


@cache
def part_mesh(part_id: str) -> PartMesh:
    """Return the mesh of a built-in part, made once a process; SettingsError for an unknown number."""
    return mesh_from_solid(load_catalogue()[part_id].build())
