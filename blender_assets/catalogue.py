"""The catalogue: every part by its design number, and its mesh on demand."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from blender_assets.clutch import Clutch, find_clutch
from blender_assets.colors import color_by_name
from blender_assets.families import (
    bars,
    bricks,
    clips,
    cones,
    curved,
    gears,
    hinges,
    openings,
    outlines,
    panels,
    pins,
    rounds,
    slopes,
    snot,
    technic_bricks,
    tiles,
    wheels,
)
from blender_assets.ldraw.library import LDrawLibrary
from blender_assets.mesh import PartMesh, mesh_from_solid
from blender_assets.own.settings import OwnMesh, OwnMeshes
from blender_assets.part import Part
from blender_assets.solids import stud_relief
from core.errors import SettingsError
from core.files import sha256_hex
from core.settings import near_matches

if TYPE_CHECKING:
    from blender_assets.models import ModelBrick

FAMILIES = (
    bricks, outlines, tiles, slopes, curved, snot, clips, panels, rounds, cones, openings, hinges, bars, wheels,
    technic_bricks, pins, gears,
)  # fmt: skip
"""Modules with a `PARTS` tuple; a new family is added here."""


@dataclass(frozen=True)
class PartSources:
    """Where parts come from beside the built-in ones."""

    ldraw: Path | None = None
    """Folder of an LDraw library."""

    prefer_ldraw: bool = False
    """Take the library's shape also for built-in parts."""

    meshes: OwnMeshes = ()
    """The user's own."""

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that differ whenever the sources differ."""
        return sha256_hex(repr(self).encode())[:12]


class Catalogue:
    """Parts by design number, in catalogue order, with their meshes.

    Built-in parts come first, then the user's own. With an LDraw library every part in it is there too; its files
    are opened only for the parts that are asked for.
    """

    def __init__(
        self,
        parts: Iterable[Part],
        library: LDrawLibrary | None = None,
        *,
        prefer_ldraw: bool = False,
        meshes: OwnMeshes = (),
    ) -> None:
        """Hold built-in `parts`, whose design numbers and aliases must differ, the user's `meshes` and `library`.

        With `prefer_ldraw` a part that both have keeps its number, name and category, and takes the library's shape.

        Raises:
            SettingsError: one of `meshes` has the number of another part.
        """
        self._built_in: dict[str, Part] = {}
        self._aliases: dict[str, str] = {}
        self._meshes: dict[tuple[str, bool], PartMesh] = {}
        self._clutches: dict[str, Clutch] = {}
        self._models: dict[str, tuple[ModelBrick, ...]] = {}
        self._library = library
        self._prefer_ldraw = prefer_ldraw
        self._own: dict[str, Part] = {}
        for part in parts:
            if part.part_id in self._built_in:
                raise ValueError(f"part {part.part_id} is in the catalogue twice")
            self._built_in[part.part_id] = part
        for part in self._built_in.values():
            for alias in part.aliases:
                if alias in self._built_in or alias in self._aliases:
                    raise ValueError(f"alias {alias} of part {part.part_id} is in the catalogue twice")
                self._aliases[alias] = part.part_id
        for part_id, own in meshes:
            if part_id in self:
                raise SettingsError(f"There is a part {part_id} already; call the mesh {own.file} otherwise.")
        self._meshes_of_user = meshes
        self._own = {part_id: self._own_part(part_id, own) for part_id, own in meshes}
        if library is not None:
            # What the library calls a built-in part today is that part too.
            for part_id in self._built_in:
                if part_id in library and (now := library.resolve(part_id)) not in self._built_in:
                    self._aliases.setdefault(now, part_id)

    def __iter__(self) -> Iterator[Part]:
        """Iterate over built-in parts, the user's own, then the library's, reading each one's first lines."""
        for part_id in (*self._built_in, *self._own):
            yield self[part_id]
        if self._library is not None:
            for part_id in self._library.part_ids():
                if self._built_in_number(part_id) is None and self._library.header(part_id).is_part:
                    yield self._from_library(part_id)

    def __len__(self) -> int:
        """Return the number of parts; with a library this reads the first lines of all its parts."""
        return sum(1 for _ in self)

    def __contains__(self, part_id: str) -> bool:
        """Return whether there is a part with this number, alias or moved number."""
        known = part_id in self._own or self._built_in_number(part_id) is not None
        return known or (self._library is not None and part_id in self._library)

    def __getitem__(self, part_id: str) -> Part:
        """Return the part with this number, alias or moved number; SettingsError with the nearest if there is none."""
        if part_id in self._own:
            return self._own[part_id]
        known = self._built_in_number(part_id)
        if known is None:
            if self._library is None or part_id not in self._library:
                raise self._unknown(part_id)
            now = self._library.resolve(part_id)
            known = self._built_in_number(now)
            if known is None:
                return self._from_library(now)
        part = self._built_in[known]
        if self._library is None or not self._prefer_ldraw:
            return part
        number = self._library.first_known((part.part_id, *part.aliases))
        return part if number is None else self._from_library(number, part)

    def mesh(self, part_id: str, *, stud_logo: bool = False) -> PartMesh:
        """Return the mesh of a part, made once a process; SettingsError for an unknown number.

        Args:
            part_id: its number.
            stud_logo: with raised lettering on the studs; LDraw's parts are left as they are.
        """
        part = self[part_id]
        key = part.part_id, stud_logo
        if key not in self._meshes:
            with stud_relief() if stud_logo else nullcontext():
                shape = part.build()
            self._meshes[key] = shape if isinstance(shape, PartMesh) else mesh_from_solid(shape)
        return self._meshes[key]

    def clutch(self, part_id: str) -> Clutch:
        """Return where a part sticks to others, found once a process; SettingsError for an unknown number."""
        number = self[part_id].part_id
        if number not in self._clutches:
            self._clutches[number] = find_clutch(self.mesh(number))
        return self._clutches[number]

    def model(self, file: str) -> "tuple[ModelBrick, ...]":
        """Return the bricks of an LDraw model, read once a process; raises as `blender_assets.models.model_bricks`."""
        if file not in self._models:
            from blender_assets.models import model_bricks

            self._models[file] = model_bricks(Path(file), self)
        return self._models[file]

    def remarks(self) -> list[str]:
        """Return what the user should know of their own meshes, reading all of them; OwnMeshError for a wrong one."""
        if not self._meshes_of_user:
            return []
        from blender_assets.own.reader import read_own_mesh  # loads trimesh, which takes half a second

        said: list[str] = []
        for part_id, own in self._meshes_of_user:
            if own.is_model:
                self.mesh(part_id)
            else:
                said += read_own_mesh(part_id, own).remarks
        return said

    @property
    def library(self) -> LDrawLibrary | None:
        """The LDraw library, if there is one."""
        return self._library

    def _own_part(self, part_id: str, own: OwnMesh) -> Part:
        def build() -> PartMesh:
            if own.is_model:
                from blender_assets.models import model_mesh

                mesh = model_mesh(Path(own.file), self)
                drawn = own.color != "as_in_file"
                return replace(mesh, paint=None if drawn else mesh.paint, own_mass_g=own.mass_g or mesh.own_mass_g)
            from blender_assets.own.reader import read_own_mesh

            return read_own_mesh(part_id, own).mesh

        color = None if own.color in ("as_in_file", "drawn") else color_by_name(own.color)
        return Part(part_id, own.name or part_id, own.category, build, (), "own", color)

    def _built_in_number(self, part_id: str) -> str | None:
        number = self._aliases.get(part_id, part_id)
        return number if number in self._built_in else None

    def _from_library(self, part_id: str, like: Part | None = None) -> Part:
        """Return the library's part, under the number and name of the built-in part `like` if one is given."""
        assert self._library is not None
        build = partial(self._library.mesh, part_id)
        if like is not None:
            return Part(like.part_id, like.name, like.category, build, like.aliases, "ldraw")
        header = self._library.header(part_id)
        return Part(part_id, header.name, header.category, build, (), "ldraw")

    def _unknown(self, part_id: str) -> SettingsError:
        known = [*self._built_in, *self._own, *self._aliases, *(self._library.part_ids() if self._library else ())]
        near = near_matches(part_id, known)
        if self._library is None:
            return SettingsError(f"Unknown part {part_id!r}{near}; `brickbench parts list` shows the catalogue.")
        root = self._library.files.root
        return SettingsError(f"Unknown part {part_id!r}{near}: it is neither built in nor in the LDraw library {root}.")


def load_catalogue(ldraw: Path | None = None, prefer_ldraw: bool = False, meshes: OwnMeshes = ()) -> Catalogue:
    """Return the catalogue of built-in parts, of the user's own, and of those in an LDraw library if one is named.

    The same arguments return the same catalogue, with the meshes that it has made.

    Args:
        ldraw: folder of an LDraw library, with ``parts/`` and ``p/`` inside; SettingsError if it is none.
        prefer_ldraw: take the library's shape also for built-in parts.
        meshes: the user's own; SettingsError if one has the number of another part.
    """
    return _catalogue(None if ldraw is None else ldraw.resolve(), prefer_ldraw, meshes)


def catalogue_from(sources: PartSources) -> Catalogue:
    """Return the catalogue of the built-in parts and of `sources`, as `load_catalogue` does."""
    return load_catalogue(sources.ldraw, sources.prefer_ldraw, sources.meshes)


@cache
def _catalogue(ldraw: Path | None, prefer_ldraw: bool, meshes: OwnMeshes) -> Catalogue:
    built_in = (part for family in FAMILIES for part in family.PARTS)
    library = None if ldraw is None else LDrawLibrary(ldraw)
    return Catalogue(built_in, library, prefer_ldraw=prefer_ldraw, meshes=meshes)
