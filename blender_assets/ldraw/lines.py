"""One LDraw file as arrays: its faces, edges and references, as they stand in the file.

Follows the LDraw file format 1.0.2 and its language extension for back face culling (BFC).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender_assets.ldraw.quads import split_quads
from blender_assets.ldraw.textures import FindPicture, Texture, textured_lines
from core.errors import BrickbenchError

_KINDS = {
    "1": ("a colour, 12 numbers and a file name", 13),
    "2": ("a colour and 6 numbers", 7),
    "3": ("a colour and 9 numbers", 10),
    "4": ("a colour and 12 numbers", 13),
    "5": ("a colour and 12 numbers", 13),
}
LARGEST = 1e6
"""Coordinates beyond this, 400 m, are damage: the longest parts have some 1,300 units."""
LARGEST_COLOR = 2**31 - 1
"""Direct colours, ``0x2RRGGBB`` and up, need 26 bits; the format's tools hold 32."""
_LINE_END = re.compile(r"\r\n|\n|\r")
_MOVED = re.compile(r"~moved to\s+(\S+)", re.IGNORECASE)


class LDrawError(BrickbenchError):
    """A file of the library is damaged, incomplete or missing."""


@dataclass(frozen=True)
class Reference:
    """One line of type 1: another file, placed."""

    name: str
    color: int
    """Code of the colour in which what it brings in is drawn where that has none of its own."""

    matrix: NDArray[np.float64]  # (3, 3)
    offset: NDArray[np.float64]  # (3,)
    inverted: bool
    """INVERTNEXT stood before it."""

    clipped: bool
    """The winding of what it brings in can be relied on."""

    line_number: int

    texture: Texture | None = None
    """Projected onto what it brings in."""


@dataclass(frozen=True)
class Geometry:
    """Triangles and marked edges in the frame of the file that they are of, in LDraw units."""

    triangles: NDArray[np.float64]  # (T, 3, 3)
    colors: NDArray[np.int64]  # (T,) codes of colours; 16 is that of the brick
    certified: NDArray[np.bool_]  # (T,) counter-clockwise from outside; where False the winding is unknown
    sharp_edges: NDArray[np.float64]  # (E, 2, 3)
    smooth_edges: NDArray[np.float64]  # (C, 2, 3)
    pictures: NDArray[np.object_]  # (T,) file of the picture on each, None without one
    uv: NDArray[np.float64]  # (T, 3, 2) place of its corners in the picture, from left and below


@dataclass
class _Winding:
    """The state that BFC statements change from line to line."""

    certified: bool | None = None
    clip: bool = True
    clockwise: bool = False
    invert_next: bool = False

    @property
    def known(self) -> bool:
        return bool(self.certified) and self.clip

    def apply(self, words: Sequence[str]) -> None:
        for word in words:
            match word:
                case "CERTIFY" | "NOCERTIFY":
                    self.certified = word == "CERTIFY"
                case "CLIP" | "NOCLIP":
                    self.clip = word == "CLIP"
                case "CW" | "CCW":
                    self.clockwise = word == "CW"
                case "INVERTNEXT":
                    self.invert_next = True
        if self.certified is None:  # any statement but NOCERTIFY certifies
            self.certified = True


def moved_to(title: str) -> str | None:
    """Return the number that a title such as ``~Moved to 3023b`` points to, or None; ``s/NAME`` is a sub-part."""
    match = _MOVED.match(title)
    return match[1].lower().replace("\\", "/").removesuffix(".dat") if match else None


def read_text(path: Path, size: int = -1) -> list[str]:
    """Return the lines of `path`, or of its first `size` bytes.

    Old files that are not UTF-8 lose only letters in comments.
    Lines end as the format says, at CR, LF or both, and not at the other characters that Python takes for ends. What
    old tools leave is passed over: NUL characters, and Ctrl-Z with all that follows it, DOS's end of a file.
    """
    with path.open("rb") as file:
        data = file.read(size)
    text = data.partition(b"\x1a")[0].replace(b"\0", b"").decode("utf-8-sig", errors="replace")
    return _LINE_END.split(text)


def _no_picture(_: str) -> None:
    return None


def read_lines(path: Path, find_picture: FindPicture = _no_picture) -> tuple[Geometry, list[Reference]]:
    """Return the geometry of the file `path` itself, and its references; LDrawError names a damaged line."""
    return parse_lines(read_text(path), path, find_picture)


def parse_lines(
    lines: Sequence[str], path: Path, find_picture: FindPicture = _no_picture
) -> tuple[Geometry, list[Reference]]:
    """Return what `read_lines` does, of `lines` that stand in `path`."""
    winding = _Winding()
    faces: dict[int, list[list[float]]] = {3: [], 4: []}
    face_known: dict[int, list[bool]] = {3: [], 4: []}
    face_colors: dict[int, list[int]] = {3: [], 4: []}
    face_textures: dict[int, list[Texture | None]] = {3: [], 4: []}
    edges: dict[str, list[list[float]]] = {"2": [], "5": []}
    references: list[Reference] = []
    for number, line, texture in textured_lines(lines, find_picture):
        words = line.split()
        if not words:
            continue
        kind = words[0]
        if kind == "0":
            if len(words) > 2 and words[1] == "BFC":
                winding.apply(words[2:])
            continue
        color, values = _numbers(path, number, words)
        if kind == "1":
            matrix, offset = np.array(values[3:]).reshape(3, 3), np.array(values[:3])
            name = " ".join(words[14:])
            references.append(
                Reference(name, color, matrix, offset, winding.invert_next, winding.known, number, texture)
            )
        elif kind in edges:
            edges[kind].append(values[:6])
        else:
            corners = int(kind)
            if winding.clockwise:
                values = [value for k in range(corners, 0, -1) for value in values[3 * k - 3 : 3 * k]]
            faces[corners].append(values)
            face_known[corners].append(winding.known)
            face_colors[corners].append(color)
            face_textures[corners].append(texture)
        winding.invert_next = False
    halves, whole = split_quads(np.array(faces[4], dtype=np.float64).reshape(-1, 4, 3))
    triangles = np.concatenate([np.array(faces[3], dtype=np.float64).reshape(-1, 3, 3), halves])
    textures = face_textures[3] + [texture for texture in face_textures[4] for _ in range(2)]
    own = Geometry(
        triangles,
        np.array(face_colors[3] + [code for code in face_colors[4] for _ in range(2)], dtype=np.int64),
        np.array(face_known[3] + [known for known in face_known[4] for _ in range(2)], dtype=np.bool_)
        & np.concatenate([np.ones(len(faces[3]), dtype=np.bool_), np.repeat(whole, 2)]),
        np.array(edges["2"], dtype=np.float64).reshape(-1, 2, 3),
        np.array(edges["5"], dtype=np.float64).reshape(-1, 2, 3),
        *_projected(triangles, textures),
    )
    return own, references


def _projected(
    triangles: NDArray[np.float64], textures: Sequence[Texture | None]
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    pictures, uv = np.full(len(triangles), None, dtype=object), np.full((len(triangles), 3, 2), np.nan)
    for k, texture in enumerate(textures):
        if texture is not None:
            pictures[k], uv[k] = texture.file, texture.project(triangles[k : k + 1])[0]
    return pictures, uv


def color_code(text: str) -> int:
    """Return a colour's number: decimal, or ``0x2RRGGBB`` or ``#2RRGGBB`` for a direct colour; ValueError otherwise.

    Some tools write ``16.0``.
    """
    if text.lower().startswith(("0x", "#")):
        code = int(text.lower().removeprefix("0x").removeprefix("#"), 16)
    else:
        code = int(text.removesuffix(".0"))
    if abs(code) > LARGEST_COLOR:
        raise ValueError(f"a colour number has at most 31 bits: {text!r}")
    return code


def _numbers(path: Path, line_number: int, words: Sequence[str]) -> tuple[int, list[float]]:
    where = f"{path}, line {line_number}"
    if words[0] not in _KINDS:
        raise LDrawError(f"{where}: a line should begin with its type, 0 to 5; this one begins with {words[0]!r}.")
    wanted, count = _KINDS[words[0]]
    numbers = words[1 : count + 1]
    complaint = f"{where}: after its type, a line of type {words[0]} should hold {wanted}"
    if len(numbers) < count or (words[0] == "1" and len(words) == count + 1):
        raise LDrawError(f"{complaint}; this one ends after {len(words) - 1}.")
    try:
        color = color_code(numbers[0])
        values = [float(text) for text in numbers[1:]]
    except ValueError as error:
        raise LDrawError(
            f"{complaint}; {str(error).rpartition(':')[2].strip()} is no number that it can hold."
        ) from error
    if not (np.abs(values) <= LARGEST).all():  # NaN is not, either
        raise LDrawError(f"{complaint}, none beyond {LARGEST:,.0f}; one of its numbers is larger or not finite.")
    return color, values
