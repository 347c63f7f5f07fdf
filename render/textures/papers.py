"""Paper: sheets that are drawn from edge to edge."""

import numpy as np

from render.textures.canvas import Canvas, Field, ramp, to_line
from render.textures.maps import Drawing

A4_MM = (297.0, 210.0)


def sheet_canvas(size_mm: tuple[float, float], rng: np.random.Generator) -> Canvas:
    """Return a canvas of 1024 texels along a sheet's longer side."""
    return Canvas((768, 1024), (size_mm[0] / 1024, size_mm[1] / 768), rng)


def waves(canvas: Canvas, most_mm: float = 0.55) -> Field:
    """Return the height of paper that does not lie quite flat."""
    return np.asarray(most_mm * canvas.noise(95, octaves=2) + 0.004 * canvas.noise(1.0), np.float32)


def _ruled(canvas: Canvas, lines: Field) -> Drawing:
    return Drawing(
        canvas, 0.6 * lines, shade=1 + 0.008 * canvas.noise(30, octaves=2), height_mm=waves(canvas)
    )  # fmt: skip


def white(rng: np.random.Generator) -> Drawing:
    """Draw a blank sheet."""
    canvas = sheet_canvas(A4_MM, rng)
    return _ruled(canvas, np.zeros(canvas.shape, np.float32))


def folded(rng: np.random.Generator) -> Drawing:
    """Draw a blank sheet that was folded twice and laid flat: a valley along y, a ridge along x."""
    canvas = sheet_canvas(A4_MM, rng)
    valley, ridge = np.abs(canvas.x - A4_MM[0] / 2), np.abs(canvas.y - A4_MM[1] / 2)
    bent = 1.4 * (np.exp(-valley / 22) - np.exp(-ridge / 22))  # the paper has nearly sprung back
    creased = np.exp(-valley / 0.5) + np.exp(-ridge / 0.5)
    return Drawing(canvas, shade=1 - 0.04 * creased, height_mm=waves(canvas) - bent)


def squared(rng: np.random.Generator) -> Drawing:
    """Draw squared paper, 5 mm."""
    canvas = sheet_canvas(A4_MM, rng)
    return _ruled(canvas, np.maximum(*(ramp(to_line(axis, 5.0), 0.3, 0.05) for axis in (canvas.x + 1, canvas.y))))


def lined(rng: np.random.Generator) -> Drawing:
    """Draw lined paper, 8 mm, with a margin."""
    canvas = sheet_canvas(A4_MM, rng)
    lines = np.broadcast_to(ramp(to_line(canvas.y, 8.0), 0.3, 0.05), canvas.shape)
    margin = np.broadcast_to(ramp(np.abs(canvas.x - 30), 0.5, 0.2), canvas.shape)
    return Drawing(canvas, 0.6 * lines, 0.7 * margin, height_mm=waves(canvas))


def handwritten(rng: np.random.Generator) -> Drawing:
    """Draw squared paper that was written on with a pen."""
    canvas = sheet_canvas(A4_MM, rng)
    squares = np.maximum(*(ramp(to_line(axis, 5.0), 0.3, 0.05) for axis in (canvas.x + 1, canvas.y)))
    strokes = []
    for row in range(2, int(rng.integers(8, 26))):
        x = 18.0
        while x < rng.uniform(120, 275):
            letters = int(rng.integers(2, 10))
            along = np.linspace(0, letters, letters * 8)
            swing = np.cumsum(rng.normal(0, 0.35, len(along)))
            word = np.stack(
                [
                    x + 2.1 * along + 0.7 * np.sin(6.3 * along + swing),
                    8.0 * row + 1.5 * np.sin(6.3 * along + 1.3 + swing) + rng.normal(0, 0.3),
                ],
                1,
            )
            strokes.append(word)
            x += 2.1 * letters + 3.5
    ink = canvas.strokes(strokes, [1.0] * len(strokes), 0.5)
    return Drawing(canvas, 0.5 * squares * (1 - ink), 0.9 * ink, height_mm=waves(canvas))


def towel(rng: np.random.Generator) -> Drawing:
    """Draw a sheet of kitchen paper: embossed curls, leaves printed along two sides."""
    size = (230.0, 220.0)
    canvas = sheet_canvas(size, rng)
    field = canvas.noise(34, octaves=1)
    groove = ramp(np.abs((field * 2.2) % 1 - 0.5), 0.14, 0.03)
    dots = ramp(np.hypot(to_line(canvas.x, 4.0), to_line(canvas.y, 4.0)), 0.9, 0.4) * (1 - groove)
    border = np.minimum(canvas.y, size[1] - canvas.y)
    leaf = canvas.noise(26, octaves=1)
    printed = ramp(leaf, -0.05, 0.05) * ramp(np.abs(border - 32), 26, 18)
    veins = ramp(np.abs((leaf * 3) % 1 - 0.5), 0.06, 0.02)
    crinkle = canvas.noise(1.6, octaves=2)
    return Drawing(
        canvas, 0.6 * printed * (1 - 0.7 * veins) * (0.85 + 0.1 * crinkle), shade=1 - 0.05 * groove + 0.01 * crinkle,
        rougher=0.3, height_mm=-0.2 * canvas.blurred(groove, 0.8) - 0.05 * dots + 0.01 * crinkle + waves(canvas, 0.9),
    )  # fmt: skip
