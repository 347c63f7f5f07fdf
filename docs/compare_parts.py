"""Write docs/parts.md, the built-in parts held against those of an LDraw library.

``python docs/compare_parts.py DIR`` takes the folder of the library, with ``parts/`` and ``p/`` inside. It ends
with exit code 1 if a part is not as it should be.
"""

import sys
from pathlib import Path

import numpy as np

from blender_assets.catalogue import load_catalogue
from blender_assets.compare import LEAST_IOU, SIZE_TOLERANCE_MM, Comparison, compare
from blender_assets.ldraw.library import LDrawLibrary
from blender_assets.part import Part
from core.errors import BrickbenchError

PAGE = Path(__file__).with_name("parts.md")
HEADER = """# Parts

The built-in parts, held against the LDraw Parts Library. Written by `docs/compare_parts.py`.

LDraw's parts are nominal (a 2 x 4 brick is 32 x 16 mm); moulded ones, and ours, have 0.1 mm of play on each side. So
each axis may differ by {tolerance:.1f} mm. Outlines are compared after ours is stretched to the box of LDraw's, by the
share that both cover (intersection over union); {least:.2f} is enough. Seen from the opposite side an outline is its
own mirror image, so three views stand for six. A turn is how far LDraw's part was turned about the vertical,
counter-clockwise from above, to lie like ours.

Of the whole library, 18,615 numbers of its update 2024-05, 18,611 can be read, and 4 are told to have no surface
([rendering.md](rendering.md#parts-of-an-ldraw-library)). Parts may also be
[meshes of your own](rendering.md#meshes-of-your-own), and any part can be exported.

| number | name | length | width | height | outline from right and left | front and back | top and below | turn | ok |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |
"""


def row(part: Part, found: Comparison) -> str:
    """Return one line of the table."""
    cells = [
        part.part_id,
        part.name,
        *(f"{side:+.2f} mm" for side in found.size_difference_mm),
        *(f"{iou:.3f}" for iou in found.silhouette_iou),
        f"{90 * found.quarter_turns}°" if found.quarter_turns else "",
        "yes" if found.ok else "**no**",
    ]
    return f"| {' | '.join(cells)} |\n"


def page(library: LDrawLibrary) -> tuple[str, int]:
    """Return the whole page, and how many parts are not ok."""
    catalogue = load_catalogue()
    compared: list[tuple[Part, Comparison]] = []
    absent = []
    for part in catalogue:
        number = library.first_known((part.part_id, *part.aliases))
        if number is None:
            absent.append(f"{part.part_id} ({part.name})")
        else:
            compared.append((part, compare(catalogue.mesh(part.part_id), library.mesh(number))))
    text = HEADER.format(tolerance=SIZE_TOLERANCE_MM, least=LEAST_IOU) + "".join(row(*pair) for pair in compared)
    failed = sum(not found.ok for _, found in compared)
    outlines = np.array([found.silhouette_iou for _, found in compared])
    text += (
        f"\n{len(compared) - failed} of {len(compared)} parts agree; "
        f"outlines do so by {outlines.mean():.3f} on average, by {outlines.min():.3f} at least.\n"
    )
    if absent:
        text += f"\nNot in the library that was compared with: {', '.join(absent)}.\n"
    return text, failed


def main() -> None:
    """Write the page for the library on the command line."""
    if len(sys.argv) != 2:
        sys.exit("Say where the LDraw library is: python docs/compare_parts.py DIR")
    try:
        text, failed = page(LDrawLibrary(Path(sys.argv[1])))
    except BrickbenchError as error:
        sys.exit(f"Error: {error}")
    PAGE.write_text(text, encoding="utf-8")
    if failed:
        sys.exit(f"{PAGE.name}: {failed} parts are not as they should be.")


if __name__ == "__main__":
    main()
