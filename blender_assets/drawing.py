"""Drawing one part without Blender: rays through every pixel, soft light, thin outlines."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blender_assets.colors import Color
from blender_assets.mesh import PartMesh, seen_colors
from blender_assets.rays import RayCaster, sphere_directions

SAMPLES = 3
"""Rays along each side of a pixel."""

_LINE_COLOR = np.array([0.012, 0.014, 0.02])
_KEY = np.array([-0.45, 0.75, 0.75])
"""Where the main light comes from, in the frame of the picture (right, up, towards the viewer)."""

_REACH_MM = 14.0
"""Corners darken by what is nearer than this."""

_DIRECTIONS = sphere_directions(36).reshape(4, 9, 3).swapaxes(0, 1)
"""Four for each of a pixel's nine rays, (9, 4, 3); all of a pixel's together cover the sphere."""


@dataclass(frozen=True)
class View:
    """A direction to look from, in the part frame."""

    name: str
    towards: tuple[float, float, float]
    """From the part to the viewer."""

    up: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def axes(self) -> NDArray[np.float64]:
        """Return the picture's right, up, and towards the viewer as rows, (3, 3)."""
        towards = np.array(self.towards) / np.linalg.norm(self.towards)
        right = np.cross(self.up, towards)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(towards, right), towards])


ABOVE = View("from above", (0.62, -1.0, 0.85))
BELOW = View("from below", (0.62, -1.0, -1.5))
SIX_SIDES = (
    View("top", (0, 0, 1), (0, 1, 0)),
    View("front", (0, -1, 0)),
    View("right", (1, 0, 0)),
    View("underside", (0, 0, -1), (0, -1, 0)),
    View("back", (0, 1, 0)),
    View("left", (-1, 0, 0)),
)


def extent_mm(mesh: PartMesh, view: View) -> NDArray[np.float64]:
    """Return width and height of the part in `view`, (2,)."""
    placed = mesh.vertices_mm.astype(np.float64) @ view.axes().T
    return np.asarray(placed.max(axis=0) - placed.min(axis=0))[:2]


def draw_part(mesh: PartMesh, view: View, color: Color, pixels_per_mm: float, margin_px: int = 3) -> NDArray[np.uint8]:
    """Return a picture of the part alone, (H, W, 4) sRGB with straight alpha, as large as the part and a margin."""
    axes = view.axes()
    placed = mesh.vertices_mm.astype(np.float64) @ axes.T
    low, high = placed.min(axis=0), placed.max(axis=0)
    width, height = (int(np.ceil((high[k] - low[k]) * pixels_per_mm)) + 2 * margin_px for k in range(2))
    step = 1 / (pixels_per_mm * SAMPLES)
    middle = (low + high) / 2
    x = middle[0] + (np.arange(width * SAMPLES) - (width * SAMPLES - 1) / 2) * step
    y = middle[1] - (np.arange(height * SAMPLES) - (height * SAMPLES - 1) / 2) * step
    grid = np.stack(np.broadcast_arrays(x[None], y[:, None], high[2] + 1.0), axis=-1).reshape(-1, 3)

    caster = RayCaster(placed, mesh.faces)
    face, distance, place = caster.first_hits(grid, np.tile([0.0, 0.0, -1.0], (len(grid), 1)))
    hit = np.flatnonzero(face >= 0)
    normals = np.einsum("rk,rkj->rj", place[hit], mesh.corner_normals[face[hit]].astype(np.float64)) @ axes.T
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    normals *= np.where(normals[:, 2:] < 0, -1.0, 1.0)
    points = grid[hit] - distance[hit, None] * np.array([0, 0, 1]) + normals * 0.02

    rows, columns = np.divmod(hit, width * SAMPLES)
    light = _light(points, normals, (rows % SAMPLES) * SAMPLES + columns % SAMPLES, caster)
    shaded = np.zeros((len(grid), 3))
    shaded[hit] = seen_colors(mesh, color, face[hit], place[hit]) * light[:, :1] + light[:, 1:]
    depth = np.where(face >= 0, distance, np.inf).reshape(height * SAMPLES, -1)
    bend = np.zeros((len(grid), 3))
    bend[hit] = normals
    line = _lines(depth, bend.reshape(*depth.shape, 3), step)[..., None]
    picture = shaded.reshape(*depth.shape, 3) * (1 - line) + _LINE_COLOR * line
    cover = np.maximum(np.isfinite(depth), line[..., 0] > 0).astype(np.float64)
    return _to_pixels(picture * cover[..., None], cover, width, height)


def _light(
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    sample: NDArray[np.int64],
    caster: RayCaster,
) -> NDArray[np.float64]:
    """Return for each point what its colour is multiplied by, and the white gloss on top, (R, 2)."""
    open_share = np.zeros(len(points))
    for k in range(_DIRECTIONS.shape[1]):
        # A unit vector off the sphere added to the normal: directions as a matt surface weighs them.
        directions = normals + 0.98 * _DIRECTIONS[sample, k]
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        distance = caster.first_hits(points, directions)[1]
        open_share += np.minimum(distance / _REACH_MM, 1.0) ** 0.7 / _DIRECTIONS.shape[1]
    key = _KEY / np.linalg.norm(_KEY)
    towards_key = key + 0.13 * _DIRECTIONS[sample, 0]
    towards_key /= np.linalg.norm(towards_key, axis=1, keepdims=True)
    lit = ~caster.blocked(points, towards_key) * np.maximum(normals @ key, 0)
    sky = 0.5 + 0.5 * normals @ np.array([0.0, 0.8, 0.6])
    half = key + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half)
    gloss = 0.1 * np.maximum(normals @ half, 0) ** 70 * (lit > 0) + 0.05 * (1 - normals[:, 2]) ** 3 * open_share
    return np.stack([open_share * (0.2 + 0.42 * sky) + 0.66 * lit, gloss], axis=1)


def _lines(depth: NDArray[np.float64], normals: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Return how much of the outline colour each ray gets, (H, W) 0..1: outer contour, steps in depth, sharp edges."""
    contour = np.zeros(depth.shape)
    crease = np.zeros(depth.shape)
    solid = np.isfinite(depth)
    for axis in (0, 1):
        one = tuple(slice(None, -1) if k == axis else slice(None) for k in range(2))
        two = tuple(slice(1, None) if k == axis else slice(None) for k in range(2))
        outer = solid[one] != solid[two]
        both = solid[one] & solid[two]
        # A slanted plane changes depth from ray to ray too: by the slope, which the normals give.
        slope = np.minimum(normals[one][..., 2], normals[two][..., 2])
        allowed = 0.25 + 2.5 * step / np.maximum(slope, 0.08)
        gap = np.abs(np.where(both, depth[one], 0) - np.where(both, depth[two], 0))
        bent = (normals[one] * normals[two]).sum(axis=-1)
        for mask, target in ((outer | (both & (gap > allowed)), contour), (both & (bent < 0.86), crease)):
            target[one] = np.maximum(target[one], mask)
            target[two] = np.maximum(target[two], mask)
    kernel = np.ones((3, 3), np.uint8)
    wide = cv2.dilate(contour.astype(np.uint8), kernel).astype(np.float64)
    return np.maximum(0.9 * wide, 0.6 * crease)


def _to_pixels(
    premultiplied: NDArray[np.float64], cover: NDArray[np.float64], width: int, height: int
) -> NDArray[np.uint8]:
    blocks = premultiplied.reshape(height, SAMPLES, width, SAMPLES, 3).mean(axis=(1, 3))
    alpha = cover.reshape(height, SAMPLES, width, SAMPLES).mean(axis=(1, 3))[..., None]
    linear = np.clip(blocks / np.maximum(alpha, 1e-6), 0, None)
    linear = 1 - np.exp(-1.6 * linear)  # highlights roll off instead of clipping
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    pixels: NDArray[np.uint8] = np.round(np.concatenate([encoded, alpha], axis=-1) * 255).astype(np.uint8)
    return pixels
