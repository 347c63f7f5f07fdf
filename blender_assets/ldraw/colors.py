"""LDraw's colours by code, as a library's LDConfig.ldr defines them (https://www.ldraw.org/article/299)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender_assets.colors import COLORS, Finish, Rgb, linear_rgb
from blender_assets.ldraw.lines import read_text
from blender_assets.paint import UNPAINTED, Paint, finish_number, make_paint

MAIN, EDGE = 16, 24
"""Codes that stand for the brick's colour, and for the colour of its edges."""

_OPAQUE_DIRECT, _CLEAR_DIRECT = 0x2, 0x3
"""Leading digit of direct colours, ``0x2RRGGBB``."""

_METALS = {"CHROME", "PEARLESCENT", "METAL"}


def read_colors(root: Path) -> dict[int, tuple[Rgb, Finish]]:
    """Return the scene-linear colour and finish of each code: the built-in ones, and others of LDConfig.ldr in `root`.

    A line of LDConfig.ldr that defines no colour is passed over.
    """
    known: dict[int, tuple[Rgb, Finish]] = {}
    config = next((path for path in root.iterdir() if path.name.lower() == "ldconfig.ldr"), None)
    for line in [] if config is None else read_text(config):
        words = line.split()
        if len(words) > 2 and words[:2] == ["0", "!COLOUR"]:
            values = dict(zip(words[3::2], words[4::2], strict=False))
            try:
                code, rgb = int(values["CODE"]), linear_rgb(values["VALUE"].removeprefix("#"))
            except (KeyError, ValueError):
                continue
            clear = "ALPHA" in words
            known[code] = rgb, "transparent" if clear else "metallic" if _METALS & set(words) else "solid"
    return known | {color.color_id: (color.linear_rgb, color.finish) for color in COLORS}


def paint_of(codes: NDArray[np.int64], colors: dict[int, tuple[Rgb, Finish]]) -> Paint | None:
    """Return the paint of faces with these colour codes (F,), None if all are of the brick's colour.

    An unknown code counts as the brick's colour, and so does that of its edges.
    """
    rgb, finish = np.zeros((len(codes), 3)), np.full(len(codes), UNPAINTED, dtype=np.int8)
    for code in np.unique(codes).tolist():
        found = look_of(code, colors)
        if found is not None:
            rgb[codes == code], finish[codes == code] = found[0], finish_number(found[1])
    return make_paint(rgb, finish)


def look_of(code: int, colors: dict[int, tuple[Rgb, Finish]]) -> tuple[Rgb, Finish] | None:
    """Return colour and finish of a code; None for that of the brick, that of its edges, and unknown ones."""
    if code in (MAIN, EDGE):
        return None
    return colors.get(code) if code < 1 << 24 else _direct(code)


def _direct(code: int) -> tuple[Rgb, Finish] | None:
    kind, value = code >> 24, f"{code & 0xFFFFFF:06X}"
    if kind not in (_OPAQUE_DIRECT, _CLEAR_DIRECT):
        return None
    return linear_rgb(value), "solid" if kind == _OPAQUE_DIRECT else "transparent"
