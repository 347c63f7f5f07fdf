"""Corrugated cardboard."""

import numpy as np

from render.textures.canvas import Canvas, Field, ramp
from render.textures.lettering import word_field
from render.textures.maps import Drawing


def _pulp(canvas: Canvas, flute_mm: float = 7.2) -> tuple[Field, Field, Field]:
    """Return second colour, shade and height of corrugated board: fibres, specks, flutes that show through."""
    fibres = canvas.noise(5.0, 1.3, octaves=2)
    specks = ramp(canvas.noise(1.3), 2.0, 2.8)
    stains = ramp(canvas.noise(80, octaves=4), 0.2, 2.4)
    flutes = np.sin(2 * np.pi * canvas.y * round(canvas.size_mm[1] / flute_mm) / canvas.size_mm[1])
    second = np.clip(0.2 * ramp(fibres, -1, 2.2) + 0.55 * specks + 0.3 * stains, 0, 1)
    shade = 1 + 0.02 * flutes + 0.02 * canvas.noise(120)
    return (
        second,
        np.asarray(shade, np.float32),
        np.asarray(0.03 * fibres + 0.035 * flutes + 0.5 * canvas.noise(70), np.float32),
    )


def kraft(rng: np.random.Generator) -> Drawing:
    """Draw plain corrugated board."""
    canvas = Canvas((1024, 1024), 0.4, rng)
    second, shade, height = _pulp(canvas)
    return Drawing(canvas, second, shade=shade, rougher=0.05, height_mm=height)


def carton(rng: np.random.Generator) -> Drawing:
    """Draw the side of a carton: a pressed fold, the seam of two flaps, tape along it now and then, printed words."""
    canvas = Canvas((1024, 1024), 0.6, rng)
    second, shade, height = _pulp(canvas)
    from_seam = np.abs(canvas.y - canvas.size_mm[1] / 2) + 0.25 * canvas.noise(12)
    from_fold = np.abs(canvas.x - canvas.size_mm[0] * 0.2)
    tape = (from_seam < 25 + 0.3 * canvas.noise(2)).astype(np.float32) * (rng.uniform() < 0.7)
    gap = ramp(from_seam, 1.0, 0.5) * (1 - tape)
    words = word_field(canvas, [(60.0, 60.0, 26.0), (60.0, 105.0, 12.0), (300.0, 480.0, 30.0)], rng)
    worn = ramp(canvas.noise(1.5, octaves=2), -2.2, -0.8)
    pressed = np.exp(-((from_fold / 2.5) ** 2))
    return Drawing(
        canvas,
        np.maximum(second, 0.9 * gap),
        np.maximum(0.8 * words * worn, 0.4 * tape),
        shade=shade * (1 - 0.4 * gap) * (1 - 0.12 * np.exp(-from_fold / 1.5)),
        rougher=0.05 - 0.4 * tape,
        height_mm=height * (1 - 0.5 * tape) - 0.8 * gap - 1.2 * pressed + 0.1 * tape * canvas.noise(12),
    )
