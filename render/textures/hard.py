"""Table tops, tiles and stone."""

import numpy as np

from render.textures.canvas import Canvas, Field, ramp, to_line
from render.textures.maps import Drawing
from render.textures.wood import grain, laid_boards


def _used(canvas: Canvas, scratches: int = 40) -> tuple[Field, Field]:
    """Return where a board is scratched, and where wiping and fingers have left it duller, -1..1."""
    rng, lines = canvas.rng, []
    for _ in range(scratches):
        start, turn = rng.uniform(size=2) * canvas.size_mm, rng.uniform(0, 2 * np.pi)
        bend = turn + rng.normal(0, 0.5) * np.linspace(0, 1, 6)
        steps = rng.gamma(2.0, 2.0) * np.stack([np.cos(bend), np.sin(bend)], axis=1)
        lines.append(start + np.cumsum(steps, axis=0))
    scratched = canvas.strokes(lines, list(rng.uniform(0.1, 0.9, scratches)), 0.2)
    return scratched, np.clip(canvas.noise(60, octaves=3) / 3, -1, 1)


def smooth(rng: np.random.Generator) -> Drawing:
    """Draw a smooth board that was used: wiped unevenly, scratched a little, with some dust."""
    canvas = Canvas((1024, 1024), 0.4, rng)
    scratched, wiped = _used(canvas)
    dust = ramp(canvas.noise(0.9), 3.2, 4.2)
    return Drawing(
        canvas, ramp(canvas.noise(150, octaves=2), -3, 3), shade=1 + 0.12 * scratched + 0.2 * dust,
        rougher=0.05 * wiped + 0.2 * scratched, height_mm=0.004 * canvas.noise(14.0),
    )  # fmt: skip


def painted(rng: np.random.Generator) -> Drawing:
    """Draw a board that was painted with a roller: the skin of an orange."""
    canvas = Canvas((1024, 1024), 0.3, rng)
    return Drawing(
        canvas, ramp(canvas.noise(90, octaves=2), -2, 2), rougher=0.03 * canvas.noise(50),
        height_mm=0.012 * canvas.noise(3.2, octaves=2),
    )  # fmt: skip


def speckled(rng: np.random.Generator) -> Drawing:
    """Draw a laminate printed with fine specks of two tones."""
    canvas = Canvas((1024, 1024), 0.25, rng)
    dark, pale = ramp(canvas.noise(1.4), 1.5, 2.2), ramp(canvas.noise(1.1), 1.6, 2.3)
    return Drawing(
        canvas, 0.9 * dark, shade=1 + 0.12 * pale + 0.01 * canvas.noise(40), rougher=0.03 * canvas.noise(50, octaves=2),
        height_mm=0.006 * canvas.noise(1.8),
    )  # fmt: skip


def pebbled(rng: np.random.Generator) -> Drawing:
    """Draw a laminate embossed like fine leather, as on most office desks."""
    canvas = Canvas((1024, 1024), 0.25, rng)
    distance, lot = canvas.cells(1.3)
    bump = canvas.blurred(1 - np.clip(distance, 0, 1) ** 2, 0.2)
    return Drawing(
        canvas, 0.15 * ramp(canvas.noise(120), -2, 2), shade=0.97 + 0.03 * bump + 0.02 * lot,
        rougher=0.03 * canvas.noise(60, octaves=2), height_mm=0.02 * bump,
    )  # fmt: skip


def printed(rng: np.random.Generator) -> Drawing:
    """Draw a laminate printed with pale straight grain."""
    canvas = Canvas((1024, 1024), (1.0, 0.4), rng)
    streaks = 0.7 * canvas.noise(220, 3.2, octaves=3) + 0.5 * canvas.noise(320, 26) + 0.35 * canvas.noise(24, 0.7)
    return Drawing(
        canvas, ramp(streaks, -1.6, 2.2), rougher=0.02 * canvas.noise(60), height_mm=0.004 * canvas.noise(26, 0.9)
    )


TILE_SIZES_MM = (98.0, 148.0, 198.0, 298.0)


def _tiled(canvas: Canvas, size_mm: tuple[float, float], joint_mm: float) -> tuple[Field, Field, Field, Field]:
    """Return where tiles are (not joints), a lot by tile, their height, and how worn joints are."""
    length, width = size_mm
    edge = np.minimum(to_line(canvas.x, length), to_line(canvas.y, width)) + 0.06 * canvas.noise(3.0)
    tile = ramp(edge, joint_mm / 2 - 0.3, joint_mm / 2 + 0.4)
    rows, columns = round(canvas.size_mm[1] / width), round(canvas.size_mm[0] / length)
    row = (canvas.y // width).astype(int) % rows
    column = (canvas.x // length).astype(int) % columns
    lots = canvas.rng.uniform(-1, 1, (3, rows, columns)).astype(np.float32)[:, row, column]
    # No tile lies quite level: what it mirrors is shifted against its neighbours'.
    tilt = 0.003 * (lots[0] * (canvas.x % length - length / 2) + lots[1] * (canvas.y % width - width / 2))
    height = 0.6 * tile + 0.3 * ramp(edge, joint_mm / 2, joint_mm / 2 + 2.5) + tile * tilt
    dirt = ramp(canvas.noise(35, octaves=3), -1.5, 2.0)
    return tile, lots[2], height, dirt


def _laid_tiles(
    canvas: Canvas, size_mm: tuple[float, float], second: Field, shade: Field, gloss_waves_mm: float
) -> Drawing:
    tile, lot, height, dirt = _tiled(canvas, size_mm, canvas.rng.uniform(2.0, 4.0))
    grain = canvas.noise(0.8)
    joint = 0.95 - 0.35 * dirt + 0.06 * grain
    return Drawing(
        canvas, second * tile, 1 - tile, shade=tile * shade * (1 + 0.035 * lot) + (1 - tile) * joint,
        rougher=(1 - tile) * 0.4 + tile * 0.05 * canvas.noise(40, octaves=2),
        height_mm=height + tile * gloss_waves_mm * canvas.noise(25) + (1 - tile) * 0.05 * grain,
    )  # fmt: skip


def _tile_canvas(rng: np.random.Generator) -> tuple[Canvas, tuple[float, float]]:
    size = float(rng.choice(TILE_SIZES_MM))
    count = 2 if size > 200 else 4
    return Canvas((1024, 1024), size * count / 1024, rng), (size, size if rng.uniform() < 0.7 else size / 2)


def glazed(rng: np.random.Generator) -> Drawing:
    """Draw glazed tiles: a glaze that is not quite even, tiles that are not quite level, joints that are not clean."""
    canvas, size = _tile_canvas(rng)
    return _laid_tiles(
        canvas, size, 0.25 * ramp(canvas.noise(60, octaves=3), -1, 2.5), np.ones(canvas.shape, np.float32), 0.02
    )


def clouded(rng: np.random.Generator) -> Drawing:
    """Draw tiles with the look of stone, each from elsewhere."""
    canvas, size = _tile_canvas(rng)
    stone = canvas.noise(70, octaves=6)
    speck = ramp(canvas.noise(1.6, octaves=2), 1.4, 2.6)
    pieces = laid_boards(canvas, size, stone, aligned=True)[0]
    return _laid_tiles(canvas, size, ramp(pieces, -2.0, 2.4), 1 - 0.15 * speck, 0.006)


def wooden(rng: np.random.Generator) -> Drawing:
    """Draw floor tiles that imitate parquet: staves printed on each, joints between."""
    size = 330.0
    canvas = Canvas((1024, 1024), 2 * size / 1024, rng)
    second = grain(canvas, ring_mm=5.0, pores=0.9)
    staves, tone, _ = laid_boards(canvas, (size / 2, size / 10), second)
    return _laid_tiles(canvas, (size, size), staves, 1 + 0.22 * tone, 0.012)


def granite(rng: np.random.Generator) -> Drawing:
    """Draw polished granite: pale and tinted feldspar, grey quartz, black mica, in clusters."""
    canvas = Canvas((1024, 1024), 0.3, rng)
    _, large = canvas.cells(3.2)
    _, small = canvas.cells(1.5)
    cluster = canvas.noise(14, octaves=2)
    warp = canvas.noise(1.2)
    second = ramp(large + 0.22 * cluster + 0.08 * warp, 0.5, 0.62)
    dark = ramp(small + 0.14 * canvas.noise(9) + 0.1 * warp, 0.8, 0.86)
    return Drawing(canvas, second, 0.0, shade=(1 - 0.82 * dark) * (1 + 0.1 * (small - 0.5)), rougher=0.08 * dark)


def terrazzo(rng: np.random.Generator) -> Drawing:
    """Draw terrazzo: broken chips of two stones, large and small, in a fine ground."""
    canvas = Canvas((1024, 1024), 0.4, rng)
    rough = canvas.noise(3.5, octaves=3)
    second, third, shade = np.zeros((3, *canvas.shape), np.float32)
    for pitch, share in ((16.0, 0.35), (8.0, 0.4), (4.0, 0.35)):
        distance, lot = canvas.cells(pitch)
        reach = distance + 0.06 * rough * 8 / pitch + 0.25 * (lot * 7 % 1 - 0.5)
        chip = ramp(reach, 0.4, 0.36) * (lot < share)
        of_second = chip * ((lot * 31) % 1 > 0.45)
        second, third = second * (1 - chip) + of_second, third * (1 - chip) + chip - of_second
        shade = shade * (1 - chip) + chip * 0.3 * ((lot * 57) % 1 - 0.5)
    return Drawing(canvas, second, third, shade=1 + shade + 0.03 * canvas.noise(2.0), rougher=0.04 * rough)


def marble(rng: np.random.Generator) -> Drawing:
    """Draw marble: clouds, and veins where a slow noise passes 0, thick and thin, broken."""
    canvas = Canvas((1024, 1024), 0.7, rng)
    cloud = canvas.noise(260, octaves=5)
    fine = canvas.noise(60, octaves=4)
    vein = np.zeros(canvas.shape, np.float32)
    for size, thick in ((420, 0.05), (240, 0.03), (240, 0.025), (130, 0.03)):
        field = canvas.noise(size, size * 0.6, octaves=5)
        vein = np.maximum(vein, np.exp(-np.abs(field) / thick) * ramp(canvas.noise(size), -0.3, 1.2))
        vein = np.maximum(vein, 0.35 * np.exp(-np.abs(field) / (6 * thick)) * ramp(fine, -1, 1.5))
    return Drawing(canvas, np.clip(0.75 * vein + 0.1 * ramp(cloud, 0, 2.5), 0, 1), shade=1 + 0.03 * cloud)


def slate(rng: np.random.Generator) -> Drawing:
    """Draw cleft slate or cast concrete: clouded, pitted, dull."""
    canvas = Canvas((1024, 1024), 0.5, rng)
    cloud = canvas.noise(140, octaves=6)
    pit = ramp(canvas.noise(2.2), 2.4, 3.0)
    return Drawing(
        canvas, ramp(cloud, -2, 2.2), shade=1 - 0.35 * pit + 0.03 * canvas.noise(1.2), rougher=0.15 + 0.05 * cloud,
        height_mm=0.12 * canvas.noise(18, octaves=4) - 0.25 * pit,
    )  # fmt: skip
