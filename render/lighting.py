"""The light of one picture as plain data: an even or pictured world, lamps, a sun, a flash, and what stands in the way.

All lengths in millimetres around the middle of the pile. Strength is given as a share: the part of the luminance of a
white floor in the middle of the pile. Shares sum to 1, and radiance 1 is a white floor at a correct exposure, so every
lighting yields pictures of similar brightness and the camera's exposure alone makes them darker or brighter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_assets.colors import Rgb

Floats = NDArray[np.float64]

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Luminance of linear Rec. 709."""


@dataclass(frozen=True)
class AreaLight:
    """A flat lamp, window or bright patch of wall that looks at a point on the floor."""

    azimuth_deg: float
    elevation_deg: float
    """Height above the horizon, as seen from the middle of the pile."""

    distance_mm: float
    """From the middle of the pile."""

    width_mm: float
    height_mm: float
    share: float
    rgb: Rgb
    """Tint, linear Rec. 709, luminance 1."""

    disc: bool = True
    """An ellipse; else a rectangle."""

    spread_deg: float = 180.0
    """Opening of the cone that a shade leaves to the light; 180: none."""

    aim_mm: tuple[float, float] = (0.0, 0.0)
    """Where on the floor its axis points to."""

    @property
    def direction(self) -> Floats:
        """Unit vector from the middle of the pile to the lamp, (3,)."""
        return unit_vector(self.azimuth_deg, self.elevation_deg)

    def white(self) -> float:
        """Return the radiance of a white floor in the middle of the pile if the lamp has radiance 1."""
        back = self.direction * self.distance_mm - np.array([*self.aim_mm, 0.0])
        return panel_white(
            self.direction * self.distance_mm, back, (self.width_mm, self.height_mm), self.disc, self.spread_deg
        )


@dataclass(frozen=True)
class DistantLight:
    """A round light at infinity, such as the sun."""

    azimuth_deg: float
    elevation_deg: float
    diameter_deg: float
    share: float
    rgb: Rgb

    @property
    def direction(self) -> Floats:
        """Unit vector towards the light, (3,)."""
        return unit_vector(self.azimuth_deg, self.elevation_deg)


@dataclass(frozen=True)
class Flash:
    """The flash of the phone that takes the picture; its share is the mean over the floor in the picture."""

    right_mm: float
    """From the lens, in the camera's axes."""

    up_mm: float
    diameter_mm: float
    share: float
    rgb: Rgb


@dataclass(frozen=True)
class Occluder:
    """A hand, a phone or a head between the first lamp and the floor, whose shadow comes in over the picture's border.

    Its outline is a strip with a round end.
    """

    side_deg: float
    """Where the shadow comes from, seen from the picture's middle: 0 right, 90 above."""

    reach: float
    """How far it comes in, as a share of half the picture's width."""

    half_width_mm: float
    height_mm: float
    """Above the floor; the higher, the softer the shadow."""

    waves: tuple[float, ...]
    """Relative bulges of the outline, evenly spaced along it."""


@dataclass(frozen=True)
class Panorama:
    """A picture of all directions (equirectangular, .exr or .hdr) that is the world."""

    file: str
    turn_deg: float
    """By how much it is turned about the vertical, from x towards y."""

    gain: float
    """Factor on its radiance, such that its share is the lighting's `ambient_share`."""


@dataclass(frozen=True)
class Lighting:
    """The light of one picture."""

    name: str
    ambient_share: float
    """Share of the light that comes from all around."""

    ambient_rgb: Rgb
    """Its tint on the floor."""

    lamps: tuple[AreaLight | DistantLight, ...] = ()
    flash: Flash | None = None
    occluder: Occluder | None = None
    panorama: Panorama | None = None
    """What the light from all around looks like; none: it is even."""

    @property
    def light_rgb(self) -> Rgb:
        """Tint of the light that falls on the floor, linear Rec. 709, luminance 1."""
        light = np.array(self.ambient_rgb) * self.ambient_share
        for lamp in (*self.lamps, *([self.flash] if self.flash else [])):
            light = light + np.array(lamp.rgb) * lamp.share
        return tint(light)


def unit_vector(azimuth_deg: float, elevation_deg: float) -> Floats:
    """Return the unit vector (3,) that points there; azimuth counts from x towards y."""
    azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
    return np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])


def tint(rgb: Floats) -> Rgb:
    """Return the colour (3,) at luminance 1; white for black."""
    luminance = rgb @ LUMINANCE
    if luminance == 0:
        return 1.0, 1.0, 1.0
    red, green, blue = (float(channel) for channel in rgb / luminance)
    return red, green, blue


def panel_white(
    position_mm: Floats,
    back: Floats,
    size_mm: tuple[float, float],
    disc: bool,
    spread_deg: float = 180.0,
    floor_mm: Floats | None = None,
) -> float:
    """Return the mean radiance of a white floor under a flat lamp of radiance 1; what is below the floor is dark.

    Args:
        position_mm: its middle, (3,).
        back: vector (3,) of any length against the direction that it looks in.
        size_mm: its width and height.
        disc: whether it is an ellipse.
        spread_deg: opening of its shade, as Cycles has it: a grid of slats.
        floor_mm: points on the floor, (N, 3); none: the origin.
    """
    normal = -back / np.linalg.norm(back)
    side = np.cross(normal, [1.0, 0, 0] if abs(normal[2]) > 0.99 else [0.0, 0, 1])
    side /= np.linalg.norm(side)
    grid = (np.arange(24) + 0.5) / 24 - 0.5
    across, along = (axis.ravel() for axis in np.meshgrid(grid, grid))
    if disc:
        inside = across**2 + along**2 <= 0.25
        across, along = across[inside], along[inside]
    points = position_mm + np.outer(across * size_mm[0], side) + np.outer(along * size_mm[1], np.cross(side, normal))
    area = size_mm[0] * size_mm[1] * (np.pi / 4 if disc else 1.0)
    floor = np.zeros((1, 3)) if floor_mm is None else floor_mm
    ray = points - floor[:, None]  # (N, P, 3)
    distance = np.linalg.norm(ray, axis=2)
    leaving = np.maximum(-(ray @ normal) / distance, 1e-9)
    if spread_deg < 180:
        half = np.radians(spread_deg / 2)
        shaded = np.maximum(np.tan(half) - np.sqrt(1 - np.minimum(leaving, 1) ** 2) / leaving, 0)
        shaded /= np.tan(half) - half
    else:
        shaded = np.ones_like(leaving)
    arriving = np.maximum(ray[:, :, 2] / distance, 0)
    return float((leaving * arriving * shaded / distance**2).mean() * area / np.pi)
