"""What is tufted, knotted, ribbed or knitted: carpets, rugs, blankets."""

import numpy as np

from render.textures.canvas import Canvas, Field, ramp, to_line
from render.textures.maps import Drawing


def _fibres(canvas: Canvas, count: int, length_mm: float, width_mm: float, lean: Field, bend: float) -> Field:
    """Return pile as it is seen from above, 0 deep to 1 tips: `count` short curls drawn from the ground up.

    Each runs where `lean` points, in radians, more or less.
    """
    rng = canvas.rng
    start = rng.uniform(size=(count, 2)) * canvas.size_mm
    row, column = ((start[:, axis] / canvas.texel_mm[axis]).astype(int) % canvas.shape[1 - axis] for axis in (1, 0))
    turn = lean[row, column] + rng.normal(0, 0.8, count)
    curl = rng.normal(0, bend, count)
    along = np.linspace(0, 1, 5)
    angles = turn[:, None] + curl[:, None] * along
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * (length_mm / 5) * rng.uniform(0.6, 1.4, (count, 1, 1))
    lines = start[:, None] + np.cumsum(steps, axis=1)
    # Later ones lie higher and get more light; yarns differ a little.
    tones = np.clip(0.25 + 0.6 * (np.arange(count) / count) ** 0.7 + rng.normal(0, 0.1, count), 0, 1)
    return canvas.strokes(list(lines), [float(tone) for tone in tones], width_mm)


def tufted(rng: np.random.Generator) -> Drawing:
    """Draw a cut-pile carpet: tufts that lean this way and that, trodden paths."""
    canvas = Canvas((1024, 1024), 0.3, rng)
    pile = _fibres(canvas, 15000, 4.0, 0.8, 0.9 * canvas.noise(60, octaves=2), 1.2)
    distance, lot = canvas.cells(3.4)
    tuft = 1 - 0.35 * np.clip(distance, 0, 1) ** 2
    trodden = canvas.noise(90, octaves=3)
    return Drawing(
        canvas, 0.5 * ramp(lot, 0.3, 1) + 0.2 * ramp(trodden, 0, 2), 0.3 * ramp(lot, 0.8, 0.9),
        shade=(0.68 + 0.46 * pile) * tuft * (1 + 0.04 * trodden),
        height_mm=0.8 * canvas.blurred(pile, 0.35) + 1.2 * tuft,
    )  # fmt: skip


def melange(rng: np.random.Generator) -> Drawing:
    """Draw a flat loop-pile carpet of mixed yarns: loops in rows, each with its tone."""
    canvas = Canvas((1024, 1024), 0.3, rng)
    columns, rows = 96, 128
    u = canvas.x * columns / canvas.size_mm[0] + 0.3 * canvas.noise(5, octaves=2)
    v = canvas.y * rows / canvas.size_mm[1] + 0.3 * canvas.noise(5, octaves=2)
    v = v + 0.5 * (np.floor(u) % 2)
    lots = rng.uniform(size=(3, rows, columns)).astype(np.float32)
    lots = lots[:, np.floor(v).astype(int) % rows, np.floor(u).astype(int) % columns]
    loop = np.clip(1 - 1.5 * np.hypot(u % 1 - 0.5, v % 1 - 0.5) ** 1.5, 0, 1)
    yarn = canvas.noise(0.8)
    mix = 0.45 * lots[0] + 0.1 * ramp(canvas.noise(18, octaves=3), -1, 2)
    return Drawing(
        canvas, mix, 0.6 * (lots[1] > 0.93), shade=(0.6 + 0.5 * loop) * (0.93 + 0.14 * lots[2]) * (1 + 0.05 * yarn),
        height_mm=0.9 * loop + 0.06 * yarn,
    )  # fmt: skip


def shaggy(rng: np.random.Generator) -> Drawing:
    """Draw a deep-pile rug: long strands in clumps, dark gaps between."""
    canvas = Canvas((1024, 1024), 0.4, rng)
    clump = canvas.noise(22, octaves=2)
    pile = _fibres(canvas, 16000, 14.0, 1.2, 2.5 * canvas.noise(55, octaves=2), 1.6)
    return Drawing(
        canvas, 0.35 * ramp(clump, -0.5, 2), 0.0, shade=(0.64 + 0.48 * pile) * (1 - 0.1 * ramp(clump, 0, 2)),
        height_mm=1.4 * canvas.blurred(pile, 0.5) - 1.2 * clump,
    )  # fmt: skip


def corduroy(rng: np.random.Generator) -> Drawing:
    """Draw corduroy: straight ribs of short pile that the hand has brushed."""
    canvas = Canvas((1024, 1024), 0.2, rng)
    count = int(rng.choice([48, 64, 80]))
    phase = canvas.y * count / canvas.size_mm[1] + 0.12 * canvas.noise(60, 40)
    rib = np.abs(np.sin(np.pi * phase)) ** 0.6
    brushed = canvas.noise(35, 25, octaves=3)
    fuzz = canvas.noise(0.9, 0.6)
    return Drawing(
        canvas, 0.75 * ramp(1 - rib, 0.35, 0.9), shade=(0.75 + 0.3 * rib) * (1 + 0.04 * brushed + 0.04 * fuzz),
        height_mm=0.75 * canvas.size_mm[1] / count * 0.4 * rib + 0.05 * fuzz + 0.6 * canvas.noise(90),
    )  # fmt: skip


def blanket(rng: np.random.Generator) -> Drawing:
    """Draw a ribbed fleece blanket: broad soft ribs that sag and waver, fuzzy all over."""
    canvas = Canvas((1024, 1024), 0.35, rng)
    count = int(rng.choice([18, 24, 30]))
    phase = canvas.y * count / canvas.size_mm[1] + 0.18 * canvas.noise(170, 110) + 0.05 * canvas.noise(34, 24)
    rib = 0.5 + 0.5 * np.cos(2 * np.pi * phase)
    rib = rib**0.8 * (0.85 + 0.15 * np.clip(canvas.noise(60, 20), -1, 1))
    fuzz = _fibres(canvas, 14000, 3.5, 0.7, 3 * canvas.noise(20), 1.5)
    return Drawing(
        canvas, 0.65 * ramp(1 - rib, 0.45, 1.0),
        shade=(0.78 + 0.25 * rib) * (0.89 + 0.2 * fuzz) * (1 + 0.03 * canvas.noise(40)),
        height_mm=2.2 * rib + 0.35 * canvas.blurred(fuzz, 0.4),
    )  # fmt: skip


def knitted(rng: np.random.Generator) -> Drawing:
    """Draw stocking stitch: columns of V."""
    canvas = Canvas((1024, 1024), 0.25, rng)
    columns, rows = 40, 56
    u = canvas.x * columns / canvas.size_mm[0] + 0.05 * canvas.noise(30)
    v = canvas.y * rows / canvas.size_mm[1] + 0.06 * canvas.noise(30)
    leg = np.abs(u % 1 - 0.5)  # 0 where two legs of a stitch meet, 0.5 between stitches
    slant = v + 1.5 * leg
    round_leg = np.clip(np.sin(np.pi * np.clip(leg * 2, 0, 1)), 0, 1) ** 0.7
    strand = np.abs(np.sin(np.pi * slant)) ** 0.6
    over = round_leg * (0.35 + 0.65 * strand)
    twist = np.sin(2 * np.pi * (6 * leg - 2 * slant))
    tone = canvas.noise(30, 2.5) + canvas.noise(0.8)
    return Drawing(
        canvas, 0.7 * ramp(1 - over, 0.35, 0.95), shade=(0.7 + 0.4 * over) * (1 + 0.05 * twist + 0.05 * tone),
        height_mm=1.4 * over + 0.05 * twist,
    )  # fmt: skip


def _knotted(canvas: Canvas, second: Field | float, third: Field | float) -> Drawing:
    """Draw flat weave in two colours' rows: pattern edges step from weft to weft."""
    rows = np.abs(np.sin(np.pi * canvas.y * round(canvas.size_mm[1] / 2.0) / canvas.size_mm[1]))
    bead = np.abs(np.sin(np.pi * canvas.x * round(canvas.size_mm[0] / 3.0) / canvas.size_mm[0]))
    yarn = canvas.noise(2.4, 0.8, octaves=2)
    streak = canvas.noise(130, 1.6)
    worn = ramp(canvas.noise(120, octaves=3), 0.2, 2.4)
    relief = 0.5 * rows + 0.25 * bead
    uneven = (1 + 0.07 * yarn + 0.06 * streak) * (1 + 0.12 * worn)
    return Drawing(
        canvas, second, third, shade=(0.72 + 0.3 * rows + 0.12 * bead) * uneven,
        height_mm=0.9 * relief + 0.1 * yarn + 1.2 * canvas.noise(140),
    )  # fmt: skip


def _steps(canvas: Canvas) -> tuple[Field, Field]:
    """Return the coordinates of each point's knot, with some raggedness."""
    ragged = 0.8 * canvas.noise(4.0)
    x = np.floor((canvas.x + ragged) / 2.0) * 2.0
    y = np.floor((canvas.y + 0 * ragged) / 2.0) * 2.0
    return x.astype(np.float32), y.astype(np.float32)


def striped(rng: np.random.Generator) -> Drawing:
    """Draw a rug of stripes of uneven widths."""
    canvas = Canvas((1024, 1024), 0.6, rng)
    _, y = _steps(canvas)
    edges = np.cumsum(rng.choice([6, 12, 20, 34, 60], size=40))
    edges = edges / edges[-1] * canvas.size_mm[1]
    band = np.searchsorted(edges, y % canvas.size_mm[1])
    kinds = rng.choice(3, size=41, p=[0.5, 0.3, 0.2])[band]
    return _knotted(canvas, (kinds == 1).astype(np.float32), (kinds == 2).astype(np.float32))


def diamonds(rng: np.random.Generator) -> Drawing:
    """Draw a kilim: rows of stepped diamonds in each other, bands between."""
    canvas = Canvas((1024, 1024), 0.6, rng)
    x, y = _steps(canvas)
    period = canvas.size_mm[0] / int(rng.choice([4, 6, 8]))
    far = (to_line(x, period) + to_line(y, period)) / period  # 0..1
    ring = np.floor(far * rng.integers(4, 8)).astype(int)
    kinds = rng.permutation([0, 1, 2, 0, 1, 2, 0, 0])[ring % 8]
    return _knotted(canvas, (kinds == 1).astype(np.float32), (kinds == 2).astype(np.float32))


def ornament(rng: np.random.Generator) -> Drawing:
    """Draw an oriental carpet: medallions of petals on a ground of tendrils, bordered in a lighter yarn."""
    canvas = Canvas((1024, 1024), 0.6, rng)
    x, y = _steps(canvas)
    period = canvas.size_mm[0] / int(rng.choice([2, 3, 4]))
    shift = period / 2 * (np.floor(y / period) % 2)
    dx, dy = (x + shift) % period - period / 2, y % period - period / 2
    radius, angle = np.hypot(dx, dy) / (period / 2), np.arctan2(dy, dx)
    petals = int(rng.choice([6, 8, 10]))
    edge = 0.62 + 0.1 * np.cos(petals * angle)
    inside = (radius < edge).astype(np.float32)
    rim = (np.abs(radius - edge) < 0.045).astype(np.float32)
    inner = (np.abs(radius - 0.36 - 0.09 * np.cos(petals * angle + np.pi)) < 0.04) | (radius < 0.12)
    tendril = (np.abs(np.sin(9 * angle) * 0.5 + np.sin(14 * radius)) < 0.22) & (radius > edge + 0.08)
    third = np.maximum(rim, np.maximum(inner, tendril).astype(np.float32))
    return _knotted(canvas, inside * (1 - third), third)


def upholstery(rng: np.random.Generator) -> Drawing:
    """Draw a mixed upholstery cloth with scattered curls in another yarn."""
    canvas = Canvas((1024, 1024), 0.35, rng)
    curls, tones = [], []
    for _ in range(14):
        at, turn = rng.uniform(size=2) * canvas.size_mm, rng.uniform(0, 6.3)
        along = np.linspace(0, 1, 60)
        radius = rng.uniform(12, 26) * (1 - 0.85 * along)
        angle = turn + rng.choice([-1, 1]) * along * rng.uniform(4, 9)
        curls.append(at + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1))
        tones.append(1.0)
    broken = ramp(canvas.noise(6.0, 0.9), -0.6, 0.2)
    curl = canvas.strokes(curls, tones, 3.0) * broken
    yarn = canvas.noise(7.0, 0.9)
    weft = canvas.noise(0.9, 5.0)
    rows = np.abs(np.sin(np.pi * canvas.y * 256 / canvas.size_mm[1]))
    return Drawing(
        canvas, ramp(yarn + 0.5 * weft, -0.8, 1.0) * (1 - curl), curl, shade=(0.82 + 0.25 * rows) * (1 + 0.08 * yarn),
        height_mm=0.16 * yarn + 0.2 * rows + 0.5 * canvas.noise(70),
    )  # fmt: skip
