"""Floors as plain data: a kind, two colours, a turn and a shift. Their shaders are in `render.floor_shaders`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Floor:
    """The floor of one pile; colours are scene-linear, 0..1."""

    name: str
    base_rgb: Rgb
    second_rgb: Rgb
    turn_deg: float
    shift_mm: tuple[float, float]
    scale: float
    """Size of the pattern, relative to the natural one."""

    picture: str | None = None
    """File of the user's own picture, shown `picture_mm` wide."""

    picture_mm: float = 0.0


def _vary(rng: np.random.Generator, low: Rgb, high: Rgb) -> Rgb:
    """Return a colour between `low` and `high`, one draw for all channels and a little for each."""
    position = rng.uniform()
    mixed = [a + (b - a) * position for a, b in zip(low, high, strict=True)]
    red, green, blue = (float(np.clip(channel * rng.uniform(0.92, 1.08), 0.01, 0.9)) for channel in mixed)
    return red, green, blue


def _paper(rng: np.random.Generator) -> tuple[Rgb, Rgb]:
    return _vary(rng, (0.62, 0.61, 0.58), (0.80, 0.80, 0.79)), (0.45, 0.52, 0.66)


def _desk(rng: np.random.Generator) -> tuple[Rgb, Rgb]:
    base = _vary(rng, (0.33, 0.29, 0.23), (0.66, 0.60, 0.50))
    return base, (base[0] * 0.75, base[1] * 0.74, base[2] * 0.72)


def _wood(rng: np.random.Generator) -> tuple[Rgb, Rgb]:
    base = _vary(rng, (0.16, 0.075, 0.03), (0.50, 0.31, 0.15))
    return base, (base[0] * 0.45, base[1] * 0.40, base[2] * 0.36)


_CLOTHS: tuple[Rgb, ...] = (
    (0.24, 0.02, 0.03), (0.04, 0.06, 0.16), (0.30, 0.27, 0.22), (0.05, 0.10, 0.06), (0.34, 0.19, 0.03),
    (0.10, 0.10, 0.11), (0.20, 0.22, 0.26), (0.42, 0.40, 0.37),
)  # fmt: skip


def _cloth(rng: np.random.Generator) -> tuple[Rgb, Rgb]:
    chosen = _CLOTHS[rng.integers(len(_CLOTHS))]
    base = _vary(rng, chosen, chosen)
    return base, (base[0] * 0.55, base[1] * 0.55, base[2] * 0.55)


def _carpet(rng: np.random.Generator) -> tuple[Rgb, Rgb]:
    base = _vary(rng, (0.10, 0.09, 0.08), (0.36, 0.32, 0.27))
    return base, (base[0] * 0.4, base[1] * 0.4, base[2] * 0.42)


def _cardboard(rng: np.random.Generator) -> tuple[Rgb, Rgb]:
    base = _vary(rng, (0.30, 0.19, 0.10), (0.42, 0.29, 0.16))
    return base, (base[0] * 0.8, base[1] * 0.78, base[2] * 0.75)


FLOORS: dict[str, Callable[[np.random.Generator], tuple[Rgb, Rgb]]] = {
    "paper": _paper,
    "desk": _desk,
    "wood": _wood,
    "cloth": _cloth,
    "carpet": _carpet,
    "cardboard": _cardboard,
}
"""Each makes the two colours of one floor; a shader of the same name is in `render.floor_shaders`."""


def sample_floor(name: str, rng: np.random.Generator) -> Floor:
    """Return a floor of the kind `name`, varied by `rng`."""
    base, second = FLOORS[name](rng)
    shift = (float(rng.uniform(-500, 500)), float(rng.uniform(-500, 500)))
    return Floor(name, base, second, rng.uniform(0, 360), shift, rng.uniform(0.8, 1.25))


def list_pictures(folder: str) -> list[str]:
    """Return the pictures in the user's folder, sorted; SettingsError if there are none."""
    raise NotImplementedError


def sample_picture_floor(file: str, width_mm: float, rng: np.random.Generator) -> Floor:
    """Return a floor that shows the user's picture `file`, `width_mm` wide."""
    raise NotImplementedError
