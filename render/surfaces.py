"""What floors are made of, as plain data: a drawn texture with colours, scale, turn and shift."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from blender_assets.colors import Rgb, linear_rgb
from render.textures.registry import SURFACES, VARIANTS


@dataclass(frozen=True)
class Surface:
    """One surface; colours are scene-linear, 0..1."""

    kind: str
    style: str
    """With `kind` the key of `render.textures.registry.SURFACES`."""

    variant: int
    """Which of its drawings."""

    base_rgb: Rgb
    second_rgb: Rgb
    """Of grain, weft, print or chips."""

    third_rgb: Rgb
    """Of joints, or of a pattern's third part."""

    roughness: float
    gloss: float
    """Specular level; 0.5 is that of plastic and lacquer, cloth has hardly any."""

    scale: float = 1.0
    """Factor on the drawing's true size."""

    turn_deg: float = 0.0
    shift_mm: tuple[float, float] = (0.0, 0.0)
    picture: str | None = None
    """File of the user's own picture, shown `picture_mm` wide in place of a drawing."""

    picture_mm: float = 0.0


class Look(NamedTuple):
    """What a kind of surface decides by itself."""

    base_rgb: Rgb
    second_rgb: Rgb
    third_rgb: Rgb
    roughness: float
    gloss: float = 0.5
    scale: float = 1.0


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

_INKS = {"1C1C1E": 6, "2B2F45": 2, "3A2E2A": 1, "1F3F7A": 1}
_BRIGHT = {
    "C8202B": 4, "1F5FA8": 3, "F2B81F": 3, "2E8B4A": 2, "E96A1E": 2, "7A2E7D": 1, "19191C": 1.5, "F4F2EC": 4,
    "5B2E1A": 1.5, "E58FB0": 0.8, "35A7B8": 1,
}  # fmt: skip


def choose(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    """Return one of the names, each as often as its weight says."""
    shares = np.array(list(weights.values()), dtype=float)
    return list(weights)[rng.choice(len(weights), p=shares / shares.sum())]


def _color(weights: Mapping[str, float], rng: np.random.Generator) -> Rgb:
    """Return a colour near one of the palette: up to a sixth lighter or darker, and a little off in hue."""
    brightness = rng.uniform(0.84, 1.16)
    red, green, blue = (float(np.clip(c * brightness * rng.uniform(0.95, 1.05), 0.004, 0.86)) for c in
                        linear_rgb(choose(weights, rng)))  # fmt: skip
    return red, green, blue


def _times(rgb: Rgb, factor: float) -> Rgb:
    red, green, blue = (min(channel * factor, 0.9) for channel in rgb)
    return red, green, blue


def _paper(style: str, rng: np.random.Generator) -> Look:
    white = _color({"EFEEEC": 5, "E8E6E0": 3, "F3F2F2": 3, "E6DFCF": 0.8}, rng)
    if style == "towel":
        return Look(white, _color({"9DB38A": 4, "8FA9BF": 2, "C9A3A0": 1}, rng), white, 0.95, 0.2)
    ink = _color({"2A3F8F": 4, "26262B": 2}, rng)
    return Look(white, _color(_PRINTS, rng), ink if style == "handwritten" else _color({"B96A6A": 1}, rng), 0.75, 0.35)


def _print(style: str, rng: np.random.Generator) -> Look:
    if style == "package":
        base, second = _color(_BRIGHT, rng), _color(_BRIGHT, rng)
        third = _color({"F4F2EC": 3, "F2B81F": 1} if sum(base) < 1.2 else {"19191C": 1, "7A1520": 1, "23305E": 1}, rng)
        return Look(base, second, third, rng.uniform(0.3, 0.5))
    paper = _color({"EFEEEC": 3, "E9E4D6": 2, "DFD8C6": 1}, rng)
    return Look(
        paper, _color(_INKS, rng), _color(_BRIGHT, rng), rng.uniform(0.6, 0.85) if style == "page" else 0.6, 0.4
    )


def _plain(style: str, rng: np.random.Generator) -> Look:
    base = _color(_PAINTS if style == "painted" else {**_TABLES, **_PAINTS}, rng)
    return Look(base, _times(base, rng.uniform(0.86, 0.97)), base, rng.uniform(0.25, 0.7))


def _desk(_: str, rng: np.random.Generator) -> Look:
    base = _color(_TABLES, rng)
    second = _times(base, rng.uniform(0.62, 0.88) if rng.uniform() < 0.75 else rng.uniform(1.1, 1.3))
    return Look(base, second, base, rng.uniform(0.25, 0.5), scale=rng.uniform(0.75, 1.25))


def _wood(_: str, rng: np.random.Generator) -> Look:
    base = _color(_WOODS, rng)
    dark = rng.uniform(0.3, 0.62)
    second = (base[0] * dark, base[1] * dark * 0.93, base[2] * dark * 0.85)
    return Look(base, second, _times(second, 0.2), rng.uniform(0.28, 0.65), scale=rng.uniform(0.8, 1.25))


def _tiles(style: str, rng: np.random.Generator) -> Look:
    grout = _color({"B8B3AA": 4, "908C85": 4, "D8D4CC": 2, "5A5856": 2}, rng)
    roughness = rng.uniform(0.12, 0.35) if style == "glazed" else rng.uniform(0.3, 0.65)
    if style == "wooden":
        wood = _wood("staves", rng)
        return Look(wood.base_rgb, wood.second_rgb, grout, roughness, scale=rng.uniform(0.9, 1.3))
    base = _color({**_PAINTS, "F2F0EB": 14, "E4DFD5": 9} if style == "glazed" else _STONES, rng)
    return Look(base, _times(base, rng.uniform(0.72, 0.92)), grout, roughness)


def _stone(style: str, rng: np.random.Generator) -> Look:
    base, roughness = _color(_STONES, rng), rng.uniform(0.12, 0.4)
    if style == "marble":
        light = _color({"EFEDE9": 5, "DDD8CE": 2, "2A2B2D": 1, "B9C2B8": 0.6}, rng)
        vein = _times(light, rng.uniform(0.3, 0.6)) if sum(light) > 0.5 else linear_rgb("C8C4BC")
        return Look(light, vein, light, roughness, scale=rng.uniform(0.6, 1.3))
    if style == "slate":
        return Look(base, _times(base, rng.uniform(0.6, 0.85)), base, rng.uniform(0.45, 0.7), 0.4)
    return Look(base, _color(_STONES, rng), _color(_STONES, rng), roughness, scale=rng.uniform(0.5, 1.2))


def _cloth(style: str, rng: np.random.Generator) -> Look:
    base = _color(_CLOTHS, rng)
    second, third = _times(base, rng.uniform(0.55, 0.85)), _color({"EDEAE4": 4, **_CLOTHS}, rng)
    if style == "twill":  # weft of jeans is white
        second = _color({"B9BFC7": 2, "D9D6CF": 1}, rng)
    elif style == "mesh":
        second = _times(base, rng.uniform(0.15, 0.5))
    elif style == "checked":
        second = _color(_CLOTHS, rng)
    elif style == "tablecloth":
        base = _color({"EDEAE4": 5, "E2D9C4": 3, **_CLOTHS}, rng)
        second = _color({"4F6B45": 4, "26453A": 2, **_CLOTHS}, rng)
    scale = rng.uniform(0.8, 1.2) if style in ("checked", "tablecloth", "mesh", "terry") else rng.uniform(0.45, 1.3)
    return Look(base, second, third, 0.95, 0.12, scale)


def _carpet(style: str, rng: np.random.Generator) -> Look:
    base = _color({**_CLOTHS, "8D867C": 6, "6D675F": 4, "B5A995": 6, "C9BFAE": 4, "4A4D55": 3}, rng)
    if style == "shaggy":
        base = _color({"E8E4DA": 6, "CFC7B8": 3, "9A948A": 2, "5C5E63": 1.5, "34435E": 0.7, "9A2333": 0.5}, rng)
    return Look(
        base, _times(base, rng.uniform(0.5, 0.8)), _times(base, rng.uniform(1.2, 1.7)), 1.0, 0.0, rng.uniform(0.75, 1.3)
    )


def _ribbed(_: str, rng: np.random.Generator) -> Look:
    base = _color({**_CLOTHS, "C9982B": 4}, rng)
    return Look(base, _times(base, rng.uniform(0.45, 0.7)), base, 1.0, 0.05, rng.uniform(0.7, 1.3))


def _rug(style: str, rng: np.random.Generator) -> Look:
    base, third = _color(_CLOTHS, rng), _color(_CLOTHS, rng)
    second = _times(base, rng.uniform(0.55, 0.8)) if style == "upholstery" else _color(_CLOTHS, rng)
    return Look(base, second, third, 1.0, 0.05, rng.uniform(0.6, 1.2))


def _cardboard(_: str, rng: np.random.Generator) -> Look:
    base = _color(_BOARDS, rng)
    third = _color({"2B2624": 3, "7A1F1F": 1, "1F3F6A": 1, "C9B48E": 3}, rng)
    return Look(base, _times(base, rng.uniform(0.6, 0.8)), third, 0.8, 0.25, rng.uniform(0.8, 1.2))


KINDS: dict[str, Callable[[str, np.random.Generator], Look]] = {
    "paper": _paper,
    "print": _print,
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
"""Each decides the colours and the scale of one surface of the given style."""


def sample_surface(kind: str, style: str, rng: np.random.Generator) -> Surface:
    """Return a surface of the given kind and style, varied by `rng`."""
    look = KINDS[kind](style, rng)
    shift = (float(rng.uniform(-2000, 2000)), float(rng.uniform(-2000, 2000)))
    variant = int(rng.integers(VARIANTS))
    return Surface(kind, style, variant, *look, turn_deg=float(rng.uniform(0, 360)), shift_mm=shift)


assert {kind for kind, _ in SURFACES} == set(KINDS)
