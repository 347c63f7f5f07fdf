"""The whole geometry of a library's file: what it refers to is found, placed, coloured and turned the right way."""

from dataclasses import fields
from pathlib import Path

import numpy as np

from blender_assets.ldraw.colors import MAIN
from blender_assets.ldraw.lines import Geometry, LDrawError, Reference, read_lines
from core.errors import SettingsError

FOLDERS = ("parts", "p", "parts/s", "p/48", "p/8")
"""Where a name is looked up, in this order: a name may carry its subfolder (``s\\3001s01.dat``) or lack it."""


class LDrawFiles:
    """The files of one library folder."""

    def __init__(self, root: Path) -> None:
        """Take `root`, which holds ``parts/`` and ``p/``; SettingsError if it does not."""
        self.root = root
        folders = {entry.name.lower(): entry for entry in root.iterdir() if entry.is_dir()} if root.is_dir() else {}
        if not {"parts", "p"} <= set(folders):
            raise SettingsError(
                f"{root} is no LDraw library: a folder with parts/ and p/ inside was expected "
                "(unpack complete.zip from ldraw.org and name its folder ldraw)."
            )
        self._real = {name: folders[name] for name in ("parts", "p")}
        self._names: dict[str, dict[str, Path]] = {}

    def find(self, name: str) -> Path | None:
        """Return the file that a reference means, or None: case does not matter, slashes may lean either way."""
        lower_name = name.strip().replace("\\", "/").lower().removeprefix("./")
        for folder in FOLDERS:
            subfolder, _, base = f"{folder}/{lower_name}".rpartition("/")
            file = self.listing(subfolder).get(base)
            if file is not None:
                return file
        return None

    def find_picture(self, name: str) -> Path | None:
        """Return the picture of a texture, or None: in a folder textures, or beside the parts."""
        lower_name = name.strip().replace("\\", "/").lower().removeprefix("textures/")
        for folder in ("parts/textures", "p/textures", "parts"):
            subfolder, _, base = f"{folder}/{lower_name}".rpartition("/")
            file = self.listing(subfolder).get(base)
            if file is not None:
                return file
        return None

    def listing(self, folder: str) -> dict[str, Path]:
        """Return the files in `folder` (lower case, below the root) by their names in lower case; read once."""
        if folder not in self._names:
            path = self._folder(folder)
            entries = () if path is None else path.iterdir()
            self._names[folder] = {entry.name.lower(): entry for entry in entries}
        return self._names[folder]

    def _folder(self, folder: str) -> Path | None:
        top, _, rest = folder.partition("/")
        path: Path | None = self._real.get(top)
        for step in rest.split("/") if rest else ():
            path = None if path is None else self.listing(str(Path(folder).parent)).get(step)
        return path if path is not None and path.is_dir() else None


DEEPEST = 64
"""Files that refer to each other in a chain; the library's deepest chain has about ten."""
MOST_TRIANGLES = 5_000_000
"""Of one part: a few small files that refer to each other again and again could fill any memory."""


class GeometryReader:
    """Reads files with all they refer to; sub-files and primitives are read once."""

    def __init__(self, files: LDrawFiles) -> None:
        """Read from `files`."""
        self._files = files
        self._cache: dict[Path, Geometry] = {}

    def read(self, path: Path) -> Geometry:
        """Return the geometry of `path`; LDrawError for damaged, missing or circular files."""
        return self._gather(path, path.stem, (path,))

    def _gather(self, path: Path, part_id: str, chain: tuple[Path, ...]) -> Geometry:
        own, references = read_lines(path, self._files.find_picture)
        pieces, total = [own], len(own.triangles)
        for reference in references:
            found = self._files.find(reference.name)
            if found is None:
                raise LDrawError(
                    f"Part {part_id} cannot be read: {self._name(path)}, line {reference.line_number}, refers to "
                    f"{reference.name!r}, which is not in {self._files.root}; the complete library "
                    "(complete.zip of ldraw.org) holds all that its parts need."
                )
            if found in chain:
                circle = " to ".join(self._name(step) for step in (*chain[chain.index(found) :], found))
                raise LDrawError(f"Part {part_id} cannot be read: its files refer to each other in a circle, {circle}.")
            if len(chain) >= DEEPEST:
                raise LDrawError(
                    f"Part {part_id} cannot be read: its files refer to each other more than {DEEPEST} deep, down to "
                    f"{self._name(path)}, line {reference.line_number}."
                )
            if found not in self._cache:
                self._cache[found] = self._gather(found, part_id, (*chain, found))
            total += len(self._cache[found].triangles)
            if total > MOST_TRIANGLES:
                raise LDrawError(
                    f"Part {part_id} cannot be read: with {self._name(path)}, line {reference.line_number}, it has "
                    f"more than {MOST_TRIANGLES:,} faces."
                )
            pieces.append(_placed(self._cache[found], reference))
        return Geometry(*(np.concatenate([getattr(piece, one.name) for piece in pieces]) for one in fields(Geometry)))

    def _name(self, path: Path) -> str:
        return path.relative_to(self._files.root).as_posix()


def _placed(geometry: Geometry, reference: Reference) -> Geometry:
    turned = reference.matrix.T
    scale = float(np.linalg.det(reference.matrix))
    triangles = geometry.triangles @ turned + reference.offset
    # A mirror turns the winding round, and so does INVERTNEXT.
    flipped = (scale < 0) != reference.inverted
    if flipped:
        triangles = triangles[:, ::-1]
    pictures, uv = geometry.pictures, geometry.uv[:, ::-1] if flipped else geometry.uv
    if reference.texture is not None:
        bare = np.array([picture is None for picture in pictures], dtype=np.bool_)
        pictures = np.where(bare, np.full(len(bare), reference.texture.file, dtype=object), pictures)
        uv = np.where(bare[:, None, None], reference.texture.project(triangles), uv)
    # A flattening matrix says nothing of the sides.
    known = reference.clipped and abs(scale) > 1e-12
    return Geometry(
        triangles,
        np.where(geometry.colors == MAIN, reference.color, geometry.colors),
        geometry.certified & known,
        geometry.sharp_edges @ turned + reference.offset,
        geometry.smooth_edges @ turned + reference.offset,
        pictures,
        uv,
    )
