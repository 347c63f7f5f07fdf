"""Panoramas: reading them, and an even light with a few bright discs in their place that lights things alike.

Cycles looks a panorama up for every ray that leaves the scene and for every sample of its light, which costs 0.3
of 0.7 seconds of a small picture. An even world and a few lamps cost little, and their number hardly matters.

Only the half above the horizon counts: the floor hides the other one. Radiances are scaled so that a white floor has
luminance 1. Azimuth is counted from x towards y, which is to the left in the picture, 0 in its middle (as in Blender).
"""

import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")  # OpenCV reads it once, with its first picture of that kind

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from blender_assets.colors import Rgb
from core.errors import SettingsError
from render.lighting import LUMINANCE, Floats

SUFFIXES = (".exr", ".hdr")
UP = np.array([[0.0, 0.0, 1.0]])

WIDTH_PX = 1024
"""Pictures are reduced to this width, 0.35 degrees a pixel: the sun is then 1.5 pixels wide."""

DISCS = 4
"""Discs of a fit. Measured over the eight panoramas that come with Blender, two piles each, 128 pixels, 8 samples,
denoised, against the panorama itself at 192 samples; mean PSNR, median CPU seconds of one thread:

discs              0     1     2     3     4     6     8     the panorama itself
PSNR in dB      30.0  33.9  36.4  37.1  38.2  38.2  38.1     39.0
seconds         0.34  0.40  0.39  0.39  0.39  0.39  0.41     0.69

With four, the irradiance of normals of the upper half differs from the panorama's by (relative root mean square) 5 %
for city and sunset, 4 % for night, 2 % for courtyard and interior, 1 % for the others; that of the floor by less than
2 %, all of the light by less than 5 %.
"""

SUN_DEG = 0.53
"""Least diameter of a disc: that of the sun."""

REACH_DEG = (4.0, 6.0, 9.0, 13.0, 19.0, 27.0, 38.0)
"""Radii of the caps in which bright things are sought."""

PREFERENCE = 0.3
"""A cap is worth its surplus of light over its solid angle to this power: 0 prefers wide things, 0.5 is the
least-squares fit of the radiance, which would spend every disc on one tiny lamp."""

FLOOR_WEIGHT, ENERGY_WEIGHT = 30.0, 10.0
"""Weights of the floor's irradiance and of the light in all, against 1 for each of 201 normals."""

TRUST = 0.1
"""Weight of the discs' own brightness against the irradiance; without it, a wide disc takes a sun's light over."""


@dataclass(frozen=True)
class Disc:
    """A round, evenly bright light at infinity."""

    azimuth_deg: float
    elevation_deg: float
    diameter_deg: float
    radiance_rgb: Rgb


@dataclass(frozen=True)
class Fit:
    """What stands in for a panorama."""

    ambient_rgb: Rgb
    """Radiance of the even light."""

    discs: tuple[Disc, ...]


@dataclass(frozen=True)
class Sky:
    """The pixels of a panorama's upper half."""

    directions: Floats  # (N, 3), unit
    steradians: Floats  # (N,)
    radiance: Floats  # (N, 3)

    def white(self, normals: Floats) -> Floats:
        """Return the radiance (M, 3) of white matt surfaces with the unit `normals` (M, 3) under this sky."""
        return np.maximum(normals @ self.directions.T, 0) @ (self.radiance * self.steradians[:, None]) / np.pi

    def in_blocks(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the sums of `values` (N,) over square blocks, 128 around the horizon, and the blocks' directions."""
        width = round((4 * len(values)) ** 0.5)
        block = max(width // 128, 1)
        rows, columns = width // 4 // block, width // block

        def sums(array: Floats) -> Floats:
            cut = array.reshape(width // 4, width)[: rows * block, : columns * block]
            return np.asarray(cut.reshape(rows, block, columns, block).sum(axis=(1, 3)).ravel())

        middles = np.stack([sums(self.directions[:, axis]) for axis in range(3)], axis=1)
        return sums(values), middles / np.linalg.norm(middles, axis=1, keepdims=True)


def read_panorama(file: Path) -> NDArray[np.float32]:
    """Return a panorama's radiance (H, W, 3), scene-linear Rec. 709, as the file has it but without negative values.

    Raises:
        SettingsError: it cannot be read, is not twice as wide as high, or is black above the horizon.
    """
    picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] < 3 or picture.dtype != np.float32:
        raise SettingsError(f"{file} cannot be read as an .exr or .hdr picture with three channels.")
    height, width = picture.shape[:2]
    if not 1.9 <= width / height <= 2.1:
        raise SettingsError(
            f"{file} is {width} x {height} pixels; a panorama (equirectangular) is twice as wide as high."
        )
    radiance = np.maximum(np.nan_to_num(picture[:, :, 2::-1], nan=0.0, posinf=0.0), 0)
    if not radiance[: height // 2].any():
        raise SettingsError(f"{file} is black above the horizon, so it gives no light.")
    return np.ascontiguousarray(radiance)


def upper_half(picture: NDArray[np.float32], width_px: int = WIDTH_PX) -> Sky:
    """Return the upper half of a panorama (H, W, 3), reduced to `width_px`."""
    width = min(width_px, picture.shape[1]) // 4 * 4
    rows = width // 4
    reduced = cv2.resize(picture, (width, 2 * rows), interpolation=cv2.INTER_AREA)[:rows]
    elevation = np.pi / 2 - (np.arange(rows) + 0.5) / rows * np.pi / 2
    azimuth = np.pi - (np.arange(width) + 0.5) / width * 2 * np.pi
    across = np.cos(elevation)[:, None]
    shape = (rows, width)
    directions = np.stack(
        [across * np.cos(azimuth), across * np.sin(azimuth), np.broadcast_to(np.sin(elevation)[:, None], shape)],
        axis=-1,
    )
    edges = np.sin(np.pi / 2 - np.arange(rows + 1) / rows * np.pi / 2)
    steradians = np.broadcast_to((-np.diff(edges) * 2 * np.pi / width)[:, None], shape)
    return Sky(directions.reshape(-1, 3), steradians.ravel(), reduced.reshape(-1, 3).astype(np.float64))


@cache
def floor_light(file: Path) -> Floats:
    """Return the radiance (3,) of a white floor under the panorama in `file`; SettingsError if it cannot be read."""
    return np.asarray(upper_half(read_panorama(file)).white(UP)[0])


@cache
def fit_panorama(file: Path) -> Fit:
    """Return what stands in for the panorama in `file`; SettingsError if it cannot be read."""
    return fit(read_panorama(file))


def fit(picture: NDArray[np.float32], discs: int = DISCS) -> Fit:
    """Return an even light and at most `discs` discs that light things as the panorama (H, W, 3) does.

    Bright caps are taken out greedily (matching pursuit: Mallat and Zhang 1993), each becomes a disc of the same light
    that has half of it within half of its area, and what is left becomes even. Then all radiances are corrected by
    non-negative least squares, each colour by itself, for the irradiance of normals of the upper hemisphere; that of
    the floor and the light in all hold almost exactly. Median cut (Debevec 2005), with lights of equal strength, needs
    many more lights before one of them is the sun.
    """
    sky = upper_half(picture)
    white = float(sky.white(UP)[0] @ LUMINANCE)
    sky = replace(sky, radiance=sky.radiance / white)
    even, caps = _bright_caps(sky, discs)
    normals = np.vstack([UP, _spread_directions(200)])
    seen = [cap.seen_by(normals) for cap in caps]
    unit = np.stack([(1 + normals[:, 2]) / 2, *(white for white, _ in seen)], axis=1)  # (M, 1 + K) white per radiance
    total = np.array([2 * np.pi, *(steradians for _, steradians in seen)]) / (2 * np.pi)
    first = np.stack([even, *(cap.light / steradians for cap, (_, steradians) in zip(caps, seen, strict=True))])
    exact = upper_half(picture, 512).white(normals) / white
    left = np.vstack(
        [unit, FLOOR_WEIGHT * unit[:1], ENERGY_WEIGHT * total[None], TRUST * np.sqrt(len(normals)) * np.diag(total)]
    )
    radiance = np.empty_like(first)  # (1 + K, 3)
    for channel in range(3):
        held = [FLOOR_WEIGHT * exact[:1, channel], [ENERGY_WEIGHT * total @ first[:, channel]]]
        right = np.concatenate([exact[:, channel], *held, TRUST * np.sqrt(len(normals)) * total * first[:, channel]])
        radiance[:, channel] = nnls(left, right)[0]
    found = [
        Disc(
            float(np.degrees(np.arctan2(cap.direction[1], cap.direction[0]))),
            float(np.degrees(np.arcsin(cap.direction[2]))),
            2 * float(np.degrees(cap.radius)),
            _rgb(rgb),
        )
        for cap, rgb in zip(caps, radiance[1:], strict=True)
        if rgb @ LUMINANCE > 0
    ]
    return Fit(_rgb(radiance[0]), tuple(found))


@dataclass(frozen=True)
class _Cap:
    direction: Floats  # (3,), unit
    radius: float  # radians
    light: Floats  # (3,), radiance times steradians

    def seen_by(self, normals: Floats) -> tuple[Floats, float]:
        """Return radiances (M,) of white surfaces under this cap at radiance 1, and its visible steradians."""
        spiral = _spread_directions(400, float(np.cos(self.radius)))
        side = np.cross(self.direction, [1.0, 0, 0] if abs(self.direction[2]) > 0.9 else [0.0, 0, 1])
        side /= np.linalg.norm(side)
        points = spiral @ np.stack([side, np.cross(self.direction, side), self.direction])
        points = points[points[:, 2] > 0]
        steradians = 2 * np.pi * (1 - np.cos(self.radius)) / len(spiral)
        return np.maximum(normals @ points.T, 0).sum(axis=1) * steradians / np.pi, len(points) * steradians


def _bright_caps(sky: Sky, count: int) -> tuple[Floats, list[_Cap]]:
    """Return the radiance (3,) of the even light and the brightest caps; together they have all light of the sky."""
    light = sky.radiance * sky.steradians[:, None]  # (N, 3)
    luminance = sky.radiance @ LUMINANCE
    order = np.argsort(luminance, kind="stable")
    below = np.cumsum(sky.steradians[order])
    median = luminance[order[np.searchsorted(below, below[-1] / 2)]]
    surplus = (luminance - median) * sky.steradians
    tint = light.sum(axis=0) / (luminance @ sky.steradians)
    taken = np.zeros(len(surplus), dtype=bool)
    caps: list[_Cap] = []
    blocks, middles = sky.in_blocks(surplus)
    centres = _spread_directions(900)
    cosines = centres @ middles.T
    while len(caps) < count:
        best, direction, reach = 0.0, centres[0], 0.0
        for radius in np.radians(REACH_DEG):
            worth = ((cosines > np.cos(radius)) @ blocks) / (2 * np.pi * (1 - np.cos(radius))) ** PREFERENCE
            if worth.max() > best:
                best, direction, reach = float(worth.max()), centres[worth.argmax()], float(radius)
        if best <= 1e-3:
            break
        for _ in range(3):
            inside = (sky.directions @ direction > np.cos(reach)) & ~taken
            bright = np.maximum(surplus[inside], 0)
            if not bright.any():
                break
            direction = bright @ sky.directions[inside]
            direction = direction / np.linalg.norm(direction)
        angle = np.arccos(np.clip(sky.directions[inside] @ direction, -1, 1))
        outwards = np.argsort(angle, kind="stable")
        within = np.cumsum(bright[outwards])
        half = angle[outwards][np.searchsorted(within, within[-1] / 2)]
        radius = float(np.clip(half * np.sqrt(2), np.radians(SUN_DEG / 2), reach))
        above = light[inside].sum(axis=0) - tint * median * sky.steradians[inside].sum()
        caps.append(_Cap(direction, radius, np.maximum(above, 0)))
        taken |= inside
        surplus[inside] = 0
        blocks, _ = sky.in_blocks(surplus)
    rest = light.sum(axis=0) - sum((cap.light for cap in caps), np.zeros(3))
    return np.maximum(rest, 0) / (2 * np.pi), caps


def _spread_directions(count: int, lowest_z: float = 0.0) -> Floats:
    """Return unit vectors (count, 3) spread evenly over the sphere above `lowest_z` (Fibonacci's spiral)."""
    place = np.arange(count) + 0.5
    z = 1 - (1 - lowest_z) * place / count
    turn = place * np.pi * (3 - np.sqrt(5))
    across = np.sqrt(1 - z**2)
    return np.stack([across * np.cos(turn), across * np.sin(turn), z], axis=1)


def _rgb(values: Floats) -> Rgb:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
