"""LDraw models, .ldr and .mpd: which parts, in which colours, where (https://www.ldraw.org/article/47)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender_assets.ldraw.colors import MAIN
from blender_assets.ldraw.geometry import DEEPEST
from blender_assets.ldraw.library import FRAME, LDrawLibrary
from blender_assets.ldraw.lines import LDrawError, Reference, parse_lines, read_text

MOST_PARTS = 500
"""Of one model: a pile holds no more bricks."""

_ROUNDING = 5e-3
"""How far a rotation may be from one: models are written with three digits or more."""


@dataclass(frozen=True)
class PlacedPart:
    """One part of a model."""

    part_id: str
    color: int
    """Code; 16 is the colour of the whole model."""

    model_from_part: NDArray[np.float64]  # (3, 4) z up, millimetres; the part as `LDrawLibrary.mesh` returns it


def read_model(path: Path, library: LDrawLibrary) -> list[PlacedPart]:
    """Return the parts of the model in `path`, in the order of its lines; sub-models are taken apart.

    The first file of an .mpd is the model. A reference means another of its files, else a file beside it, else a part
    of the library.

    Raises:
        LDrawError: the model is not there, is damaged, refers to what is not there or in a circle, holds faces of its
            own, or a part that is scaled or mirrored, or has no part or too many.
    """
    if not path.is_file():
        raise LDrawError(f"The model {path} is not there; paths start at the current folder.")
    sections = _sections(path)
    placed: list[PlacedPart] = []
    first = next(iter(sections))
    for found in _walk(path, first, sections, library, np.eye(3, 4), MAIN, (first,)):
        placed.append(found)
        if len(placed) > MOST_PARTS:
            raise LDrawError(f"The model {path} has more than {MOST_PARTS} parts.")
    if not placed:
        raise LDrawError(f"The model {path} holds no part.")
    return placed


def _sections(path: Path) -> dict[str, list[str]]:
    """Return the lines of each file in an .mpd by its name in lower case; a plain model is one without a name."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in read_text(path):
        words = line.split()
        if words[:2] in (["0", "FILE"], ["0", "NOFILE"]):
            name = _lower(" ".join(words[2:])) if words[1] == "FILE" else "\0"  # what follows NOFILE is in no file
            continue
        if name != "\0" and (words or name):
            found.setdefault(name, []).append(line)
    return {name: lines for name, lines in found.items() if name or len(found) == 1} or {"": []}


def _walk(
    path: Path,
    name: str,
    sections: dict[str, list[str]],
    library: LDrawLibrary,
    pose: NDArray[np.float64],
    color: int,
    chain: tuple[str, ...],
) -> Iterator[PlacedPart]:
    """Yield the parts of one of the files, which is placed by `pose` (3, 4), in LDraw units."""
    if len(chain) > DEEPEST:
        raise LDrawError(f"The model {path} has sub-models more than {DEEPEST} deep.")
    own, references = parse_lines(sections[name], path)
    if len(own.triangles):
        raise LDrawError(f"The model {path} holds faces of its own; only parts of the library can be read.")
    for reference in references:
        target, code = _lower(reference.name), color if reference.color == MAIN else reference.color
        here = _composed(pose, reference)
        if target not in sections and (path.parent / target).is_file() and target.endswith((".ldr", ".mpd")):
            inner = _sections(path.parent / target)
            sections |= {target: next(iter(inner.values()))} | {k: v for k, v in inner.items() if k not in sections}
        if target in sections:
            if target in chain:
                raise LDrawError(f"The model {path} refers to {reference.name} in a circle.")
            yield from _walk(path, target, sections, library, here, code, (*chain, target))
            continue
        part_id = target.removesuffix(".dat")
        if part_id not in library:
            raise LDrawError(
                f"The model {path} refers to {reference.name!r}, which is neither in it, nor beside it, nor a part in "
                f"{library.files.root}."
            )
        yield _placed_part(path, library.resolve(part_id), code, here, library)


def _placed_part(path: Path, part_id: str, color: int, pose: NDArray[np.float64], library: LDrawLibrary) -> PlacedPart:
    turn = pose[:, :3]
    if np.abs(turn @ turn.T - np.eye(3)).max() > _ROUNDING or np.linalg.det(turn) < 0:
        raise LDrawError(f"The model {path} has a part {part_id} that is scaled or mirrored.")
    u, _, v = np.linalg.svd(turn)
    axes = FRAME / np.cbrt(np.linalg.det(FRAME))
    rotation = axes @ u @ v @ axes.T
    shift = rotation @ library.origin_mm(part_id) + FRAME @ pose[:, 3]
    return PlacedPart(part_id, color, np.column_stack([rotation, shift]))


def _composed(pose: NDArray[np.float64], reference: Reference) -> NDArray[np.float64]:
    return np.column_stack([pose[:, :3] @ reference.matrix, pose[:, :3] @ reference.offset + pose[:, 3]])


def _lower(name: str) -> str:
    return name.strip().replace("\\", "/").lower()
