"""Sheets on a table, cardboard, and the user's own pictures."""

from render.floor_shaders.shader import Shader
from render.nodes import Socket


def _table(shader: Shader) -> Socket:
    """Return the colour of the table below a sheet, streaked a little like a laminate or wood."""
    streaks = shader.ramp(shader.noise(90.0, 5.0, detail=1), 0.35, 0.7)
    return shader.mix(streaks, shader.third, shader.tinted(shader.third, 0.87))


def _beyond(shader: Shader) -> tuple[Socket, Socket]:
    """Return how far the point lies beyond a sheet of `shader.length` x `shader.width` about the origin, in x and y."""
    x, y = (
        shader.math("MULTIPLY_ADD", size, -0.5, shader.math("ABSOLUTE", axis))
        for axis, size in ((shader.x, shader.length), (shader.y, shader.width))
    )
    return x, y


def _laid_down(shader: Shader, color: Socket, thickness_mm: float, waves: Socket, beyond: Socket | None = None) -> None:
    """Colour a sheet on a table, with its edge and a thin shadow; `beyond` its edge is positive."""
    if beyond is None:
        beyond = shader.math("MAXIMUM", *_beyond(shader))
    sheet = shader.ramp(beyond, 0.1, -0.1)
    shadow = shader.math("MULTIPLY_ADD", shader.ramp(beyond, 6 * thickness_mm, 0.0), -0.4, 1.0)
    height = shader.times(sheet, shader.math("ADD", waves, thickness_mm))
    both = shader.mix(sheet, shader.tinted(_table(shader), shadow), color)
    shader.finish(both, height, roughness=shader.math("MULTIPLY_ADD", sheet, 0.3, 0.45), gloss=0.35)


def _waves(shader: Shader) -> Socket:
    """Return the height of paper that does not lie quite flat."""
    return shader.times(shader.noise(75.0), 1.6)


def _ruled(shader: Shader, distance: Socket, beyond: Socket | None = None) -> None:
    """Colour paper with lines where `distance` to the nearest is small."""
    lines = shader.times(shader.ramp(distance, 0.25, 0.08), 0.6)
    _laid_down(shader, shader.mix(lines, shader.base, shader.second), 0.3, _waves(shader), beyond)


def white(shader: Shader) -> None:
    """Colour a white sheet."""
    _laid_down(shader, shader.base, 0.3, _waves(shader))


def folded(shader: Shader) -> None:
    """Colour a white sheet that was folded twice and laid flat: a valley along y, a ridge along x."""
    valley, ridge = (shader.math("MINIMUM", shader.math("ABSOLUTE", axis), 14.0) for axis in (shader.x, shader.y))
    bent = shader.math("MULTIPLY_ADD", shader.math("SUBTRACT", valley, ridge), 0.08, _waves(shader))
    _laid_down(shader, shader.base, 0.3, bent)


def squared(shader: Shader) -> None:
    """Colour squared paper, 5 mm."""
    _ruled(shader, shader.math("MINIMUM", shader.to_edge(shader.x, 5.0), shader.to_edge(shader.y, 5.0)))


def lined(shader: Shader) -> None:
    """Colour lined paper, 8 mm."""
    _ruled(shader, shader.to_edge(shader.y, 8.0))


def notebook(shader: Shader) -> None:
    """Colour a squared leaf torn from a wire-bound block: every 8.47 mm a torn hole 4.5 mm deep along one edge."""
    x, y = _beyond(shader)
    along = shader.math("ADD", shader.to_edge(shader.y, 8.47), shader.times(shader.noise(3.0), 1.5))
    hole = shader.times(shader.ramp(along, 3.2, 2.2), shader.math("GREATER_THAN", shader.x, 0.0))
    beyond = shader.math("MAXIMUM", shader.math("MULTIPLY_ADD", hole, 4.5, x), y)
    _ruled(shader, shader.math("MINIMUM", shader.to_edge(shader.x, 5.0), shader.to_edge(shader.y, 5.0)), beyond)


def _pulp(shader: Shader) -> tuple[Socket, Socket]:
    """Return colour and height of corrugated board: fibres, specks, flutes that show through."""
    fibres = shader.noise(5.0, 1.1, detail=1)
    specks = shader.ramp(shader.noise(1.3), 0.66, 0.78)
    flutes = shader.times(shader.wave(shader.y, 7.2), 0.025)
    pale = shader.mix(shader.times(shader.ramp(fibres, 0.35, 0.7), 0.35), shader.base, shader.second)
    return shader.mix(shader.times(specks, 0.6), pale, shader.second), shader.math("MULTIPLY_ADD", fibres, 0.05, flutes)


def board(shader: Shader) -> None:
    """Colour a floor of cardboard."""
    color, height = _pulp(shader)
    shader.finish(color, height, gloss=0.25)


def sheet(shader: Shader) -> None:
    """Colour a piece of cardboard on a table."""
    color, height = _pulp(shader)
    _laid_down(shader, color, 2.0, height)
