"""Wood: its grain, and boards cut from it."""

import numpy as np

from render.textures.canvas import Canvas, Field, ramp, to_line
from render.textures.maps import Drawing


def grain(canvas: Canvas, ring_mm: float, pores: float, waver_mm: float = 14.0) -> Field:
    """Return wood's grain along x, 0 early wood to 1 late wood and pores, (H, W).

    Year rings are cut at a slant: lines that waver along the trunk and close to arches where the cut just touches one.
    Each ring darkens slowly and ends sharply. Pores are fine dark dashes, most of them in early wood.
    """
    count = max(round(canvas.size_mm[1] / ring_mm), 1)
    waver = canvas.noise(460, 55) * waver_mm + canvas.noise(160, 14) * ring_mm * 0.12
    phase = ((canvas.y + waver) * (count / canvas.size_mm[1])) % 1
    rings = phase**2.2 * ramp(1 - phase, 0.0, 0.18)
    strength = 0.6 + 0.4 * np.clip(canvas.noise(500, 30), -1, 1)
    dashes = ramp(canvas.noise(14, 0.75), 0.9, 2.3) * (1.15 - phase)
    fibres = canvas.noise(70, 0.9, octaves=2)
    return np.asarray(np.clip(0.62 * strength * rings + pores * 0.6 * dashes + 0.07 * fibres + 0.12, 0, 1), np.float32)


def laid_boards(
    canvas: Canvas, size_mm: tuple[float, float], field: Field, *, aligned: bool = False
) -> tuple[Field, Field, Field]:
    """Return `field` cut into boards of about `size_mm`, a lot by board, -1..1, and the distance to joints.

    Each board is cut from elsewhere. Rows run along x; joints of each row are shifted unless the boards are `aligned`.
    """
    rng = canvas.rng
    rows = max(round(canvas.size_mm[1] / size_mm[1]), 1)
    columns = max(round(canvas.size_mm[0] / size_mm[0]), 1)
    length, width = canvas.size_mm[0] / columns, canvas.size_mm[1] / rows
    height, across = canvas.shape
    row = np.broadcast_to((np.arange(height)[:, None] * rows) // height, canvas.shape)
    shift = np.zeros(rows, int) if aligned else rng.integers(across, size=rows)
    column = ((np.arange(across)[None] + shift[row[:, :1]]) % across * columns) // across
    lots = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    from_y, from_x = rng.integers(height, size=(rows, columns)), rng.integers(across, size=(rows, columns))
    flat_y = (np.arange(height)[:, None] + from_y[row, column]) % height
    flat_x = (np.arange(across)[None] + from_x[row, column]) % across
    joints = np.minimum(
        to_line(canvas.y, width),
        to_line(canvas.x + (shift * canvas.texel_mm[0]).astype(np.float32)[row[:, :1]], length),
    )
    return field[flat_y, flat_x], lots[row, column], joints


def _boards(canvas: Canvas, size_mm: tuple[float, float], field: Field, gap_mm: float, uneven: float) -> Drawing:
    wood, lot, joint = laid_boards(canvas, size_mm, field)
    gap = ramp(joint, gap_mm * 1.4, gap_mm * 0.5)
    bevel = ramp(joint, 0.0, 3 * gap_mm)
    return Drawing(
        canvas, wood, gap, shade=1 + uneven * lot + 0.03 * canvas.noise(150),
        rougher=0.03 * canvas.noise(80) + 0.1 * (wood - 0.3), height_mm=gap_mm * 0.5 * bevel - 0.03 * wood,
    )  # fmt: skip


def planks(rng: np.random.Generator) -> Drawing:
    """Draw floor boards with joints."""
    canvas = Canvas((1024, 1024), (1.6, 0.6), rng)
    return _boards(canvas, (1640, 153.6), grain(canvas, rng.uniform(6, 11), rng.uniform(0.2, 0.8), 26), 0.8, 0.12)


def staves(rng: np.random.Generator) -> Drawing:
    """Draw parquet or a board glued of narrow staves of uneven tone."""
    canvas = Canvas((1024, 1024), (0.8, 0.45), rng)
    return _boards(
        canvas, (410, rng.choice([38.4, 57.6])), grain(canvas, rng.uniform(4, 8), rng.uniform(0.4, 1)), 0.25, 0.2
    )


def veneer(rng: np.random.Generator) -> Drawing:
    """Draw a wooden table top of one piece."""
    canvas = Canvas((1024, 1024), (1.1, 0.45), rng)
    wood = grain(canvas, rng.uniform(7, 16), rng.uniform(0.2, 0.9), 34)
    return Drawing(
        canvas, wood, shade=1 + 0.04 * canvas.noise(200, 60), rougher=0.03 * canvas.noise(90) + 0.1 * (wood - 0.3),
        height_mm=-0.03 * wood,
    )  # fmt: skip


def butcher(rng: np.random.Generator) -> Drawing:
    """Draw a kitchen top glued of blocks of strong grain."""
    canvas = Canvas((1024, 1024), (0.7, 0.4), rng)
    return _boards(canvas, (240, 41), grain(canvas, rng.uniform(5, 9), 0.5, 18), 0.12, 0.15)
