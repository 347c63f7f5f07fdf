"""What floors are made of, as plain data: a drawn texture with colours, scale, turn and shift."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from blender_assets.colors import Rgb, linear_rgb
from render import palettes
from render.textures.registry import SURFACES, VARIANTS

Name = TypeVar("Name", str, tuple[str, str])


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


def choose(weights: Mapping[Name, float], rng: np.random.Generator) -> Name:
    """Return one of the names, each as often as its weight says."""
    shares = np.array(list(weights.values()), dtype=float)
    return list(weights)[rng.choice(len(weights), p=shares / shares.sum())]


def _color(weights: Mapping[str, float], rng: np.random.Generator) -> Rgb:
    """Return a colour near one of the palette: up to a sixth lighter or darker, and a little off in hue."""
    brightness = rng.uniform(0.84, 1.16)
    red, green, blue = (float(np.clip(c * brightness * rng.uniform(0.95, 1.05), 0.004, 0.86)) for c in
                        linear_rgb(choose(weights, rng)))  # fmt: skip
    return red, green, blue


def _near(rgb: Rgb, other: Rgb) -> Rgb:
    """Return a colour a third of the way to another, as faded and trodden yarns have it."""
    red, green, blue = (0.67 * a + 0.33 * b for a, b in zip(rgb, other, strict=True))
    return red, green, blue


def _times(rgb: Rgb, factor: float) -> Rgb:
    red, green, blue = (min(channel * factor, 0.9) for channel in rgb)
    return red, green, blue


def _paper(style: str, rng: np.random.Generator) -> Look:
    white = _color({"EFEEEC": 5, "E8E6E0": 3, "F3F2F2": 3, "E6DFCF": 0.8}, rng)
    if style == "towel":
        return Look(white, _color({"A5B892": 6, "9DB3C6": 1.5, "CDB0AC": 0.4}, rng), white, 0.95, 0.2)
    ink = _color({"2A3F8F": 4, "26262B": 2}, rng)
    return Look(
        white, _color(palettes.PRINTS, rng), ink if style == "handwritten" else _color({"B96A6A": 1}, rng), 0.75, 0.35
    )


def _print(style: str, rng: np.random.Generator) -> Look:
    if style == "package":
        base, second = _color(palettes.BRIGHT, rng), _color(palettes.BRIGHT, rng)
        third = _color({"F4F2EC": 3, "F2B81F": 1} if sum(base) < 1.2 else {"19191C": 1, "7A1520": 1, "23305E": 1}, rng)
        return Look(base, second, third, rng.uniform(0.3, 0.5))
    paper = _color({"EFEEEC": 3, "E9E4D6": 2, "DFD8C6": 1}, rng)
    return Look(
        paper,
        _color(palettes.INKS, rng),
        _color(palettes.BRIGHT, rng),
        rng.uniform(0.6, 0.85) if style == "page" else 0.6,
        0.4,
    )


def _plain(style: str, rng: np.random.Generator) -> Look:
    base = _color(palettes.PAINTS if style == "painted" else {**palettes.TABLES, **palettes.PAINTS}, rng)
    return Look(base, _times(base, rng.uniform(0.92, 0.99)), base, _dull_where_dark(base, rng.uniform(0.25, 0.7)))


def _desk(_: str, rng: np.random.Generator) -> Look:
    base = _color(palettes.TABLES, rng)
    second = _times(base, rng.uniform(0.62, 0.88) if rng.uniform() < 0.75 else rng.uniform(1.1, 1.3))
    return Look(base, second, base, _dull_where_dark(base, rng.uniform(0.25, 0.5)), scale=rng.uniform(0.75, 1.25))


def _dull_where_dark(rgb: Rgb, roughness: float) -> float:
    """Return the roughness of a table top: dark ones are mostly matt, and what they mirror would outshine the rest."""
    return roughness if sum(rgb) > 0.45 else max(roughness, 0.45)


def _wood(_: str, rng: np.random.Generator) -> Look:
    base = _color(palettes.WOODS, rng)
    dark = rng.uniform(0.3, 0.62)
    second = (base[0] * dark, base[1] * dark * 0.93, base[2] * dark * 0.85)
    return Look(base, second, _times(second, 0.2), rng.uniform(0.28, 0.65), scale=rng.uniform(0.8, 1.25))


def _tiles(style: str, rng: np.random.Generator) -> Look:
    grout = _color({"B8B3AA": 4, "908C85": 4, "D8D4CC": 2, "5A5856": 2}, rng)
    roughness = rng.uniform(0.12, 0.35) if style == "glazed" else rng.uniform(0.3, 0.65)
    if style == "wooden":
        wood = _wood("staves", rng)
        return Look(wood.base_rgb, wood.second_rgb, grout, roughness, scale=rng.uniform(0.9, 1.3))
    base = _color({**palettes.PAINTS, "F2F0EB": 14, "E4DFD5": 9} if style == "glazed" else palettes.STONES, rng)
    return Look(base, _times(base, rng.uniform(0.72, 0.92)), grout, roughness)


def _stone(style: str, rng: np.random.Generator) -> Look:
    base, roughness = _color(palettes.STONES, rng), rng.uniform(0.12, 0.4)
    if style == "marble":
        light = _color({"EFEDE9": 5, "DDD8CE": 2, "2A2B2D": 1, "B9C2B8": 0.6}, rng)
        vein = _times(light, rng.uniform(0.3, 0.6)) if sum(light) > 0.5 else linear_rgb("C8C4BC")
        return Look(light, vein, light, roughness, scale=rng.uniform(0.6, 1.3))
    if style == "slate":
        return Look(base, _times(base, rng.uniform(0.6, 0.85)), base, rng.uniform(0.45, 0.7), 0.4)
    return Look(
        base, _color(palettes.STONES, rng), _color(palettes.STONES, rng), roughness, scale=rng.uniform(0.5, 1.2)
    )


def _cloth(style: str, rng: np.random.Generator) -> Look:
    base = _color(palettes.CLOTHS, rng)
    second, third = _times(base, rng.uniform(0.55, 0.85)), _color({"EDEAE4": 4, **palettes.CLOTHS}, rng)
    if style == "twill":  # weft of jeans is white
        second = _color({"B9BFC7": 2, "D9D6CF": 1}, rng)
    elif style == "mesh":
        second = _times(base, rng.uniform(0.15, 0.5))
    elif style == "checked":
        second = _color(palettes.CLOTHS, rng)
    elif style == "tablecloth":
        base = _color({"EDEAE4": 5, "E2D9C4": 3, **palettes.CLOTHS}, rng)
        second = _color({"4F6B45": 4, "26453A": 2, **palettes.CLOTHS}, rng)
    scale = rng.uniform(0.8, 1.2) if style in ("checked", "tablecloth", "mesh", "terry") else rng.uniform(0.45, 1.3)
    return Look(base, second, third, 0.95, 0.12, scale)


def _carpet(style: str, rng: np.random.Generator) -> Look:
    base = _color({**palettes.CLOTHS, "8D867C": 6, "6D675F": 4, "B5A995": 6, "C9BFAE": 4, "4A4D55": 3}, rng)
    if style == "shaggy":
        base = _color({"E8E4DA": 6, "CFC7B8": 3, "9A948A": 2, "5C5E63": 1.5, "34435E": 0.7, "9A2333": 0.5}, rng)
    return Look(
        base, _times(base, rng.uniform(0.5, 0.8)), _times(base, rng.uniform(1.2, 1.7)), 1.0, 0.0, rng.uniform(0.75, 1.3)
    )


def _ribbed(_: str, rng: np.random.Generator) -> Look:
    base = _color({**palettes.CLOTHS, "C9982B": 4}, rng)
    return Look(base, _times(base, rng.uniform(0.45, 0.7)), base, 1.0, 0.05, rng.uniform(0.7, 1.3))


def _rug(style: str, rng: np.random.Generator) -> Look:
    base = _color(palettes.CLOTHS, rng)
    third = _near(_color(palettes.CLOTHS, rng), base)
    second = _times(base, rng.uniform(0.55, 0.8))
    if style != "upholstery":
        second = _near(_color(palettes.CLOTHS, rng), base)
    return Look(base, second, third, 1.0, 0.05, rng.uniform(0.6, 1.2))


def _cardboard(_: str, rng: np.random.Generator) -> Look:
    base = _color(palettes.BOARDS, rng)
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
