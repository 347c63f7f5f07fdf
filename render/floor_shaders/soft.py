"""What is woven, tufted or knitted: cloth, carpets, ribbed blankets, rugs. Hardly any gloss."""

from render.floor_shaders.shader import Shader
from render.nodes import Socket

GLOSS = 0.12


def _folds(shader: Shader) -> Socket:
    """Return the height of soft folds: cloth that was laid down, not stretched."""
    return shader.times(shader.noise(110.0), 5.0)


def _woven(shader: Shader, warp: Socket, weft: Socket, *, diagonal: bool = False, uneven: float = 0.0) -> None:
    """Colour threads of the pitch `shader.length`: over and under in turn, or in diagonals."""
    u, v = (shader.math("DIVIDE", axis, shader.length) for axis in (shader.x, shader.y))
    if diagonal:  # over two, under one, each row one thread further
        place = shader.math("ADD", shader.math("FLOOR", u), shader.math("FLOOR", v))
        over = shader.math("SUBTRACT", shader.math("FLOORED_MODULO", place, 3.0), 0.5)
    else:
        over = shader.times(shader.wave(u, 2.0), shader.wave(v, 2.0))
    on_top = shader.ramp(over, -0.15, 0.15)
    round_u, round_v = (shader.math("PINGPONG", axis, 0.5) for axis in (u, v))
    relief = shader.blend(on_top, round_v, round_u)  # 0 between two threads, 0.5 in a thread's middle
    shade = shader.math("MULTIPLY_ADD", shader.ramp(relief, 0.0, 0.3), 0.45, 0.55)
    if uneven:
        streaks = shader.blend(on_top, shader.noise(40.0, 1.3), shader.noise(1.3, 40.0))
        shade = shader.times(shade, shader.math("MULTIPLY_ADD", streaks, uneven, 1 - uneven / 2))
    color = shader.tinted(shader.mix(on_top, weft, warp), shade)
    height = shader.math("MULTIPLY_ADD", shader.times(relief, shader.length), 0.7, _folds(shader))
    shader.finish(color, height, gloss=GLOSS)


def plain(shader: Shader) -> None:
    """Colour a plain weave."""
    _woven(shader, shader.base, shader.second)


def twill(shader: Shader) -> None:
    """Colour a twill such as jeans: diagonal lines, a pale weft."""
    _woven(shader, shader.base, shader.second, diagonal=True, uneven=0.5)


def linen(shader: Shader) -> None:
    """Colour linen: a plain weave of uneven threads."""
    _woven(shader, shader.base, shader.base, uneven=1.2)


def checked(shader: Shader) -> None:
    """Colour a checked cloth: stripes in warp and weft cross."""
    period = shader.times(shader.width, 2.0)
    stripes = [shader.math("GREATER_THAN", shader.wave(axis, period), 0.2) for axis in (shader.x, shader.y)]
    warp, weft = (shader.mix(stripe, shader.base, shader.third) for stripe in stripes)
    _woven(shader, warp, weft)


def tufted(shader: Shader) -> None:
    """Colour a carpet of tufts."""
    distance, chance = shader.cells(shader.length)
    yarn = shader.noise(0.9)
    tone = shader.math("MULTIPLY_ADD", chance, 0.4, shader.math("MULTIPLY_ADD", yarn, 1.2, -0.85))
    dark = shader.math("ADD", shader.ramp(distance, 0.25, 0.9), tone, clamp=True)
    color = shader.mix(dark, shader.base, shader.second)
    height = shader.math("MULTIPLY_ADD", yarn, 0.9, shader.times(shader.times(distance, shader.length), -0.35))
    shader.finish(color, height, gloss=0.0)


def melange(shader: Shader) -> None:
    """Colour a flat carpet of mixed yarns."""
    distance, chance = shader.cells(shader.length)
    yarn = shader.noise(2.2, 0.7)
    tone = shader.math("MULTIPLY_ADD", yarn, 0.8, shader.math("MULTIPLY_ADD", chance, 0.6, -0.2))
    color = shader.mix(shader.ramp(tone, 0.2, 0.8), shader.base, shader.second)
    color = shader.mix(shader.math("GREATER_THAN", chance, 0.92), color, shader.third)
    shader.finish(color, shader.math("MULTIPLY_ADD", yarn, 0.5, shader.times(distance, -0.4)), gloss=0.0)


def _ribs(shader: Shader, depth: float, fuzz_mm: float, waver_mm: float) -> None:
    waver = shader.math("MULTIPLY_ADD", shader.noise(90.0), waver_mm, shader.y)
    across = shader.math("MULTIPLY", shader.to_edge(waver, shader.length), shader.math("DIVIDE", 2.0, shader.length))
    fuzz = shader.noise(fuzz_mm * 2, fuzz_mm)
    rib = shader.ramp(across, 0.0, 0.6)
    shade = shader.math("MULTIPLY_ADD", rib, 0.75, shader.math("MULTIPLY_ADD", fuzz, 0.8, -0.15), clamp=True)
    loose = shader.math("MULTIPLY_ADD", fuzz, 0.3, _folds(shader))
    height = shader.math("MULTIPLY_ADD", shader.times(rib, shader.length), depth, loose)
    shader.finish(shader.mix(shade, shader.second, shader.base), height, gloss=0.0)


def corduroy(shader: Shader) -> None:
    """Colour corduroy: straight ribs of pile."""
    _ribs(shader, 0.22, 0.5, 3.0)


def blanket(shader: Shader) -> None:
    """Colour a ribbed woollen blanket: soft ribs that waver, fuzzy."""
    _ribs(shader, 0.16, 1.1, 22.0)


def _knotted(shader: Shader, pattern: Socket, border: Socket) -> None:
    """Colour short pile knotted in rows: two colours by `pattern`, the third on `border`, all 0..1."""
    rows = shader.math("PINGPONG", shader.y, 1.1)
    fuzz = shader.noise(1.4, 0.9, detail=1)
    color = shader.mix(border, shader.mix(pattern, shader.base, shader.second), shader.third)
    shade = shader.math("MULTIPLY_ADD", fuzz, 1.0, shader.math("MULTIPLY_ADD", rows, 0.25, 0.38))
    height = shader.math("MULTIPLY_ADD", fuzz, 0.9, shader.times(rows, 0.4))
    shader.finish(shader.tinted(color, shade), height, gloss=0.0)


def _knots(shader: Shader) -> tuple[Socket, Socket]:
    """Return the position of the knot at each point: patterns have steps of 2.2 mm."""
    x, y = (shader.times(shader.math("FLOOR", shader.math("DIVIDE", axis, 2.2)), 2.2) for axis in (shader.x, shader.y))
    return x, y


def striped(shader: Shader) -> None:
    """Colour a rug of stripes, narrow ones between wide ones."""
    along, _ = _knots(shader)
    wave = shader.wave(along, shader.times(shader.length, 2.0))
    narrow = shader.math("LESS_THAN", shader.math("ABSOLUTE", shader.math("SUBTRACT", wave, 0.5)), 0.16)
    _knotted(shader, shader.math("GREATER_THAN", wave, 0.0), narrow)


def diamonds(shader: Shader) -> None:
    """Colour a rug of diamonds with a rim."""
    x, y = _knots(shader)
    half = shader.times(shader.length, 0.5)
    both = shader.math("ADD", shader.math("PINGPONG", x, half), shader.math("PINGPONG", y, half))
    across = shader.math("SUBTRACT", shader.math("DIVIDE", both, half), 1.0)
    rim = shader.math("LESS_THAN", shader.math("ABSOLUTE", across), 0.12)
    _knotted(shader, shader.math("GREATER_THAN", across, 0.0), rim)


def ornament(shader: Shader) -> None:
    """Colour a rug or upholstery with scattered curls: level lines of a slow noise."""
    x, y = _knots(shader)
    slow = shader.noise(70.0, 55.0, detail=1, at=shader.point(x, y))
    curl = shader.math("LESS_THAN", shader.math("ABSOLUTE", shader.math("SUBTRACT", slow, 0.56)), 0.02)
    here = shader.math("GREATER_THAN", shader.noise(160.0), 0.5)
    yarn = shader.noise(9.0, 1.6)
    _knotted(shader, shader.ramp(yarn, 0.4, 0.6), shader.times(curl, here))
