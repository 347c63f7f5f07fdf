"""The colours that an LDraw library defines in its LDConfig.ldr (https://www.ldraw.org/article/299)."""

import itertools
import re
from pathlib import Path

from blender_assets.colors import Color, Finish
from blender_assets.ldraw.lines import LDrawError, read_text

_VALUE = re.compile(r"#([0-9A-Fa-f]{6})")
_NUMBER = re.compile(r"[0-9]{1,9}")
_METALLIC = {"CHROME", "PEARLESCENT", "METAL", "MATTE_METALLIC"}


def load_ldconfig(path: Path) -> tuple[Color, ...]:
    """Return the colours in `path`, in their order there; LDrawError for a damaged line.

    RUBBER and speckled colours count as solid; anything with an ALPHA below 255 as transparent. LDraw says
    nothing of how common a colour is: each has weight 1.
    """
    return tuple(
        _color(line.split(), f"{path}, line {number}")
        for number, line in enumerate(read_text(path), 1)
        if line.split()[:2] == ["0", "!COLOUR"]
    )


def _color(words: list[str], where: str) -> Color:
    # What follows MATERIAL describes grains and repeats VALUE and ALPHA for them.
    words = words[: words.index("MATERIAL")] if "MATERIAL" in words else words
    fields = dict(itertools.pairwise(words[3:]))
    value = _VALUE.fullmatch(fields.get("VALUE", ""))
    if len(words) < 3 or value is None or not _NUMBER.fullmatch(fields.get("CODE", "")):
        raise LDrawError(f"{where}: a colour should read `0 !COLOUR NAME CODE number VALUE #RRGGBB EDGE …`.")
    alpha_text = fields.get("ALPHA", "255")
    if not _NUMBER.fullmatch(alpha_text) or int(alpha_text) > 255:
        raise LDrawError(f"{where}: ALPHA should be a whole number from 0 to 255, not {alpha_text!r}.")
    alpha = int(alpha_text) / 255
    finish: Finish = "transparent" if alpha < 1 else "metallic" if _METALLIC & set(words) else "solid"
    return Color(int(fields["CODE"]), words[2].replace("_", " "), value[1].upper(), 1.0, finish, alpha)
