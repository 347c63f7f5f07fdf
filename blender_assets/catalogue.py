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
    """Parts by design number, in catalogue order, with their meshes."""

    def __init__(self, parts: Iterable[Part]) -> None:
        """Hold `parts`; their design numbers and aliases must differ."""
        self._parts: dict[str, Part] = {}
        self._aliases: dict[str, str] = {}
        self._meshes: dict[str, PartMesh] = {}
        for part in parts:
            if part.part_id in self._parts:
                raise ValueError(f"part {part.part_id} is in the catalogue twice")
            self._parts[part.part_id] = part
        for part in self._parts.values():
            for alias in part.aliases:
                if alias in self._parts or alias in self._aliases:
                    raise ValueError(f"alias {alias} of part {part.part_id} is in the catalogue twice")
                self._aliases[alias] = part.part_id

    def __iter__(self) -> Iterator[Part]:
        """Iterate over the parts in catalogue order."""
        return iter(self._parts.values())

    def __len__(self) -> int:
        """Return the number of parts."""
        return len(self._parts)

    def __getitem__(self, part_id: str) -> Part:
        """Return the part with this design number or alias; SettingsError with the nearest number if there is none."""
        try:
            return self._parts[self._aliases.get(part_id, part_id)]
        except KeyError:
            known = [*self._parts, *self._aliases]
            raise SettingsError(
                f"Unknown part {part_id!r}{near_matches(part_id, known)}; `brickbench parts list` shows the catalogue."
            ) from None

    def mesh(self, part_id: str) -> PartMesh:
        """Return the mesh of a part, made once a process; SettingsError for an unknown number."""
        part = self[part_id]
        if part.part_id not in self._meshes:
            self._meshes[part.part_id] = mesh_from_solid(part.build())
        return self._meshes[part.part_id]


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue of built-in parts."""
    return Catalogue(part for family in FAMILIES for part in family.PARTS)
