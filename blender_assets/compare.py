"""How nearly two meshes of one part agree: sizes and silhouettes.

``python -m blender_assets.compare --ldraw DIR [PART_ID ...]`` prints it for the built-in parts.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blender_assets.mesh import PartMesh
from core.errors import BrickbenchError

SIZE_TOLERANCE_MM = 0.2 + 1e-3
"""LDraw's parts are nominal; moulded ones have 0.1 mm of play on each side."""

LEAST_IOU = 0.97

PIXEL_MM = 0.05
_SHIFT = 6


@dataclass(frozen=True)
class Comparison:
    """Agreement of two meshes, the second perhaps turned about z."""

    size_difference_mm: NDArray[np.float64]  # (3,) first less second
    silhouette_iou: NDArray[np.float64]
    """(3,) along x, y, z, after the first was stretched to the box of the second: the play of a moulded part
    alone costs a 1 x 1 brick 5 % of its outline. The view from the opposite side is the mirror image."""

    quarter_turns: int
    """By how many quarter turns about z, counter-clockwise from above, the second fits best."""

    @property
    def ok(self) -> bool:
        """Whether sizes and all silhouettes agree as far as the play of moulded parts allows."""
        return bool(
            (np.abs(self.size_difference_mm) <= SIZE_TOLERANCE_MM).all() and (self.silhouette_iou >= LEAST_IOU).all()
        )


def compare(ours: PartMesh, theirs: PartMesh) -> Comparison:
    """Return how far `ours` agrees with `theirs`, in the quarter turn about z that fits best (none, if that is ok)."""
    best: Comparison | None = None
    for turns in range(4):
        found = _compare_turned(ours, theirs, turns)
        if found.ok:
            return found
        if best is None or _fit(found) > _fit(best) + 1e-3:
            best = found
    assert best is not None
    return best


def _fit(comparison: Comparison) -> float:
    return float(comparison.silhouette_iou.mean() - np.abs(comparison.size_difference_mm).mean())


def _compare_turned(ours: PartMesh, theirs: PartMesh, turns: int) -> Comparison:
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[turns]
    rotation = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], dtype=np.float64)
    triangles = [
        ours.vertices_mm[ours.faces].astype(np.float64),
        theirs.vertices_mm[theirs.faces].astype(np.float64) @ rotation.T,
    ]
    boxes = [(corners.min(axis=(0, 1)), corners.max(axis=(0, 1))) for corners in triangles]
    sizes = [high - low for low, high in boxes]
    centred = [corners - (low + high) / 2 for corners, (low, high) in zip(triangles, boxes, strict=True)]
    centred[0] *= sizes[1] / np.maximum(sizes[0], 1e-9)
    iou = []
    for axis in range(3):
        kept = [other for other in range(3) if other != axis]
        one, two = (_silhouette(corners[:, :, kept], sizes[1][kept]) for corners in centred)
        iou.append(np.count_nonzero(one & two) / np.count_nonzero(one | two))
    return Comparison(sizes[0] - sizes[1], np.array(iou), turns)


def _silhouette(triangles: NDArray[np.float64], extent: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Draw triangles (T, 3, 2), centred on 0, into a mask of the size `extent` and a margin."""
    columns, rows = (int(np.ceil(side / PIXEL_MM)) + 4 for side in extent)
    mask = np.zeros((rows, columns), dtype=np.uint8)
    pixels = triangles / PIXEL_MM + np.array([columns, rows]) / 2 - 0.5
    fixed = np.round(pixels * (1 << _SHIFT)).astype(np.int32)
    for triangle in fixed:
        cv2.fillConvexPoly(mask, triangle, (1,), lineType=cv2.LINE_8, shift=_SHIFT)
    return mask > 0


def main() -> None:
    """Print the table for the parts on the command line, or for all built-in parts that the library has."""
    from blender_assets.catalogue import load_catalogue
    from blender_assets.ldraw.library import LDrawLibrary
    from core.cli import print_rows

    parser = argparse.ArgumentParser(description="Compare built-in parts with those of an LDraw library.")
    parser.add_argument("--ldraw", type=Path, required=True, help="folder of the library")
    parser.add_argument("part_ids", nargs="*", metavar="PART_ID", help="all built-in parts unless given")
    arguments = parser.parse_args()
    catalogue, library = load_catalogue(), LDrawLibrary(arguments.ldraw)
    rows: list[dict[str, object]] = []
    for part_id in arguments.part_ids or [part.part_id for part in catalogue]:
        part = catalogue[part_id]
        known = library.first_known((part.part_id, *part.aliases))
        if known is None:
            rows.append({"part": part_id, "name": part.name, "ok": "not in the library"})
            continue
        found = compare(catalogue.mesh(part_id), library.mesh(known))
        size, iou = found.size_difference_mm, found.silhouette_iou
        rows.append(
            {"part": part_id, "name": part.name}
            | {f"size {axis}": f"{value:+.2f}" for axis, value in zip("xyz", size, strict=True)}
            | {f"IoU {axis}": f"{value:.3f}" for axis, value in zip("xyz", iou, strict=True)}
            | {"turn": f"{90 * found.quarter_turns}", "ok": "ok" if found.ok else "NOT OK"}
        )
    columns = ["part", "name", "size x", "size y", "size z", "IoU x", "IoU y", "IoU z", "turn", "ok"]
    print_rows(rows, as_json=False, columns=columns)


if __name__ == "__main__":
    try:
        main()
    except BrickbenchError as error:
        raise SystemExit(f"Error: {error}") from None
