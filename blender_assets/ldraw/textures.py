"""Textures of an LDraw file (!TEXMAP): which lines they are on, and how they are projected.

Follows the language extension for texture mapping (https://www.ldraw.org/texmap-spec.html), for planar projection. Of
other projections, and where the picture is not there, the fallback is read, as by a reader without textures.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FindPicture = Callable[[str], Path | None]


@dataclass(frozen=True)
class Texture:
    """A picture, projected along the normal of a plane."""

    file: Path
    corners: NDArray[np.float64]  # (3, 3): where its top left, top right and bottom left are

    def project(self, triangles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the place in the picture of each corner of triangles (T, 3, 3), from left and below, (T, 3, 2)."""
        origin, right, down = self.corners
        across, along = right - origin, down - origin
        u = (triangles - origin) @ across / (across @ across)
        v = (triangles - origin) @ along / (along @ along)
        return np.stack([u, 1 - v], axis=-1)


def textured_lines(lines: Sequence[str], find: FindPicture) -> Iterator[tuple[int, str, Texture | None]]:
    """Yield number (from 1), text and texture of each line that a reader of textures reads."""
    stack: list[Texture | None] = []
    once: Texture | None = None
    skipping = 0  # how deep inside a fallback
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words[:2] == ["0", "!TEXMAP"] and len(words) > 2:
            match words[2].upper():
                case "START":
                    stack.append(_texture(words[3:], find))
                    skipping += skipping > 0
                case "NEXT":
                    once = _texture(words[3:], find)
                case "FALLBACK" if stack:
                    # Of a texture that cannot be used, the fallback is what is read.
                    skipping = max(skipping, int(stack[-1] is not None))
                case "END" if stack:
                    stack.pop()
                    skipping = max(skipping - 1, 0)
            continue
        if words[:2] == ["0", "!:"]:
            if once is None and (not stack or stack[-1] is None):
                continue
            line = line.split("!:", 1)[1]
            words = line.split()
        if skipping:
            continue
        yield number, line, once or (stack[-1] if stack else None)
        if words and words[0] != "0":
            once = None


def _texture(words: Sequence[str], find: FindPicture) -> Texture | None:
    """Return the texture of a statement's words, from its method on; None if it cannot be used."""
    if len(words) < 11 or words[0].upper() != "PLANAR":
        return None
    name = " ".join(words[10:])
    name = name[1:].partition('"')[0] if name.startswith('"') else words[10]
    try:
        corners = np.array([float(word) for word in words[1:10]]).reshape(3, 3)
    except ValueError:
        return None
    file = find(name)
    flat = np.linalg.norm(corners[1:] - corners[0], axis=1).min() < 1e-9
    return None if file is None or flat or not np.isfinite(corners).all() else Texture(file, corners)
