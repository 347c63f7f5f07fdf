"""What a drawn surface consists of, and its smaller copies."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from render.textures.canvas import Canvas, Field

ROUGHNESS_SPAN = 0.8
"""Roughness that lies between 0 and 1 of its channel; 0.5 is the floor's own."""

BRIGHTEST = 2.0
"""Shade at 1 of its channel; 0.5 leaves a colour as it is."""


@dataclass(frozen=True)
class Drawing:
    """A surface as it is drawn; fields are (H, W), and a number stands for an even one."""

    canvas: Canvas
    second: Field | float = 0.0
    """Share of the surface's second colour over its first, 0..1."""

    third: Field | float = 0.0
    """Share of its third colour over both, 0..1."""

    shade: Field | float = 1.0
    """What the colour is multiplied by, 0..2."""

    rougher: Field | float = 0.0
    """What is added to its roughness, -0.4..0.4."""

    height_mm: Field | float = 0.0
    """Relief; only its slope is used."""


class Maps(NamedTuple):
    """A surface as it is shaded. Channels are 0..255; row 0 lies at y = 0."""

    blend: NDArray[np.uint8]
    """(H, W, 4): second, third, shade / 2, 0.5 + roughness / 0.8."""

    normal: NDArray[np.uint8]
    """(H, W, 3): unit normals, -1..1 as 0..255."""

    size_mm: tuple[float, float]
    """What it covers along x and y."""

    @property
    def texel_mm(self) -> float:
        """Size of a texel along its longer side."""
        return max(self.size_mm[0] / self.blend.shape[1], self.size_mm[1] / self.blend.shape[0])


def maps_of(drawing: Drawing) -> Maps:
    """Return the maps of a drawing, its relief as normals by central differences that go on beyond the border."""
    canvas = drawing.canvas
    channels = (
        drawing.second, drawing.third, np.asarray(drawing.shade) / BRIGHTEST,
        0.5 + np.asarray(drawing.rougher) / ROUGHNESS_SPAN,
    )  # fmt: skip
    blend = np.stack([np.broadcast_to(np.asarray(channel, np.float32), canvas.shape) for channel in channels], axis=-1)
    height = np.broadcast_to(np.asarray(drawing.height_mm, np.float32), canvas.shape)
    slopes = [
        (np.roll(height, 1, axis) - np.roll(height, -1, axis)) / (2 * texel)
        for axis, texel in ((1, canvas.texel_mm[0]), (0, canvas.texel_mm[1]))
    ]
    normal = np.stack([*slopes, np.ones(canvas.shape, np.float32)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return Maps(_bytes(blend, canvas.rng), _bytes(normal / 2 + 0.5, canvas.rng), canvas.size_mm)


def reduced(maps: Maps, texel_mm: float) -> Maps:
    """Return the maps with each side halved as often as texels stay at or below `texel_mm`.

    Finer texels than a picture's pixels would be noise to the path tracer, which reads one point a ray.
    """
    blend, normal = (array.astype(np.float32) for array in (maps.blend, maps.normal))
    limits = [
        texel_mm / size * count for size, count in zip(maps.size_mm, (blend.shape[1], blend.shape[0]), strict=True)
    ]
    steps = [_halvings(limit, count) for limit, count in zip(limits, (blend.shape[1], blend.shape[0]), strict=True)]
    if steps == [1, 1]:
        return maps
    across, down = steps
    rows, columns = blend.shape[0] // down, blend.shape[1] // across
    small = [
        array[: rows * down, : columns * across].reshape(rows, down, columns, across, -1).mean(axis=(1, 3))
        for array in (blend, normal)
    ]
    return Maps(np.rint(small[0]).astype(np.uint8), np.rint(small[1]).astype(np.uint8), maps.size_mm)


def _halvings(limit: float, count: int) -> int:
    """Return the largest power of two up to `limit` that divides `count` and leaves eight texels."""
    step = 1
    while 2 * step <= limit and count % (2 * step) == 0 and count // (2 * step) >= 8:
        step *= 2
    return step


def _bytes(values: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return `values` as bytes, rounded up or down by lot: else a gentle slope would show as terraces under a lamp."""
    lifted = np.floor(np.clip(values, 0, 1) * 255 + rng.random(values.shape, np.float32))
    return np.asarray(np.minimum(lifted, 255), np.uint8)  # 255 and a lot next to 1 are 256 in single precision
