"""Tables and boards: plain ones, laminates, wood, tiles, stone."""

from render.floor_shaders.shader import Shader
from render.nodes import Socket


def smooth(shader: Shader) -> None:
    """Colour a smooth board, mottled a little, wiped unevenly."""
    cloudy = shader.noise(90.0, detail=1)
    shader.finish(
        shader.mix(shader.ramp(cloudy, 0.3, 0.7), shader.base, shader.second),
        roughness=shader.math("MULTIPLY_ADD", cloudy, 0.2, shader.math("SUBTRACT", shader.roughness, 0.1)),
    )


def painted(shader: Shader) -> None:
    """Colour a board painted with a roller."""
    cloudy = shader.ramp(shader.noise(70.0), 0.3, 0.7)
    shader.finish(shader.mix(cloudy, shader.base, shader.second), shader.times(shader.noise(2.2), 0.06))


def speckled(shader: Shader) -> None:
    """Colour a laminate printed with specks."""
    specks = shader.ramp(shader.noise(1.5, detail=1), 0.55, 0.68)
    shader.finish(
        shader.mix(shader.times(specks, 0.7), shader.base, shader.second), shader.times(shader.noise(2.0), 0.02)
    )


def pebbled(shader: Shader) -> None:
    """Colour a laminate embossed like fine leather, as on most office desks."""
    grain, _ = shader.cells(shader.length)
    color = shader.mix(shader.times(shader.ramp(shader.noise(60.0), 0.3, 0.7), 0.3), shader.base, shader.second)
    shader.finish(color, shader.times(grain, -0.07))


def printed(shader: Shader) -> None:
    """Colour a laminate printed with pale straight grain."""
    streaks = shader.noise(160.0, 2.5, detail=2)
    shader.finish(shader.mix(shader.ramp(streaks, 0.35, 0.7), shader.base, shader.second), shader.times(streaks, 0.04))


def _grain(shader: Shader, x: Socket, y: Socket) -> Socket:
    """Return wood's grain along x, 0..1: year rings that waver, and fine dark pores."""
    flow = shader.noise(330.0, 60.0, at=shader.point(x, y))
    rings = shader.math("SINE", shader.math("MULTIPLY_ADD", flow, 38.0, shader.times(y, 0.25)))
    pores = shader.ramp(shader.noise(26.0, 0.9, detail=1, at=shader.point(x, y)), 0.42, 0.72)
    return shader.math("MULTIPLY_ADD", pores, 0.6, shader.math("MULTIPLY_ADD", rings, 0.17, 0.17), clamp=True)


def _boards(shader: Shader, gap_mm: float, uneven: float) -> None:
    row = shader.math("FLOOR", shader.math("DIVIDE", shader.y, shader.width))
    shifted = shader.math("MULTIPLY_ADD", shader.lot(row), shader.length, shader.x)
    chance = shader.lot(row, shader.math("FLOOR", shader.math("DIVIDE", shifted, shader.length)))
    far = shader.times(chance, 9000.0)  # every board is cut from elsewhere
    grain = _grain(shader, shader.math("ADD", shader.x, far), shader.math("ADD", shader.y, far))
    tone = shader.math("MULTIPLY_ADD", chance, uneven, 1 - uneven / 2)
    color = shader.tinted(shader.mix(grain, shader.base, shader.second), tone)
    to_edge = shader.math("MINIMUM", shader.to_edge(shader.y, shader.width), shader.to_edge(shifted, shader.length))
    gap = shader.ramp(to_edge, gap_mm, gap_mm * 0.4)
    # No relief of the grain: it would be evaluated three times more, for a tenth of a second a picture.
    shader.finish(shader.mix(gap, color, shader.third), shader.times(gap, -4 * gap_mm**2))


def planks(shader: Shader) -> None:
    """Colour floor boards or a table of planks with joints."""
    _boards(shader, 0.7, 0.35)


def staves(shader: Shader) -> None:
    """Colour a board glued of narrow staves of uneven tone."""
    _boards(shader, 0.15, 0.4)


def veneer(shader: Shader) -> None:
    """Colour a wooden table top of one piece."""
    grain = _grain(shader, shader.x, shader.y)
    shader.finish(shader.mix(grain, shader.base, shader.second), shader.times(grain, -0.05))


def _laid(shader: Shader, color: Socket) -> None:
    row, column = (
        shader.math("FLOOR", shader.math("DIVIDE", axis, size))
        for axis, size in ((shader.y, shader.width), (shader.x, shader.length))
    )
    tone = shader.math("MULTIPLY_ADD", shader.lot(row, column), 0.12, 0.94)
    to_edge = shader.math("MINIMUM", shader.to_edge(shader.y, shader.width), shader.to_edge(shader.x, shader.length))
    tile = shader.ramp(to_edge, 1.1, 1.8)
    # A joint 3 mm wide and 1 mm deep; the glaze is drawn down over the tile's last millimetres.
    height = shader.math("MULTIPLY_ADD", tile, 0.8, shader.times(shader.ramp(to_edge, 1.0, 5.0), 0.35))
    roughness = shader.math("MULTIPLY_ADD", tile, shader.math("SUBTRACT", shader.roughness, 0.9), 0.9)
    shader.finish(shader.mix(tile, shader.third, shader.tinted(color, tone)), height, roughness=roughness)


def glazed(shader: Shader) -> None:
    """Colour glazed tiles of one colour."""
    _laid(shader, shader.base)


def clouded(shader: Shader) -> None:
    """Colour tiles with the look of stone."""
    _laid(shader, shader.mix(shader.ramp(shader.noise(45.0, detail=3), 0.3, 0.7), shader.base, shader.second))


def granite(shader: Shader) -> None:
    """Colour granite: three minerals in grains of a few millimetres."""
    _, chance = shader.cells(shader.length)
    color = shader.mix(shader.ramp(chance, 0.4, 0.6), shader.base, shader.second)
    dark = shader.math("MULTIPLY_ADD", shader.noise(1.3), 0.9, shader.times(chance, 0.35))
    shader.finish(shader.mix(shader.ramp(dark, 0.68, 0.74), color, shader.tinted(shader.third, 0.35)))


def terrazzo(shader: Shader) -> None:
    """Colour terrazzo: chips of two stones in a fine ground."""
    distance, chance = shader.cells(shader.length)
    fine = shader.noise(3.5)
    broken = shader.math("MULTIPLY_ADD", fine, 0.45, distance)
    chip = shader.ramp(shader.math("MULTIPLY_ADD", chance, -0.4, broken), 0.3, 0.26)
    other = shader.math("GREATER_THAN", shader.math("FRACT", shader.times(chance, 7.0)), 0.5)
    stone = shader.mix(other, shader.second, shader.third)
    ground = shader.mix(shader.times(shader.ramp(fine, 0.4, 0.7), 0.15), shader.base, shader.second)
    shader.finish(shader.mix(chip, ground, stone))


def marble(shader: Shader) -> None:
    """Colour marble: thin veins where a slow noise passes its middle."""
    node = shader.add("ShaderNodeTexNoise", noise_dimensions="2D")
    node.inputs["Detail"].default_value, node.inputs["Distortion"].default_value = 3.0, 0.8
    shader.link(shader.math("DIVIDE", 1.0, shader.length), node.inputs["Scale"])
    shader.link(shader.mm, node.inputs["Vector"])
    off = shader.math("ABSOLUTE", shader.math("SUBTRACT", node.outputs["Fac"], 0.5))
    vein = shader.math("MULTIPLY_ADD", shader.ramp(off, 0.02, 0.0), 0.5, shader.times(shader.ramp(off, 0.14, 0.0), 0.3))
    vein = shader.times(vein, shader.ramp(shader.noise(150.0), 0.3, 0.6))
    shader.finish(shader.mix(vein, shader.base, shader.second))
