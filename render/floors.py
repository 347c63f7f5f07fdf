"""Floors as plain data: a kind, a style, colours, a turn and a shift. Their shaders are in `render.floor_shaders`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blender_assets.colors import Rgb, linear_rgb
from core.errors import SettingsError


@dataclass(frozen=True)
class Floor:
    """The floor of one picture; colours are scene-linear, 0..1."""

    name: str
    style: str
    """One of the kind's `STYLES`: each has a shader of its own."""

    base_rgb: Rgb
    second_rgb: Rgb
    """Of grain, weft, print or chips."""

    third_rgb: Rgb
    """Of the table below a sheet, of grout, or of a pattern's third part."""

    roughness: float
    size_mm: tuple[float, float]
    """Of what the floor is made of: a sheet, a plank, a tile, the pitch of threads or ribs, a grain."""

    turn_deg: float
    shift_mm: tuple[float, float]
    picture: str | None = None
    """File of the user's own picture, shown `picture_mm` wide."""

    picture_mm: float = 0.0


class Look(NamedTuple):
    """What a kind of floor decides by itself."""

    base_rgb: Rgb
    second_rgb: Rgb
    third_rgb: Rgb
    roughness: float
    size_mm: tuple[float, float]


# sRGB values as they show in photos of such things, and how often each is met. Tables are light and neutral mostly.
_TABLES = {
    "E9E6E0": 5, "D9D4CA": 5, "CFC3AE": 6, "C4B49A": 4, "B9B5AE": 4, "9C9A97": 3, "F1F0EE": 4, "A58E72": 2,
    "6E6D6C": 1.5, "3A3A3C": 1.2, "1D1D1F": 0.8, "5B4636": 0.8,
}  # fmt: skip
_PAINTS = {
    "F2F0EB": 6, "E4DFD5": 5, "D8D9DA": 4, "CBBFA8": 3, "A9ADB1": 2.5, "7D8287": 1.5, "55595E": 1, "26282B": 1.2,
    "121214": 0.6, "A9C3CE": 1, "5F87A6": 1, "23405E": 0.8, "B7C9A8": 0.8, "5E7F58": 0.8, "1F4A38": 0.6, "E9D48A": 1,
    "D9A13B": 0.6, "C9694B": 0.6, "9E2B2A": 0.7, "5A1F24": 0.4, "E2B8B5": 0.7, "8B6FA0": 0.4, "3F2F55": 0.3,
    "6FB5AE": 0.5,
}  # fmt: skip
_WOODS = {  # oak, beech, pine, birch, ash, cherry, teak, walnut, wenge, weathered, whitewashed
    "B58D5E": 4, "C79B6D": 3, "D7AE74": 3, "DCC199": 3, "CDB48F": 2, "9C5F3A": 1.5, "8C5E35": 1.5, "6A4830": 2,
    "3C2A20": 1, "8D857A": 1, "D6CFC2": 1.2,
}  # fmt: skip
_CLOTHS = {
    "E8E3D8": 3, "CFC5B2": 3, "A9A294": 2, "8C8C8E": 3, "5C5E63": 2, "2B2C30": 1.5, "34435E": 2.5, "5B7391": 2,
    "8FA5B5": 1.2, "9A2333": 1.5, "C3586B": 0.7, "6B1F2B": 0.7, "C99A2E": 1, "E2C46A": 0.7, "4F6B45": 1, "26453A": 0.7,
    "7A5A43": 1, "B7683C": 0.8, "6B5480": 0.5, "D8AEB0": 0.7, "3F8A93": 0.6,
}  # fmt: skip
_STONES = {
    "DAD7D1": 4, "BDB8B0": 4, "9B9893": 3, "6C6A69": 2, "2E2E30": 1.5, "C9B69A": 2, "A6897A": 1, "7C8A84": 0.7,
    "EDEAE4": 3, "4A5258": 1,
}  # fmt: skip
_BOARDS = {"B79268": 5, "A8845C": 4, "C4A37C": 3, "96744F": 2, "D9CDB8": 0.8, "8A8076": 0.6}
_PRINTS = {"8C9BB8": 4, "7FA3B0": 3, "A9A9AE": 3, "B38F9B": 1}


def _choose(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    shares = np.array(list(weights.values()), dtype=float)
    return list(weights)[rng.choice(len(weights), p=shares / shares.sum())]


def _color(weights: Mapping[str, float], rng: np.random.Generator) -> Rgb:
    """Return a colour near one of the palette: up to a sixth lighter or darker, and a little off in hue."""
    brightness = rng.uniform(0.84, 1.16)
    red, green, blue = (float(np.clip(c * brightness * rng.uniform(0.95, 1.05), 0.004, 0.86)) for c in
                        linear_rgb(_choose(weights, rng)))  # fmt: skip
    return red, green, blue


def _times(rgb: Rgb, factor: float) -> Rgb:
    red, green, blue = (min(channel * factor, 0.9) for channel in rgb)
    return red, green, blue


def _paper(_: str, rng: np.random.Generator) -> Look:
    white = _color({"EFEEEC": 5, "E8E6E0": 3, "F3F2F2": 3, "E6DFCF": 0.8}, rng)
    table = _color(_WOODS if rng.uniform() < 0.35 else _TABLES, rng)
    short, long = [(210.0, 297.0), (297.0, 420.0), (148.0, 210.0)][rng.choice(3, p=[0.6, 0.3, 0.1])]
    return Look(white, _color(_PRINTS, rng), table, 0.75, (short, long))


def _plain(style: str, rng: np.random.Generator) -> Look:
    base = _color(_PAINTS if style == "painted" else {**_TABLES, **_PAINTS}, rng)
    return Look(base, _times(base, rng.uniform(0.84, 0.96)), base, rng.uniform(0.25, 0.7), (rng.uniform(40, 150),) * 2)


def _desk(_: str, rng: np.random.Generator) -> Look:
    base = _color(_TABLES, rng)
    second = _times(base, rng.uniform(0.62, 0.88) if rng.uniform() < 0.75 else rng.uniform(1.1, 1.3))
    return Look(base, second, base, rng.uniform(0.25, 0.5), (rng.uniform(0.8, 1.6),) * 2)


def _wood(style: str, rng: np.random.Generator) -> Look:
    base = _color(_WOODS, rng)
    dark = rng.uniform(0.45, 0.78)
    second = (base[0] * dark, base[1] * dark * 0.94, base[2] * dark * 0.88)
    width = {"planks": rng.uniform(70, 190), "staves": rng.uniform(28, 60), "veneer": 1e4}[style]
    length = {"planks": rng.uniform(700, 2000), "staves": rng.uniform(250, 600), "veneer": 1e4}[style]
    return Look(base, second, _times(second, 0.12), rng.uniform(0.3, 0.65), (length, width))


def _tiles(style: str, rng: np.random.Generator) -> Look:
    base = _color(_PAINTS if style == "glazed" else _STONES, rng)
    grout = _color({"C8C4BC": 4, "9A968F": 3, "E3E0DA": 2, "5A5856": 1.5}, rng)
    length = rng.choice([50.0, 98.0, 100.0, 148.0, 150.0, 198.0, 298.0])
    width = length if rng.uniform() < 0.75 else length / 2
    roughness = rng.uniform(0.12, 0.35) if style == "glazed" else rng.uniform(0.35, 0.7)
    return Look(base, _times(base, rng.uniform(0.75, 0.95)), grout, roughness, (float(length), float(width)))


def _stone(style: str, rng: np.random.Generator) -> Look:
    base, roughness = _color(_STONES, rng), rng.uniform(0.15, 0.45)
    if style == "marble":
        light = _color({"EFEDE9": 5, "DDD8CE": 2, "2A2B2D": 1, "B9C2B8": 0.6}, rng)
        vein = _times(light, rng.uniform(0.3, 0.6)) if sum(light) > 0.5 else linear_rgb("C8C4BC")
        return Look(light, vein, _times(light, 0.9), roughness, (rng.uniform(90, 240),) * 2)
    pitch = rng.uniform(1.6, 4.0) if style == "granite" else rng.uniform(7, 18)
    return Look(base, _color(_STONES, rng), _color(_STONES, rng), roughness, (pitch, pitch))


def _cloth(style: str, rng: np.random.Generator) -> Look:
    base = _color(_CLOTHS, rng)
    second = _times(base, rng.uniform(0.5, 0.85))
    if style == "twill":  # weft of jeans is white
        second = _color({"B9BFC7": 2, "D9D6CF": 1}, rng)
    third = _color({"EDEAE4": 4, **_CLOTHS}, rng)
    return Look(base, second, third, 0.95, (rng.uniform(0.4, 1.5), rng.uniform(10, 40)))


def _carpet(style: str, rng: np.random.Generator) -> Look:
    base = _color({**_CLOTHS, "8D867C": 6, "6D675F": 4, "B5A995": 4, "4A4D55": 3}, rng)
    third = _times(base, rng.uniform(1.3, 2.2))
    pitch = rng.uniform(1.8, 4.0) if style == "tufted" else rng.uniform(1.2, 2.2)
    return Look(base, _times(base, rng.uniform(0.4, 0.75)), third, 1.0, (pitch, pitch))


def _ribbed(style: str, rng: np.random.Generator) -> Look:
    base = _color({**_CLOTHS, "C9982B": 4}, rng)
    pitch = rng.uniform(4, 6) if style == "corduroy" else rng.uniform(6, 10)
    return Look(base, _times(base, rng.uniform(0.35, 0.6)), base, 1.0, (pitch, pitch))


def _rug(style: str, rng: np.random.Generator) -> Look:
    base, third = _color(_CLOTHS, rng), _color(_CLOTHS, rng)
    second = _times(base, rng.uniform(0.55, 0.8)) if style == "ornament" else _color(_CLOTHS, rng)
    return Look(base, second, third, 1.0, (rng.uniform(40, 140), rng.uniform(30, 90)))


def _cardboard(style: str, rng: np.random.Generator) -> Look:
    base = _color(_BOARDS, rng)
    size = (rng.uniform(250, 420), rng.uniform(300, 600)) if style == "sheet" else (7.0, 7.0)
    return Look(base, _times(base, rng.uniform(0.6, 0.8)), _color(_TABLES, rng), 0.8, size)


FLOORS: dict[str, Callable[[str, np.random.Generator], Look]] = {
    "paper": _paper,
    "plain": _plain,
    "desk": _desk,
    "wood": _wood,
    "tiles": _tiles,
    "stone": _stone,
    "cloth": _cloth,
    "carpet": _carpet,
    "ribbed": _ribbed,
    "rug": _rug,
    "cardboard": _cardboard,
}
"""Each decides the colours and sizes of one floor of the given style."""

STYLES: dict[str, dict[str, float]] = {
    "paper": {"white": 4, "folded": 2, "squared": 2, "lined": 1.2, "notebook": 1.5},
    "plain": {"smooth": 2, "painted": 1},
    "desk": {"speckled": 1, "pebbled": 2, "printed": 1},
    "wood": {"planks": 1, "staves": 1, "veneer": 1.5},
    "tiles": {"glazed": 1, "clouded": 1},
    "stone": {"granite": 1, "terrazzo": 1, "marble": 1},
    "cloth": {"plain": 2, "twill": 1, "linen": 1.5, "checked": 1},
    "carpet": {"tufted": 1, "melange": 1},
    "ribbed": {"corduroy": 1, "blanket": 1},
    "rug": {"striped": 1, "diamonds": 1, "ornament": 1},
    "cardboard": {"board": 2, "sheet": 1},
}
"""Styles of each kind and how often each is drawn; `render.floor_shaders` has a shader for every one."""

SHEETS = {("paper", style) for style in STYLES["paper"]} | {("cardboard", "sheet")}
"""Floors that lie under the pile as a sheet with edges: they are shifted by a share of their size only."""


def sample_floor(name: str, rng: np.random.Generator, style: str | None = None) -> Floor:
    """Return a floor of the kind `name`, varied by `rng`; of any of its styles unless one is given."""
    style = style or _choose(STYLES[name], rng)
    look = FLOORS[name](style, rng)
    # A sheet's middle is near the pile's, so that its edges are seen, and now and then a corner lies below the bricks.
    reach = [0.33 * size if (name, style) in SHEETS else 2000.0 for size in look.size_mm]
    shift = (float(rng.uniform(-reach[0], reach[0])), float(rng.uniform(-reach[1], reach[1])))
    return Floor(name, style, *look, turn_deg=float(rng.uniform(0, 360)), shift_mm=shift)


PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")


def list_pictures(folder: str) -> list[str]:
    """Return the pictures directly in the user's folder, sorted; SettingsError if there is no folder or none in it."""
    path = Path(folder)
    if not path.is_dir():
        raise SettingsError(f"The folder of floor pictures {folder!r} is missing; check floor_pictures.")
    found = sorted(str(file) for file in path.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES and file.is_file())
    if not found:
        raise SettingsError(f"The folder of floor pictures {folder!r} holds no {', '.join(PICTURE_SUFFIXES)} files.")
    return found


def sample_picture_floor(file: str, width_mm: float, rng: np.random.Generator) -> Floor:
    """Return a floor that shows the user's picture `file`, `width_mm` wide and mirrored beyond its borders."""
    grey = (0.5, 0.5, 0.5)
    shift = (float(rng.uniform(0, 2 * width_mm)), float(rng.uniform(0, 2 * width_mm)))
    return Floor(
        "picture", "picture", grey, grey, grey, float(rng.uniform(0.4, 0.8)), (width_mm, width_mm),
        turn_deg=float(rng.uniform(0, 360)), shift_mm=shift, picture=file, picture_mm=width_mm,
    )  # fmt: skip
