"""Words drawn by lot, in letters of Hershey's stroke fonts."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from render.textures.canvas import Canvas, Field

FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)
CAP_PX = 21.0
"""Height of a capital of these fonts at scale 1."""


def word(rng: np.random.Generator, longest: int = 10) -> str:
    """Return a word that no language has."""
    return "".join(
        rng.choice(list(part))
        for _ in range(int(rng.integers(1, longest // 2 + 1)))
        for part in ("bcdfglmnprst", "aeiou")
    )


def word_field(canvas: Canvas, places_mm: Sequence[tuple[float, float, float]], rng: np.random.Generator) -> Field:
    """Return large words, 1 where they are: each at (x, y) of its left lower corner with capitals so high."""
    drawn = np.zeros(canvas.shape, np.uint8)
    for x, y, height in places_mm:
        write(drawn, canvas, word(rng, 8).upper(), (x, y), height, int(rng.choice(FONTS)), bold=0.16)
    return drawn.astype(np.float32) / 255


def write(
    drawn: NDArray[np.uint8],
    canvas: Canvas,
    text: str,
    at_mm: tuple[float, float],
    cap_mm: float,
    font: int,
    bold: float,
) -> float:
    """Write `text` and return its width in millimetres. Rows grow upwards, so letters are drawn upside down."""
    texel = canvas.texel_mm[1]
    scale = cap_mm / texel / CAP_PX
    at = (round(at_mm[0] / canvas.texel_mm[0]), round(at_mm[1] / texel))
    thick = max(round(bold * cap_mm / texel), 1)
    cv2.putText(drawn, text, at, font, scale, (255,), thick, cv2.LINE_AA, True)
    return cv2.getTextSize(text, font, scale, thick)[0][0] * canvas.texel_mm[0]


def column(
    drawn: NDArray[np.uint8],
    canvas: Canvas,
    box_mm: tuple[float, float, float, float],
    cap_mm: float,
    rng: np.random.Generator,
) -> None:
    """Fill a box (left, bottom, right, top) with lines of words."""
    left, bottom, right, top = box_mm
    font = int(rng.choice(FONTS[:3]))
    y, pitch = top - cap_mm, 2.1 * cap_mm
    while y > bottom:
        end = right if rng.uniform() < 0.86 else left + rng.uniform(0.2, 0.9) * (right - left)
        x = left
        while x < end - 4 * cap_mm:
            x += write(drawn, canvas, word(rng), (x, y), cap_mm, font, 0.1) + 0.8 * cap_mm
        y -= pitch * (1.7 if end < right else 1)
