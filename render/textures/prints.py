"""Printed matter: pages of text, magazines, packaging."""

import numpy as np

from render.textures.canvas import Canvas, Field, ramp
from render.textures.lettering import FONTS, column, word, write
from render.textures.maps import Drawing
from render.textures.papers import A4_MM, sheet_canvas, waves


def page(rng: np.random.Generator) -> Drawing:
    """Draw a printed page: a heading, paragraphs, sometimes a table or a picture's frame."""
    canvas = sheet_canvas(A4_MM, rng)
    ink = np.zeros(canvas.shape, np.uint8)
    write(ink, canvas, f"{word(rng)} {word(rng)}".title(), (25, 185), rng.uniform(4, 7), FONTS[3], 0.18)
    middle = 148.0
    for left, right in ((25, middle - 6), (middle + 6, 272)) if rng.uniform() < 0.6 else ((25, 272),):
        column(ink, canvas, (left, 22, right, 174), rng.uniform(1.9, 2.6), rng)
    drawn = ink.astype(np.float32) / 255
    return Drawing(canvas, 0.92 * drawn, shade=1 + 0.006 * canvas.noise(30), height_mm=waves(canvas))


def _scenery(canvas: Canvas, rng: np.random.Generator) -> tuple[Field, Field]:
    """Return what may be a photograph at a glance: ridges under a sky; how dark it is and how much of a tint, 0..1."""
    field, tint = 0.15 + 0.08 * canvas.noise(90, octaves=5), np.full(canvas.shape, rng.uniform(0, 0.6), np.float32)
    for level in (0.62, 0.42, 0.22):
        ridge = canvas.size_mm[1] * level + 16 * canvas.noise(80, 1e4)[:1] + 5 * canvas.noise(20, 1e4)[:1]
        field = np.where(canvas.y < ridge, rng.uniform(0.2, 0.95) + 0.1 * canvas.noise(14, octaves=5), field)
        tint = np.where(canvas.y < ridge, rng.uniform(0, 0.9) + 0.1 * canvas.noise(30, octaves=4), tint)
    return np.clip(field, 0, 1).astype(np.float32), np.clip(tint, 0, 1).astype(np.float32)


def magazine(rng: np.random.Generator) -> Drawing:
    """Draw a page of a magazine: pictures, a bold heading, columns of small print; coated, so that it shines."""
    canvas = sheet_canvas(A4_MM, rng)
    ink = np.zeros(canvas.shape, np.uint8)
    second, third = np.zeros(canvas.shape, np.float32), np.zeros(canvas.shape, np.float32)
    split = rng.uniform(80, 130)
    write(ink, canvas, word(rng).upper(), (18, split - 16), rng.uniform(9, 14), FONTS[1], 0.2)
    for k in range(3):
        column(ink, canvas, (18 + 90 * k, 14, 100 + 90 * k, split - 24), 1.7, rng)
    dark, tint = _scenery(canvas, rng)
    left, right = (0.0, A4_MM[0]) if rng.uniform() < 0.5 else (18.0, rng.uniform(150, 279))
    inside = ((canvas.x > left) & (canvas.x < right) & (canvas.y > split)).astype(np.float32)
    panel = ((canvas.x > right + 6) & (canvas.x < 279) & (canvas.y > split + 10) & (canvas.y < 200)).astype(np.float32)
    second = np.maximum(ink.astype(np.float32) / 255 * 0.9, inside * dark * 0.85)
    third = np.maximum(inside * tint * (1 - dark), panel * 0.8)
    return Drawing(canvas, second, third, rougher=-0.35, height_mm=waves(canvas, 1.4))


def package(rng: np.random.Generator) -> Drawing:
    """Draw a flat bag or box of sweets: broad bands, a badge, a large name, small print; shiny."""
    size = (220.0, 150.0)
    canvas = sheet_canvas(size, rng)
    bend = 18 * np.sin(canvas.x / size[0] * np.pi * rng.uniform(0.8, 2) + rng.uniform(0, 6))
    low, high = sorted(rng.uniform(0.15, 0.85, 2) * size[1])
    band = ramp(canvas.y - low - bend, -0.3, 0.3) * ramp(high + 25 - canvas.y + bend, -0.3, 0.3)
    cx, cy, radius = rng.uniform(0.25, 0.75) * size[0], rng.uniform(0.3, 0.7) * size[1], rng.uniform(18, 40)
    away = np.hypot((canvas.x - cx) / 1.6, canvas.y - cy)
    badge, rim = ramp(away, radius, radius - 0.5), ramp(np.abs(away - radius + 3), 1.2, 0.7)
    words = np.zeros(canvas.shape, np.uint8)
    name = word(rng, 6).upper()
    cap = rng.uniform(16, 26)
    write(words, canvas, name, (cx - 0.4 * cap * len(name), cy - cap / 2), cap, FONTS[1], 0.24)
    small = np.zeros(canvas.shape, np.uint8)
    column(small, canvas, (12, 6, 90, 34), 1.5, rng)
    write(small, canvas, f"{int(rng.integers(40, 900))} g", (size[0] - 40, 10), 7, FONTS[1], 0.18)
    name_field, small_field = (field.astype(np.float32) / 255 for field in (words, small))
    second = np.clip(np.maximum(band, badge) - rim - name_field, 0, 1)
    third = np.maximum(rim, np.maximum(name_field, small_field))
    crinkle = canvas.noise(26, 14, octaves=3)
    return Drawing(canvas, second, third, rougher=-0.3, height_mm=0.5 * crinkle + waves(canvas, 1.5))
