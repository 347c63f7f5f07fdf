"""Cloth: threads over and under each other, printed and woven patterns."""

import cv2
import numpy as np
from numpy.typing import NDArray

from render.textures.canvas import Canvas, Field, ramp, to_line
from render.textures.maps import Drawing


def _weave(canvas: Canvas, pitch_mm: float, uneven: float, *, diagonal: bool = False) -> tuple[Field, Field, Field]:
    """Return where warp lies on top, the threads' shade about 1, and their height in millimetres."""
    columns, rows = (max(round(size / pitch_mm), 2) // 6 * 6 for size in canvas.size_mm)  # two and three divide it
    u = canvas.x * (columns / canvas.size_mm[0]) + 0.05 * canvas.noise(9)
    v = canvas.y * (rows / canvas.size_mm[1]) + 0.05 * canvas.noise(9)
    column, row = np.floor(u).astype(int) % columns, np.floor(v).astype(int) % rows
    warp = (column + row) % 3 < 2 if diagonal else (column + row) % 2 == 0
    round_u, round_v = (np.abs(np.sin(np.pi * axis)).astype(np.float32) for axis in (u, v))
    over = np.where(warp, round_u * (0.55 + 0.45 * round_v), round_v * (0.55 + 0.45 * round_u))
    lots = canvas.rng.normal(0, uneven, columns + rows).astype(np.float32)
    slubs = np.where(warp, canvas.noise(1.2, 30), canvas.noise(30, 1.2))
    tone = np.where(warp, lots[column], lots[columns + row]) + 0.7 * uneven * slubs
    # Between threads it is darker; the mean stays at 1.
    shade = (0.66 + 0.5 * over) * (1 + tone)
    return (
        warp.astype(np.float32),
        np.asarray(shade / shade.mean(), np.float32),
        np.asarray(over * pitch_mm * 0.22, np.float32),
    )


def _folds(canvas: Canvas) -> Field:
    """Return the height in millimetres of cloth that was laid down, not stretched."""
    return np.asarray(0.9 * canvas.noise(110, 70), np.float32)


def _cloth(canvas: Canvas, pitch_mm: float, uneven: float, weft: float, *, diagonal: bool = False) -> Drawing:
    """Draw cloth whose weft has the share `weft` of the second colour."""
    warp, shade, relief = _weave(canvas, pitch_mm, uneven, diagonal=diagonal)
    clouds = 1 + 0.03 * canvas.noise(60)
    return Drawing(canvas, weft * (1 - warp), shade=shade * clouds, height_mm=relief + _folds(canvas))


def plain(rng: np.random.Generator) -> Drawing:
    """Draw a plain weave of cotton."""
    canvas = Canvas((1024, 1024), 0.3, rng)
    return _cloth(canvas, 1.2, 0.06, weft=0.3)


def twill(rng: np.random.Generator) -> Drawing:
    """Draw a twill such as jeans: diagonal lines, a pale weft, streaks along the warp."""
    canvas = Canvas((1024, 1024), 0.25, rng)
    drawn = _cloth(canvas, 1.0, 0.12, weft=0.75, diagonal=True)
    worn = ramp(canvas.noise(80, octaves=3), 0.3, 2.5)
    return Drawing(
        canvas,
        np.maximum(drawn.second, 0.35 * worn),
        shade=drawn.shade * (1 + 0.06 * canvas.noise(0.8, 30)),
        height_mm=drawn.height_mm,
    )


def linen(rng: np.random.Generator) -> Drawing:
    """Draw linen: a plain weave of uneven threads."""
    canvas = Canvas((1024, 1024), 0.3, rng)
    return _cloth(canvas, 1.3, 0.15, weft=0.15)


def checked(rng: np.random.Generator) -> Drawing:
    """Draw a checked cloth: stripes in warp and weft cross, half of each colour where one alone passes."""
    canvas = Canvas((1024, 1024), 0.3, rng)
    warp, shade, relief = _weave(canvas, 1.2, 0.05)
    width = canvas.size_mm[0] / rng.choice([6, 12, 16])
    across, down = ((axis % width < width * 0.5).astype(np.float32) for axis in (canvas.x, canvas.y))
    thin = rng.uniform() < 0.5
    lines = [
        (to_line(axis + width * 0.25, width) < width * 0.04).astype(np.float32) * thin for axis in (canvas.x, canvas.y)
    ]
    third = np.where(warp > 0, across, down)
    second = np.where(warp > 0, lines[0], lines[1])
    return Drawing(canvas, second, third * (1 - second), shade=shade, height_mm=relief + _folds(canvas))


def mesh(rng: np.random.Generator) -> Drawing:
    """Draw the spacer mesh of chairs and bags: holes in rows, each shifted by half."""
    canvas = Canvas((768, 768), 0.25, rng)
    pitch = 3.2
    columns, rows = round(192 / pitch), round(192 / pitch) // 2 * 2
    u, v = canvas.x * columns / 192, canvas.y * rows / 192
    shifted = u + 0.5 * (np.floor(v) % 2)
    away = np.hypot((shifted % 1 - 0.5), (v % 1 - 0.5) * 0.9) + 0.02 * canvas.noise(1.0)
    hole = ramp(away, 0.3, 0.2)
    knit = canvas.noise(0.7, 1.2)
    return Drawing(
        canvas, 0.9 * hole, shade=(1 - 0.45 * hole) * (1 + 0.06 * knit) * (1 + 0.1 * ramp(away, 0.3, 0.6)),
        height_mm=-0.5 * hole + 0.03 * knit + 0.5 * canvas.noise(60),
    )  # fmt: skip


def terry(rng: np.random.Generator) -> Drawing:
    """Draw a towel: loops in rows."""
    canvas = Canvas((1024, 1024), 0.25, rng)
    distance, lot = canvas.cells(1.7)
    loop = canvas.blurred(np.asarray(1 - np.clip(distance * 1.1, 0, 1) ** 2, np.float32), 0.3)
    leaning = canvas.noise(25, octaves=3)
    return Drawing(
        canvas, 0.5 * ramp(leaning, -1, 2.5), shade=(0.62 + 0.55 * loop) * (0.92 + 0.16 * lot),
        height_mm=0.8 * loop + 0.5 * leaning,
    )  # fmt: skip


def _petals(count: int, size_mm: float, turn: float) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 60)
    radius = size_mm * (0.62 + 0.38 * np.cos(count * angle + turn))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def tablecloth(rng: np.random.Generator) -> Drawing:
    """Draw a printed table cloth: flowers, leaves and dots scattered in a half-drop repeat."""
    canvas = Canvas((1024, 1024), 0.3, rng)
    second, third = np.zeros(canvas.shape, np.float32), np.zeros(canvas.shape, np.float32)
    pitch = canvas.size_mm[0] / rng.choice([3, 4, 6])
    kind = rng.choice(["flowers", "dots", "leaves"])
    petals = int(rng.integers(5, 8))
    for k in range(round(canvas.size_mm[0] / pitch)):
        for m in range(round(canvas.size_mm[1] / pitch)):
            at = np.array([(k + 0.5 * (m % 2)) * pitch, (m + 0.5) * pitch]) + rng.normal(0, 0.04 * pitch, 2)
            size = pitch * rng.uniform(0.22, 0.34)
            turn = rng.uniform(0, 6.3)
            if kind == "dots":
                second = np.maximum(second, _disc(canvas, at, size * 0.6))
                continue
            if kind == "flowers":
                third = np.maximum(third, _shape(canvas, at + _petals(petals, size, turn)))
                second = np.maximum(second, _disc(canvas, at, size * 0.26))
            for leaf in range(2 if kind == "flowers" else 5):
                angle = turn + leaf * (2.6 if kind == "flowers" else 1.25)
                along = np.linspace(0, 1, 20)
                half = 0.22 * np.sin(np.pi * along) ** 0.8
                outline = np.concatenate([np.stack([along, half], 1), np.stack([along, -half], 1)[::-1]]) * size * 1.1
                rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
                place = at + np.array([np.cos(angle), np.sin(angle)]) * size * (0.9 if kind == "flowers" else 0.1)
                second = np.maximum(second, _shape(canvas, place + outline @ rotation))
    faded = 1 - 0.12 * ramp(canvas.noise(2.0), 0.5, 2)
    _, shade, relief = _weave(canvas, 1.2, 0.03)
    return Drawing(
        canvas,
        second * faded,
        third * faded * (1 - second),
        shade=shade,
        rougher=-0.25,
        height_mm=0.3 * relief + _folds(canvas),
    )


def _shape(canvas: Canvas, outline_mm: NDArray[np.float64]) -> Field:
    """Return 1 inside a closed outline (N, 2), which goes on beyond the border."""
    size, drawn = np.array(canvas.size_mm), np.zeros(canvas.shape, np.uint8)
    for shift_x in (-1, 0, 1):
        for shift_y in (-1, 0, 1):
            moved = outline_mm + size * (shift_x, shift_y)
            if (moved.max(axis=0) > 0).all() and (moved.min(axis=0) < size).all():
                pixels = np.rint((moved / canvas.texel_mm - 0.5) * 16).astype(np.int32)
                cv2.fillPoly(drawn, [pixels], (255,), cv2.LINE_AA, 4)
    return drawn.astype(np.float32) / 255


def _disc(canvas: Canvas, at_mm: NDArray[np.float64], radius_mm: float) -> Field:
    angle = np.linspace(0, 2 * np.pi, 40)
    return _shape(canvas, at_mm + radius_mm * np.stack([np.cos(angle), np.sin(angle)], axis=1))
