"""Kinds of lighting by name, each varied by lot."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from core.errors import BrickbenchError, SettingsError
from render.light_colors import lamp_tint, sun_and_sky
from render.lighting import LUMINANCE, AreaLight, DistantLight, Flash, Lighting, Occluder, Panorama, tint
from render.panoramas import SUFFIXES, SUN_DEG, Disc, fit_panorama, floor_light

Rng = np.random.Generator
Range = tuple[float, float]

SMALL_DEG = 3.0
"""Bright discs of a panorama up to this diameter become suns."""

FAR_MM = 15_000.0
"""Distance of the lamps that stand in for wider ones: the light on the floor then falls off by 2 % over 15 cm."""

OCCLUDED = 0.6
"""How many of the pictures by lamp or sun have a shadow of the photographer on them."""


def _lamp(
    rng: Rng,
    share: float,
    elevation_deg: Range,
    distance_mm: Range,
    size_mm: Range,
    kelvin: Range,
    *,
    shaded: bool = False,
    azimuth_deg: float | None = None,
) -> AreaLight:
    """Return a round lamp; a shaded one makes a pool of light that need not lie in the picture's middle."""
    azimuth = rng.uniform(0, 360) if azimuth_deg is None else azimuth_deg
    distance, size = rng.uniform(*distance_mm), rng.uniform(*size_mm)
    elevation, color = rng.uniform(*elevation_deg), lamp_tint(rng.uniform(*kelvin), rng)
    if not shaded:
        return AreaLight(azimuth, elevation, distance, size, size, share, color)
    aim = rng.normal(0, 0.13 * distance, size=2).clip(-0.25 * distance, 0.25 * distance)
    spread = rng.uniform(100, 170)
    aim_mm = (float(aim[0]), float(aim[1]))
    return AreaLight(azimuth, elevation, distance, size, size, share, color, spread_deg=spread, aim_mm=aim_mm)


def _panel(rng: Rng, share: float) -> AreaLight:
    width, height = rng.uniform(600, 1300), rng.uniform(900, 1500)
    distance, elevation = rng.uniform(1200, 2600), rng.uniform(25, 50)
    color = lamp_tint(rng.uniform(5600, 7500), rng)
    return AreaLight(rng.uniform(0, 360), elevation, distance, width, height, share, color, disc=False)


def _window(rng: Rng) -> Lighting:
    share = rng.uniform(0.6, 0.88)
    return Lighting("window", 1 - share, lamp_tint(rng.uniform(4500, 6500), rng), (_panel(rng, share),))


def _one_lamp(
    name: str, share: Range, around_kelvin: Range, *place: Range, shaded: bool = False
) -> Callable[[Rng], Lighting]:
    """Return the kind of lighting by one lamp; `place` is its elevation, distance, size and colour, see `_lamp`."""

    def draw(rng: Rng) -> Lighting:
        of_lamp = rng.uniform(*share)
        lamp = _lamp(rng, of_lamp, *place, shaded=shaded)
        return Lighting(name, 1 - of_lamp, lamp_tint(rng.uniform(*around_kelvin), rng), (lamp,))

    return draw


def _two_lamps(rng: Rng) -> Lighting:
    share, first = rng.uniform(0.7, 0.9), rng.uniform(0.5, 0.75)
    one = _lamp(rng, share * first, (32, 65), (400, 900), (60, 200), (2500, 3500), shaded=True)
    apart = one.azimuth_deg + rng.uniform(90, 200)
    two = _lamp(rng, share * (1 - first), (40, 80), (900, 1800), (80, 300), (2700, 5000), azimuth_deg=apart)
    return Lighting("two_lamps", 1 - share, lamp_tint(rng.uniform(2800, 4500), rng), (one, two))


def _mixed(rng: Rng) -> Lighting:
    """Return a window's daylight from one side and a warm lamp from another."""
    share, first = rng.uniform(0.7, 0.88), rng.uniform(0.35, 0.65)
    window = _panel(rng, share * first)
    apart = window.azimuth_deg + rng.uniform(70, 290)
    lamp = _lamp(rng, share * (1 - first), (35, 75), (500, 1600), (40, 160), (2500, 3200), azimuth_deg=apart)
    return Lighting("mixed", 1 - share, lamp_tint(rng.uniform(3800, 5500), rng), (lamp, window))


def _sun(rng: Rng) -> Lighting:
    """Return sunlight that comes into a room."""
    share, elevation = rng.uniform(0.65, 0.88), rng.uniform(22, 60)
    color = sun_and_sky(elevation, rng.uniform(0.05, 0.2))[1]
    sun = DistantLight(rng.uniform(0, 360), elevation, SUN_DEG, share, color)
    return Lighting("sun", 1 - share, lamp_tint(rng.uniform(5000, 7000), rng), (sun,))


def _sun_sky(rng: Rng) -> Lighting:
    """Return the light of a clear day outside."""
    elevation = float(np.degrees(np.arcsin(rng.uniform(0.2, 0.92))))
    share, sun_rgb, sky_rgb = sun_and_sky(elevation, rng.uniform(0.03, 0.25))
    return Lighting(
        "sun_sky", 1 - share, sky_rgb, (DistantLight(rng.uniform(0, 360), elevation, SUN_DEG, share, sun_rgb),)
    )


def _flash(rng: Rng) -> Lighting:
    """Return a phone's flash beside the lens in a dim room."""
    share = rng.uniform(0.65, 0.93)
    turn, apart = rng.uniform(0, 2 * np.pi), rng.uniform(9, 24)
    flash = Flash(
        float(apart * np.cos(turn)), float(apart * np.sin(turn)), rng.uniform(4, 8), share,
        lamp_tint(rng.uniform(5000, 6200), rng),
    )  # fmt: skip
    return Lighting("flash", 1 - share, lamp_tint(rng.uniform(2700, 4500), rng), flash=flash)


def _occluder(rng: Rng) -> Occluder:
    """Return a hand with a phone (low, narrow) up to a head (high, wide), mostly from where the photographer stands."""
    return Occluder(
        side_deg=float(rng.normal(270, 70) % 360),
        reach=rng.uniform(0.2, 0.8),
        half_width_mm=rng.uniform(30, 180),
        height_mm=rng.uniform(80, 320),
        waves=tuple(float(wave) for wave in rng.normal(0, 0.12, size=9).clip(-0.3, 0.3)),
    )


def _by_panorama(file: str, name: str, environment: str, rng: Rng) -> Lighting:
    turn = rng.uniform(0, 360)
    if environment == "exact":
        light = floor_light(Path(file))
        return Lighting(name, 1.0, tint(light), panorama=Panorama(file, turn, float(1 / (light @ LUMINANCE))))
    fitted = fit_panorama(Path(file))
    lamps = [_far_lamp(disc, turn) for disc in fitted.discs]
    ambient = np.array(fitted.ambient_rgb)
    total = float(ambient @ LUMINANCE) + sum(lamp.share for lamp in lamps)
    return Lighting(
        name,
        float(ambient @ LUMINANCE) / total,
        tint(ambient),
        tuple(replace(lamp, share=lamp.share / total) for lamp in lamps),
    )


def _far_lamp(disc: Disc, turn_deg: float) -> AreaLight | DistantLight:
    azimuth, rgb = (disc.azimuth_deg + turn_deg) % 360, np.array(disc.radiance_rgb)
    half = np.radians(disc.diameter_deg / 2)
    if disc.diameter_deg <= SMALL_DEG:
        share = float(rgb @ LUMINANCE * np.sin(half) ** 2 * np.sin(np.radians(disc.elevation_deg)))
        return DistantLight(azimuth, disc.elevation_deg, disc.diameter_deg, share, tint(rgb))
    size = float(2 * FAR_MM * np.tan(half))
    lamp = AreaLight(azimuth, disc.elevation_deg, FAR_MM, size, size, 1.0, tint(rgb))
    return replace(lamp, share=float(rgb @ LUMINANCE) * lamp.white())


@cache
def _bundled_folder() -> Path:
    """Return the folder of the panoramas that come with Blender's module, which need not be loaded for that."""
    spec = importlib.util.find_spec("bpy")
    if spec is not None and spec.origin is not None:
        folders = sorted(Path(spec.origin).parent.glob("*/datafiles/studiolights/world"))
        if folders:
            return folders[-1]
    raise BrickbenchError("The panoramas that come with Blender's module bpy are missing. Run `make setup`.")


WORLDS = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")
"""The panoramas that come with Blender; all are in the public domain."""

_LAMPLIGHT: dict[str, Callable[[Rng], Lighting]] = {
    "window": _window,
    "desk_lamp": _one_lamp(
        "desk_lamp", (0.72, 0.94), (2600, 4000), (32, 72), (350, 750), (60, 200), (2500, 3400), shaded=True
    ),
    "ceiling": _one_lamp("ceiling", (0.65, 0.88), (2800, 4200), (45, 85), (1300, 2100), (120, 450), (2700, 4200)),
    "overcast": _one_lamp("overcast", (0.25, 0.5), (6000, 7500), (40, 80), (2000, 2600), (1600, 2600), (6200, 7200)),
    "two_lamps": _two_lamps,
    "mixed": _mixed,
    "sun": _sun,
    "sun_sky": _sun_sky,
    "flash": _flash,
}

LIGHTINGS = (*_LAMPLIGHT, *WORLDS)
"""Names of all lightings."""


def sample_lighting(name: str, environment: str, rng: Rng) -> Lighting:
    """Return a lighting of the kind `name`, varied by `rng`; a panorama's is ``fitted`` or ``exact``."""
    if name in WORLDS:
        return _by_panorama(str(_bundled_folder() / f"{name}.exr"), name, environment, rng)
    lighting = _LAMPLIGHT[name](rng)
    if lighting.lamps and name != "overcast" and rng.uniform() < OCCLUDED:
        return replace(lighting, occluder=_occluder(rng))
    return lighting


def list_panoramas(folder: str) -> list[str]:
    """Return the panoramas in the user's folder, sorted.

    Raises:
        SettingsError: there is no such folder, or no panorama in it.
    """
    if not Path(folder).is_dir():
        raise SettingsError(f"There is no folder {folder}; environment_pictures should name one with panoramas.")
    files = sorted(str(file) for file in Path(folder).iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise SettingsError(f"{folder} holds no panorama: files should end in {' or '.join(SUFFIXES)}.")
    return files


def sample_panorama(file: str, environment: str, rng: Rng) -> Lighting:
    """Return the light of the user's panorama `file`, turned by lot about the vertical and scaled.

    Raises:
        SettingsError: it cannot be read or is no panorama.
    """
    return _by_panorama(file, "panorama", environment, rng)
