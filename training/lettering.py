"""Text in pictures, in the DejaVu Sans that comes with matplotlib: it has most of the world's letters, and marks."""

from functools import cache
from pathlib import Path

import matplotlib as mpl
from PIL import ImageFont

Font = ImageFont.FreeTypeFont

INK, MUTED, PAPER, RULE = "#1a1a1a", "#5f5f5f", "#ffffff", "#d9d9d9"


@cache
def font(size_px: int, *, bold: bool = False) -> Font:
    """Return DejaVu Sans at `size_px`."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / name), size_px)


def shortened(text: str, style: Font, width_px: float) -> str:
    """Return `text` in one line of at most `width_px`, cut with an ellipsis if need be."""
    flat = " ".join(text.split())
    if style.getlength(flat) <= width_px:
        return flat
    while flat and style.getlength(f"{flat}…") > width_px:
        flat = flat[:-1].rstrip()
    return f"{flat}…"
