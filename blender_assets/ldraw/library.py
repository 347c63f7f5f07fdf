"""An LDraw library: titles, moved numbers and meshes of its parts."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender_assets.colors import COLORS, Color, Finish, Rgb
from blender_assets.ldraw.colors import look_of, paint_of, read_colors
from blender_assets.ldraw.geometry import GeometryReader, LDrawFiles
from blender_assets.ldraw.lines import Geometry, LDrawError, moved_to, read_text
from blender_assets.ldraw.prints import print_of
from blender_assets.ldraw.surface import corner_normals, outward_faces, sound_faces, weld
from blender_assets.mesh import PartMesh
from blender_assets.paint import srgb_from_linear
from blender_assets.prints import turned_with

UNIT_MM = 0.4
"""One LDraw unit."""

FRAME = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]) * UNIT_MM
"""LDraw's x right, y down, z back become x right, y back, z up, in millimetres."""


_HEADER_BYTES = 2**14
"""Headers are shorter, all but a few with long histories, whose files are read whole."""
_NO_PART = re.compile(r"Alias|Subpart|Primitive|Physical_Colour", re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """What the first lines of a part's file say."""

    title: str
    category: str
    """The !CATEGORY line, or the first word of the title."""

    kind: str
    """What !LDRAW_ORG says, such as ``Part`` or ``Part Alias``."""

    @property
    def name(self) -> str:
        """The title without its marks and padding: ``Brick  2 x  4`` is Brick 2 x 4."""
        return " ".join(self.title.lstrip("~=_|").split())

    @property
    def moved_to(self) -> str | None:
        """The number that this one has today, if it has moved."""
        return moved_to(self.title)

    @property
    def is_part(self) -> bool:
        """Whether this is a part of its own: no sub-part or obsolete file (~), alias (=), or preset colour (_)."""
        return not self.title.startswith(("~", "=", "_")) and not _NO_PART.search(self.kind)


class LDrawLibrary:
    """Reads parts of the library in one folder."""

    def __init__(self, root: Path) -> None:
        """Take the folder `root`, which holds ``parts/`` and ``p/``; SettingsError if it does not."""
        self.files = LDrawFiles(root)
        self._reader = GeometryReader(self.files)
        self._headers: dict[str, Header] = {}
        self._origins: dict[str, NDArray[np.float64]] = {}

    @cached_property
    def colors(self) -> dict[int, tuple[Rgb, Finish]]:
        """Scene-linear colour and finish of each colour code."""
        return read_colors(self.files.root)

    def __contains__(self, part_id: str) -> bool:
        """Return whether there is a file for this number."""
        return self._path(part_id) is not None

    def first_known(self, numbers: Iterable[str]) -> str | None:
        """Return the first of `numbers` for which there is a file, or None."""
        return next((number for number in numbers if number in self), None)

    def part_ids(self) -> Iterator[str]:
        """Iterate over all numbers in ``parts/``, in the order of their digits, opening no file."""
        names = (name.removesuffix(".dat") for name in self.files.listing("parts") if name.endswith(".dat"))
        yield from sorted(names, key=_natural)

    def header(self, part_id: str) -> Header:
        """Return title and category of a part; LDrawError if there is none of this number."""
        part_id = part_id.lower()
        if part_id not in self._headers:
            self._headers[part_id] = _read_header(self._existing(part_id))
        return self._headers[part_id]

    def resolve(self, part_id: str) -> str:
        """Return the number that `part_id` has today, following ``~Moved to`` titles."""
        seen = [part_id.lower()]
        while (target := self.header(seen[-1]).moved_to) is not None:
            if target in seen:
                raise LDrawError(f"Part {part_id} has moved in a circle: {' to '.join([*seen, target])}.")
            if target not in self:
                raise LDrawError(
                    f"Part {seen[-1]} has moved to {target}, which is not in {self.files.root}; the complete library "
                    "(complete.zip of ldraw.org) holds it."
                )
            seen.append(target)
        return seen[-1]

    def mesh(self, part_id: str) -> PartMesh:
        """Return the surface of a part in the part frame, in millimetres: box centred in x and y, standing on z = 0.

        Faces of a colour that its files fix keep it. Raises LDrawError if the files are not whole.
        """
        path, geometry = self._geometry(part_id)
        triangles, sharp, smooth = (
            points @ FRAME.T for points in (geometry.triangles, geometry.sharp_edges, geometry.smooth_edges)
        )
        origin = _foot(triangles)
        points = np.concatenate([piece.reshape(-1, 3) for piece in (triangles, sharp, smooth)]) - origin
        vertices, index = weld(points)
        stops = np.cumsum([3 * len(triangles), 2 * len(sharp)])
        faces, sharp_pairs, smooth_pairs = (
            part.reshape(-1, width) for part, width in zip(np.split(index, stops), (3, 2, 2), strict=True)
        )
        kept = sound_faces(vertices, faces)
        if not len(kept):
            raise LDrawError(
                f"Part {part_id} has no surface: all faces of {path} and of what it refers to are points or lines "
                "(corners in one line, or placed by a matrix that flattens them)."
            )
        faces, given = outward_faces(vertices, faces[kept], geometry.certified[kept]), faces[kept]
        normals = corner_normals(vertices, faces, sharp_pairs, smooth_pairs)
        used, compact = np.unique(faces, return_inverse=True)
        return PartMesh(
            np.ascontiguousarray(vertices[used], dtype=np.float32),
            np.ascontiguousarray(compact.reshape(-1, 3), dtype=np.int32),
            normals,
            paint_of(geometry.colors[kept], self.colors),
            print=print_of(geometry.pictures[kept], turned_with(geometry.uv[kept], given, faces)),
        )

    def origin_mm(self, part_id: str) -> NDArray[np.float64]:
        """Return where the origin of the part frame lies in LDraw's own frame of a part, z up, (3,), in millimetres."""
        number = self.resolve(part_id)
        if number not in self._origins:
            self._origins[number] = _foot(self._geometry(number)[1].triangles @ FRAME.T)
        return self._origins[number]

    def color(self, code: int) -> Color | None:
        """Return the colour of a code; None for 16, the colour of the brick, and for an unknown one."""
        found = look_of(code, self.colors)
        if found is None:
            return None
        known = next((color for color in COLORS if color.color_id == code), None)
        srgb = np.round(srgb_from_linear(np.array(found[0])) * 255).astype(int)
        return known or Color(code, f"LDraw {code}", "".join(f"{value:02X}" for value in srgb), 0, found[1])

    def _geometry(self, part_id: str) -> tuple[Path, Geometry]:
        """Return the file of a part, and what it and its references hold; LDrawError if that is no face."""
        path = self._existing(self.resolve(part_id))
        geometry = self._reader.read(path)
        if not len(geometry.triangles):
            raise LDrawError(f"Part {part_id} has no surface: {path} and what it refers to hold no face.")
        return path, geometry

    def _path(self, part_id: str) -> Path | None:
        folder, _, name = f"parts/{part_id.lower()}".rpartition("/")  # some numbers have moved to `s/NAME`
        return self.files.listing(folder).get(f"{name}.dat")

    def _existing(self, part_id: str) -> Path:
        path = self._path(part_id)
        if path is None:
            raise LDrawError(f"There is no part {part_id} in {self.files.root}.")
        return path


def _foot(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middle of the underside of the box of triangles (T, 3, 3), (3,)."""
    low, high = triangles.min(axis=(0, 1)), triangles.max(axis=(0, 1))
    return np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])


def _read_header(path: Path) -> Header:
    """Read the first lines of a file, up to the first that draws something."""
    lines = _header_lines(read_text(path, _HEADER_BYTES))
    if lines is None:
        whole = read_text(path)
        lines = _header_lines(whole) or whole
    title, category, kind = "", "", ""
    for number, line in enumerate(lines):
        words = line.split()
        if number == 0:
            title = " ".join(line.split(" ")[1:]).strip()
        elif len(words) > 2 and words[1] == "!CATEGORY":
            category = " ".join(words[2:])
        elif len(words) > 2 and words[1] == "!LDRAW_ORG":
            kind = " ".join(words[2:])
    return Header(title, category or title.lstrip("~=_| ").partition(" ")[0], kind)


def _header_lines(lines: list[str]) -> list[str] | None:
    """Return the lines before the first that draws something, None if none of them does."""
    drawing = (number for number, line in enumerate(lines) if line.split() and line.split()[0] != "0")
    first = next(drawing, None)
    return None if first is None else lines[:first]


def _natural(part_id: str) -> tuple[int, str]:
    digits = re.match(r"\d+", part_id)
    return (int(digits[0]) if digits else 10**12, part_id)
