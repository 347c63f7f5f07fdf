"""Printed matter: pages of text, magazines, packaging. Words are drawn by lot, letters are Hershey's stroke fonts."""

from collections.abc import Sequence

import cv2
import numpy as np

from render.textures.canvas import Canvas, Field, ramp
from render.textures.maps import Drawing
from render.textures.papers import A4_MM, sheet_canvas, waves

FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)
CAP_PX = 21.0
"""Height of a capital of these fonts at scale 1."""


def _word(rng: np.random.Generator, longest: int = 10) -> str:
    """Return a word that no language has."""
    return "".join(rng.choice(list(part)) for _ in range(int(rng.integers(1, longest // 2 + 1))) for part in ("bcdfglmnprst", "aeiou"))


def word_field(canvas: Canvas, places_mm: Sequence[tuple[float, float, float]], rng: np.random.Generator) -> Field:
    """Return large words, 1 where they are: each at (x, y) of its left lower corner with capitals so high."""
    drawn = np.zeros(canvas.shape, np.uint8)
    for x, y, height in places_mm:
        _write(drawn, canvas, _word(rng, 8).upper(), (x, y), height, int(rng.choice(FONTS)), bold=0.16)
    return drawn.astype(np.float32) / 255


def _write(drawn: np.ndarray, canvas: Canvas, text: str, at_mm: tuple[float, float], cap_mm: float, font: int, bold: float) -> float:
    """Write `text` and return its width in millimetres. Rows grow upwards, so letters are drawn upside down."""
    texel = canvas.texel_mm[1]
    scale = cap_mm / texel / CAP_PX
    at = (round(at_mm[0] / canvas.texel_mm[0]), round(at_mm[1] / texel))
    thick = max(round(bold * cap_mm / texel), 1)
    cv2.putText(drawn, text, at, font, scale, 255, thick, cv2.LINE_AA, True)
    return cv2.getTextSize(text, font, scale, thick)[0][0] * canvas.texel_mm[0]


def _column(drawn: np.ndarray, canvas: Canvas, box_mm: tuple[float, float, float, float], cap_mm: float, rng: np.random.Generator) -> None:
    """Fill a box (left, bottom, right, top) with lines of words."""
    left, bottom, right, top = box_mm
    font = int(rng.choice(FONTS[:3]))
    y, pitch = top - cap_mm, 2.1 * cap_mm
    while y > bottom:
        end = right if rng.uniform() < 0.86 else left + rng.uniform(0.2, 0.9) * (right - left)
        x = left
        while x < end - 4 * cap_mm:
            x += _write(drawn, canvas, _word(rng), (x, y), cap_mm, font, 0.1) + 0.8 * cap_mm
        y -= pitch * (1.7 if end < right else 1)


def page(rng: np.random.Generator) -> Drawing:
    """Draw a printed page: a heading, paragraphs, sometimes a table or a picture's frame."""
    canvas = sheet_canvas(A4_MM, rng)
    ink = np.zeros(canvas.shape, np.uint8)
    _write(ink, canvas, f"{_word(rng)} {_word(rng)}".title(), (25, 185), rng.uniform(4, 7), FONTS[3], 0.18)
    middle = 148.0
    for left, right in ((25, middle - 6), (middle + 6, 272)) if rng.uniform() < 0.6 else ((25, 272),):
        _column(ink, canvas, (left, 22, right, 174), rng.uniform(1.9, 2.6), rng)
    drawn = ink.astype(np.float32) / 255
    return Drawing(canvas, 0.92 * drawn, shade=1 + 0.006 * canvas.noise(30), height_mm=waves(canvas))


def _scenery(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Return what may be a photograph at a glance: layered ridges under a sky, 0..1."""
    field = 0.25 + 0.12 * canvas.noise(90, octaves=5)
    for level in (0.62, 0.42, 0.22):
        ridge = canvas.size_mm[1] * level + 16 * canvas.noise(80, 1e4)[:1] + 5 * canvas.noise(20, 1e4)[:1]
        field = np.where(canvas.y < ridge, rng.uniform(0.2, 0.95) + 0.08 * canvas.noise(14, octaves=4), field)
    return np.clip(field, 0, 1).astype(np.float32)


def magazine(rng: np.random.Generator) -> Drawing:
    """Draw a page of a magazine: pictures, a bold heading, columns of small print; coated, so that it shines."""
    canvas = sheet_canvas(A4_MM, rng)
    ink = np.zeros(canvas.shape, np.uint8)
    second, third = np.zeros(canvas.shape, np.float32), np.zeros(canvas.shape, np.float32)
    split = rng.uniform(80, 130)
    _write(ink, canvas, _word(rng).upper(), (18, split - 16), rng.uniform(9, 14), FONTS[1], 0.2)
    for k in range(3):
        _column(ink, canvas, (18 + 90 * k, 14, 100 + 90 * k, split - 24), 1.7, rng)
    photo = _scenery(canvas, rng)
    left, right = (0.0, A4_MM[0]) if rng.uniform() < 0.5 else (18.0, rng.uniform(150, 279))
    inside = ((canvas.x > left) & (canvas.x < right) & (canvas.y > split)).astype(np.float32)
    panel = ((canvas.x > right + 6) & (canvas.x < 279) & (canvas.y > split + 10) & (canvas.y < 200)).astype(np.float32)
    second = np.maximum(ink.astype(np.float32) / 255 * 0.9, inside * photo * 0.85)
    third = np.maximum(inside * ramp(canvas.noise(70, octaves=4), -0.6, 1.2) * 0.9, panel * 0.8)
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
    name = _word(rng, 6).upper()
    cap = rng.uniform(16, 26)
    _write(words, canvas, name, (cx - 0.4 * cap * len(name), cy - cap / 2), cap, FONTS[1], 0.24)
    small = np.zeros(canvas.shape, np.uint8)
    _column(small, canvas, (12, 6, 90, 34), 1.5, rng)
    _write(small, canvas, f"{int(rng.integers(40, 900))} g", (size[0] - 40, 10), 7, FONTS[1], 0.18)
    name_field, small_field = (field.astype(np.float32) / 255 for field in (words, small))
    second = np.clip(np.maximum(band, badge) - rim - name_field, 0, 1)
    third = np.maximum(rim, np.maximum(name_field, small_field))
    crinkle = canvas.noise(26, 14, octaves=3)
    return Drawing(canvas, second, third, rougher=-0.3, height_mm=0.5 * crinkle + waves(canvas, 1.5))
