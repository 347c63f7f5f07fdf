"""Lightings as plain data: a few area lights over an even ambient light, at a set exposure.

All lengths in millimetres around the middle of the pile. Strength is given as illuminance on the
floor relative to that of a correct exposure, so every lighting yields pictures of similar brightness
and the camera's exposure alone makes them darker or brighter.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class AreaLight:
    """A round area light that looks at the middle of the pile."""

    azimuth_deg: float
    elevation_deg: float
    distance_mm: float
    diameter_mm: float
    share: float
    """Its part of the light that falls on the floor, 0..1."""

    kelvin: float


@dataclass(frozen=True)
class Lighting:
    """The light of one pile."""

    name: str
    ambient_share: float
    ambient_kelvin: float
    lamps: tuple[AreaLight, ...]

    @property
    def light_rgb(self) -> Rgb:
        """Tint of the light that falls on the floor, linear Rec. 709, luminance 1."""
        white = kelvin_to_linear_rgb(self.ambient_kelvin) * self.ambient_share
        for lamp in self.lamps:
            white = white + kelvin_to_linear_rgb(lamp.kelvin) * lamp.share
        red, green, blue = (float(channel) for channel in white / (white @ [0.2126, 0.7152, 0.0722]))
        return red, green, blue


def _window(rng: np.random.Generator) -> tuple[float, float, tuple[AreaLight, ...]]:
    share = rng.uniform(0.5, 0.75)
    lamp = AreaLight(rng.uniform(0, 360), rng.uniform(28, 50), 1500, rng.uniform(700, 1200), share, 6500)
    return 1 - share, rng.uniform(5500, 7500), (lamp,)


def _desk_lamp(rng: np.random.Generator) -> tuple[float, float, tuple[AreaLight, ...]]:
    share = rng.uniform(0.6, 0.85)
    lamp = AreaLight(
        rng.uniform(0, 360),
        rng.uniform(35, 70),
        rng.uniform(350, 700),
        rng.uniform(30, 90),
        share,
        rng.uniform(2700, 3600),
    )
    return 1 - share, rng.uniform(3000, 5000), (lamp,)


def _ceiling(rng: np.random.Generator) -> tuple[float, float, tuple[AreaLight, ...]]:
    share = rng.uniform(0.45, 0.7)
    lamp = AreaLight(
        rng.uniform(0, 360), rng.uniform(60, 88), 1900, rng.uniform(250, 600), share, rng.uniform(2900, 4500)
    )
    return 1 - share, rng.uniform(3000, 5000), (lamp,)


def _overcast(rng: np.random.Generator) -> tuple[float, float, tuple[AreaLight, ...]]:
    share = rng.uniform(0.25, 0.45)
    lamp = AreaLight(rng.uniform(0, 360), rng.uniform(45, 80), 2000, 2200, share, 6800)
    return 1 - share, rng.uniform(6000, 7500), (lamp,)


def _two_lamps(rng: np.random.Generator) -> tuple[float, float, tuple[AreaLight, ...]]:
    share, azimuth = rng.uniform(0.65, 0.85), rng.uniform(0, 360)
    first = rng.uniform(0.5, 0.75)
    lamps = (
        AreaLight(azimuth, rng.uniform(35, 65), 700, rng.uniform(50, 150), share * first, rng.uniform(2700, 3500)),
        AreaLight(
            azimuth + rng.uniform(90, 200), rng.uniform(35, 65), 900, rng.uniform(100, 300), share * (1 - first), 5000
        ),
    )
    return 1 - share, 4000, lamps


def _sun(rng: np.random.Generator) -> tuple[float, float, tuple[AreaLight, ...]]:
    share = rng.uniform(0.6, 0.8)
    lamp = AreaLight(rng.uniform(0, 360), rng.uniform(30, 60), 3000, 45, share, rng.uniform(4800, 5600))
    return 1 - share, rng.uniform(6500, 9000), (lamp,)


LIGHTINGS: dict[str, Callable[[np.random.Generator], tuple[float, float, tuple[AreaLight, ...]]]] = {
    "window": _window,
    "desk_lamp": _desk_lamp,
    "ceiling": _ceiling,
    "overcast": _overcast,
    "two_lamps": _two_lamps,
    "sun": _sun,
}
"""Each makes the ambient share, its colour temperature and the lamps of one lighting."""


def sample_lighting(name: str, environment: str, rng: np.random.Generator) -> Lighting:
    """Return a lighting of the kind `name`, varied by `rng`."""
    ambient_share, ambient_kelvin, lamps = LIGHTINGS[name](rng)
    return Lighting(name, ambient_share, ambient_kelvin, lamps)


def list_panoramas(folder: str) -> list[str]:
    """Return the panoramas in the user's folder, sorted; SettingsError if there are none."""
    raise NotImplementedError


def sample_panorama(file: str, environment: str, rng: np.random.Generator) -> Lighting:
    """Return the light of the user's panorama `file`, turned at random."""
    raise NotImplementedError


def kelvin_to_linear_rgb(kelvin: float) -> NDArray[np.float64]:
    """Return the linear Rec. 709 colour of a black body, luminance 1, (3,).

    Source: Kim et al. 2002 cubic fit of the Planckian locus, valid 1667..25000 K.
    """
    t = 1e3 / min(max(kelvin, 1667.0), 25000.0)
    if kelvin <= 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if kelvin <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    rgb_from_xyz = np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
    )
    return np.asarray(np.clip(rgb_from_xyz @ xyz, 0.02, None))
