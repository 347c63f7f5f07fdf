"""Pages that show parts: one part from all sides, or many side by side."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from blender_assets.colors import Color
from blender_assets.drawing import ABOVE, BELOW, SIX_SIDES, View, draw_part, extent_mm
from blender_assets.mesh import PartMesh
from blender_assets.part import Part
from core.progress import Progress

PAPER, INK, QUIET, RULE = (251, 251, 249), (28, 32, 38), (120, 126, 134), (226, 227, 224)

_WIDTH, _MARGIN = 1400, 56
_CELL, _CAPTION, _GAP = 172, 44, 14

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Rectangle = tuple[float, float, float, float]
"""Left, top, width, height, in pixels."""


def part_page(part: Part, mesh: PartMesh, color: Color) -> Image.Image:
    """Return a page with a part at a slant from above and below, and to one scale from its six sides."""
    cell = (_WIDTH - 2 * _MARGIN - 2 * _GAP) / 3
    sides = [SIX_SIDES[k : k + 3] for k in (0, 3)]
    extents = np.array([[extent_mm(mesh, view) for view in row] for row in sides])  # (2, 3, 2)
    scale = min((cell - 20) / extents[..., 0].max(), 250 / extents[..., 1].max(), 16.0)
    heights = [row[:, 1].max() * scale for row in extents]
    page = Image.new("RGB", (_WIDTH, int(720 + sum(heights) + 2 * 80 + _MARGIN)), PAPER)
    pen = ImageDraw.Draw(page)
    _write_heading(pen, part, mesh)
    _draw_pair(page, mesh, color)
    pen.line((_MARGIN, 690, _WIDTH - _MARGIN, 690), RULE, 2)
    _draw_ruler(pen, scale, 690)
    top = 730.0
    for row, height in zip(sides, heights, strict=True):
        for k, view in enumerate(row):
            left = _MARGIN + k * (cell + _GAP)
            _place(page, mesh, view, color, (left, top, cell, height), scale)
            pen.text((left + cell / 2, top + height + 14), view.name, QUIET, _font(20), anchor="ma")
        top += height + 80
    return page


def parts_sheet(
    shown: Sequence[tuple[Part, PartMesh]], color: Color, side: Literal["above", "below"], title: str, columns: int
) -> Image.Image:
    """Return a page with all parts in `shown`, each as large as its cell allows, its number and name below."""
    view = ABOVE if side == "above" else BELOW
    columns = max(1, min(columns, len(shown)))
    rows = -(-len(shown) // columns)
    width = 2 * _MARGIN + columns * (_CELL + _GAP) - _GAP
    page = Image.new("RGB", (width, 150 + rows * (_CELL + _CAPTION + _GAP) + _MARGIN // 2), PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((_MARGIN, 44), title, INK, _fitting(title, 38, width - 2 * _MARGIN))
    pen.line((_MARGIN, 112, width - _MARGIN, 112), RULE, 2)
    with Progress("Drawing", len(shown), "parts") as progress:
        for k, (part, mesh) in enumerate(shown):
            left = _MARGIN + (k % columns) * (_CELL + _GAP)
            top = 136 + (k // columns) * (_CELL + _CAPTION + _GAP)
            box = (left + 6, top + 6, _CELL - 12, _CELL - 12)
            _place(page, mesh, view, part.color or color, box, min(_fit(mesh, view, box), 7.5))
            pen.text((left + _CELL / 2, top + _CELL), part.part_id, INK, _font(17), anchor="ma")
            name = _shortened(part.name, 12, _CELL)
            pen.text((left + _CELL / 2, top + _CELL + 21), name, QUIET, _font(12), anchor="ma")
            progress.advance()
    return page


def _write_heading(pen: ImageDraw.ImageDraw, part: Part, mesh: PartMesh) -> None:
    number = _font(46)
    pen.text((_MARGIN, 90), part.part_id, INK, number, anchor="ls")
    start = _MARGIN + pen.textlength(part.part_id, number) + 24
    pen.text((start, 90), part.name, QUIET, _fitting(part.name, 46, _WIDTH - _MARGIN - start), anchor="ls")
    length, width, height = mesh.size_mm
    facts = (
        part.category,
        f"{length:.1f} x {width:.1f} x {height:.1f} mm",
        f"{mesh.mass_g:.2f} g" + (" of ABS" if mesh.own_mass_g is None else ""),
        f"{len(mesh.faces):,} triangles",
    )
    pen.text((_MARGIN, 116), "   ·   ".join(facts), QUIET, _font(21))
    pen.line((_MARGIN, 164, _WIDTH - _MARGIN, 164), RULE, 2)


def _draw_pair(page: Image.Image, mesh: PartMesh, color: Color) -> None:
    width = (_WIDTH - 2 * _MARGIN - _GAP * 3) / 2
    boxes = [(_MARGIN + k * (width + _GAP * 3), 196.0, width, 464.0) for k in range(2)]
    scale = min(*(_fit(mesh, view, box) for view, box in zip((ABOVE, BELOW), boxes, strict=True)), 28.0)
    for view, box in zip((ABOVE, BELOW), boxes, strict=True):
        _place(page, mesh, view, color, box, scale)


def _draw_ruler(pen: ImageDraw.ImageDraw, pixels_per_mm: float, y: float) -> None:
    """Draw the distance between two studs, 8 mm, hanging from the rule at `y`."""
    stop = _WIDTH - _MARGIN
    start = stop - 8 * pixels_per_mm
    for x in (start, stop):
        pen.line((x, y - 7, x, y + 7), QUIET, 2)
    pen.line((start, y, stop, y), QUIET, 2)
    pen.text((start - 12, y), "8 mm", QUIET, _font(16), anchor="rm", stroke_width=8, stroke_fill=PAPER)


def _fit(mesh: PartMesh, view: View, box: Rectangle) -> float:
    return float((np.array(box[2:]) / extent_mm(mesh, view)).min())


def _place(page: Image.Image, mesh: PartMesh, view: View, color: Color, box: Rectangle, pixels_per_mm: float) -> None:
    drawn = Image.fromarray(draw_part(mesh, view, color, pixels_per_mm), "RGBA")
    left, top, width, height = box
    page.paste(drawn, (round(left + (width - drawn.width) / 2), round(top + (height - drawn.height) / 2)), drawn)


def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _fitting(text: str, size: int, width: float) -> Font:
    """Return the font of `size`, or the largest smaller one in which `text` is not wider than `width`."""
    return next((_font(s) for s in range(size, 10, -1) if _font(s).getlength(text) <= width), _font(10))


def _shortened(text: str, size: int, width: float) -> str:
    """Return `text`, its end replaced by an ellipsis if it is wider than `width`."""
    font = _font(size)
    if font.getlength(text) <= width:
        return text
    return next((cut for n in range(len(text), 0, -1) if font.getlength(cut := text[:n].rstrip() + "…") <= width), "…")
