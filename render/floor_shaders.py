"""Shaders of the floors, one function each, made once and set to each pile's colours, turn and scale.

Pattern coordinates are millimetres on the floor.
"""

from collections.abc import Callable
from typing import Any

from render.blender import UNIT_MM, bpy, mathutils
from render.floors import FLOORS, Floor

Socket = Any  # bpy's sockets carry no static types


class Shader:
    """Builds one floor's node tree, and later sets its inputs."""

    def __init__(self, name: str) -> None:
        """Make the material and the nodes that all floors share."""
        self.material = bpy.data.materials.new(f"floor {name}")
        self.material.use_nodes = True
        self.material.use_fake_user = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.surface = self.add("ShaderNodeBsdfPrincipled")
        self.tree.links.new(self.surface.outputs[0], self.add("ShaderNodeOutputMaterial").inputs[0])
        self.base = self._named("ShaderNodeRGB", "base").outputs[0]
        self.second = self._named("ShaderNodeRGB", "second").outputs[0]
        mapping = self._named("ShaderNodeMapping", "mapping")
        self.tree.links.new(self.add("ShaderNodeNewGeometry").outputs["Position"], mapping.inputs["Vector"])
        self.mm = mapping.outputs[0]

    def _named(self, kind: str, name: str) -> Any:
        node = self.add(kind)
        node.name = name
        return node

    def add(self, kind: str, **properties: object) -> Any:
        """Return a new node of `kind` with `properties` set."""
        node = self.tree.nodes.new(kind)
        for name, value in properties.items():
            setattr(node, name, value)
        return node

    def link(self, value: object, socket: Socket) -> None:
        """Connect `value` to `socket` if it is an output, else set it as the socket's value."""
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value

    def noise(self, scale_mm: float, detail: float = 3.0, stretch: tuple[float, float, float] = (1, 1, 1)) -> Socket:
        """Return fractal noise, about 0.5, whose coarsest grain is `scale_mm` wide."""
        node = self.add("ShaderNodeTexNoise")
        node.inputs["Scale"].default_value = 1.0
        node.inputs["Detail"].default_value = detail
        self.link(
            self.scaled(stretch[0] / scale_mm, stretch[1] / scale_mm, stretch[2] / scale_mm), node.inputs["Vector"]
        )
        return node.outputs["Fac"]

    def scaled(self, x: float, y: float, z: float, vector: Socket | None = None) -> Socket:
        """Return the position multiplied by (x, y, z)."""
        node = self.add("ShaderNodeVectorMath", operation="MULTIPLY")
        self.link(self.mm if vector is None else vector, node.inputs[0])
        node.inputs[1].default_value = (x, y, z)
        return node.outputs[0]

    def math(self, operation: str, a: object, b: object = 0.0, c: object = 0.0) -> Socket:
        """Return a math node's result."""
        node = self.add("ShaderNodeMath", operation=operation)
        for value, socket in zip((a, b, c), node.inputs, strict=True):
            self.link(value, socket)
        return node.outputs[0]

    def ramp(self, value: Socket, low: float, high: float) -> Socket:
        """Return `value` stretched so that low..high becomes 0..1, smoothly, clamped."""
        node = self.add("ShaderNodeMapRange", interpolation_type="SMOOTHSTEP")
        self.link(value, node.inputs["Value"])
        node.inputs["From Min"].default_value, node.inputs["From Max"].default_value = low, high
        return node.outputs[0]

    def mix(self, factor: object, a: object, b: object) -> Socket:
        """Return colour `a` where `factor` is 0 and `b` where it is 1."""
        node = self.add("ShaderNodeMix", data_type="RGBA")
        for value, socket in zip((factor, a, b), (node.inputs[0], node.inputs[6], node.inputs[7]), strict=True):
            self.link(value, socket)
        return node.outputs[2]

    def axes(self) -> tuple[Socket, Socket]:
        """Return x and y of the position, in millimetres."""
        node = self.add("ShaderNodeSeparateXYZ")
        self.link(self.mm, node.inputs[0])
        return node.outputs[0], node.outputs[1]

    def finish(self, color: Socket, roughness: object, height_mm: Socket | None = None, relief_mm: float = 0.1) -> None:
        """Set the surface: its colour, its roughness, and a bump of `relief_mm` times `height_mm`."""
        self.link(color, self.surface.inputs["Base Color"])
        self.link(roughness, self.surface.inputs["Roughness"])
        if height_mm is not None:
            bump = self.add("ShaderNodeBump")
            bump.inputs["Strength"].default_value = 1.0
            bump.inputs["Distance"].default_value = relief_mm / UNIT_MM
            self.link(height_mm, bump.inputs["Height"])
            self.link(bump.outputs[0], self.surface.inputs["Normal"])


def _paper(shader: Shader) -> None:
    x, y = shader.axes()
    inside_x = shader.math("LESS_THAN", shader.math("ABSOLUTE", x), 105.0)
    inside_y = shader.math("LESS_THAN", shader.math("ABSOLUTE", y), 148.5)
    sheet = shader.math("MULTIPLY", inside_x, inside_y)
    # Faint ruled squares of 5 mm, as on the sheets that people photograph things on.
    lines = [
        shader.math("LESS_THAN", shader.math("ABSOLUTE", shader.math("PINGPONG", axis, 2.5)), 0.12) for axis in (x, y)
    ]
    ruled = shader.math("MULTIPLY", shader.math("MAXIMUM", *lines), 0.3)
    paper = shader.mix(ruled, shader.base, shader.second)
    fibre = shader.noise(6.0, 2)
    table = shader.mix(shader.noise(9.0, 4, (1, 12, 1)), (0.30, 0.19, 0.10, 1), (0.19, 0.11, 0.055, 1))
    shader.finish(shader.mix(sheet, table, paper), 0.75, shader.math("MULTIPLY", fibre, sheet), 0.08)


def _desk(shader: Shader) -> None:
    speckle = shader.ramp(shader.noise(2.2, 2), 0.52, 0.72)
    cloudy = shader.noise(60.0, 2)
    color = shader.mix(shader.math("MULTIPLY", speckle, 0.35), shader.base, shader.second)
    shader.finish(color, shader.math("MULTIPLY_ADD", cloudy, 0.25, 0.28), shader.noise(1.6, 1), 0.02)


def _wood(shader: Shader) -> None:
    x, y = shader.axes()
    plank = shader.math("FLOOR", shader.math("DIVIDE", y, 70.0))
    shifted = shader.add("ShaderNodeCombineXYZ")
    shader.link(shader.math("MULTIPLY_ADD", plank, 131.7, x), shifted.inputs[0])
    shader.link(y, shifted.inputs[1])
    shader.link(shader.math("MULTIPLY", plank, 40.0), shifted.inputs[2])
    grain = shader.add("ShaderNodeTexNoise")
    grain.inputs["Scale"].default_value, grain.inputs["Detail"].default_value = 1.0, 5.0
    grain.inputs["Distortion"].default_value = 0.6
    shader.link(shader.scaled(1 / 90, 1 / 5, 1, shifted.outputs[0]), grain.inputs["Vector"])
    veins = shader.ramp(grain.outputs["Fac"], 0.38, 0.68)
    edge = shader.math("LESS_THAN", shader.math("PINGPONG", y, 35.0), 0.45)
    gap = shader.math("MULTIPLY", edge, 0.8)
    tone = shader.mix(veins, shader.base, shader.second)
    color = shader.mix(gap, tone, (0.02, 0.012, 0.008, 1))
    height = shader.math("SUBTRACT", shader.math("MULTIPLY", veins, -0.1), edge)
    shader.finish(color, shader.math("MULTIPLY_ADD", veins, 0.15, 0.38), height, 0.25)


def _cloth(shader: Shader) -> None:
    x, y = shader.axes()
    wobble = shader.math("MULTIPLY", shader.noise(14.0, 2), 1.2)
    waves = [
        shader.math("SINE", shader.math("MULTIPLY", shader.math("ADD", axis, wobble), 2 * 3.14159 / 1.7))
        for axis in (x, y)
    ]
    weave = shader.math("MULTIPLY_ADD", shader.math("MULTIPLY", *waves), 0.5, 0.5)
    fuzz = shader.noise(1.1, 2)
    threads = shader.math("MULTIPLY", weave, fuzz)
    folds = shader.noise(120.0, 1)
    color = shader.mix(shader.ramp(threads, 0.05, 0.55), shader.second, shader.base)
    height = shader.math("MULTIPLY_ADD", folds, 6.0, threads)
    shader.finish(color, 0.95, height, 0.5)


def _carpet(shader: Shader) -> None:
    tuft = shader.add("ShaderNodeTexVoronoi")
    tuft.inputs["Scale"].default_value = 1.0
    shader.link(shader.scaled(1 / 2.6, 1 / 2.6, 1), tuft.inputs["Vector"])
    yarn = shader.noise(1.0, 3)
    height = shader.math("MULTIPLY_ADD", tuft.outputs["Distance"], -1.2, shader.math("MULTIPLY", yarn, 1.2))
    color = shader.mix(shader.ramp(shader.noise(3.5, 3), 0.35, 0.65), shader.base, shader.second)
    shader.finish(color, 1.0, height, 1.2)


def _cardboard(shader: Shader) -> None:
    flutes = shader.noise(7.0, 1, (1, 0.02, 1))
    spots = shader.ramp(shader.noise(1.8, 3), 0.5, 0.75)
    color = shader.mix(shader.math("MULTIPLY", spots, 0.6), shader.base, shader.second)
    height = shader.math("MULTIPLY_ADD", flutes, 1.0, shader.math("MULTIPLY", spots, 0.15))
    shader.finish(color, 0.8, height, 0.35)


_BUILDERS: dict[str, Callable[[Shader], None]] = {
    "paper": _paper,
    "desk": _desk,
    "wood": _wood,
    "cloth": _cloth,
    "carpet": _carpet,
    "cardboard": _cardboard,
}
assert set(_BUILDERS) == set(FLOORS)


def floor_material(floor: Floor) -> "bpy.types.Material":
    """Return the material of this kind of floor, set to this floor's colours, turn, shift and scale."""
    material = bpy.data.materials.get(f"floor {floor.name}")
    if material is None:
        shader = Shader(floor.name)
        _BUILDERS[floor.name](shader)
        material = shader.material
    nodes = material.node_tree.nodes
    nodes["base"].outputs[0].default_value = (*floor.base_rgb, 1)
    nodes["second"].outputs[0].default_value = (*floor.second_rgb, 1)
    mapping = nodes["mapping"]
    mapping.inputs["Scale"].default_value = (UNIT_MM / floor.scale,) * 3
    mapping.inputs["Rotation"].default_value = mathutils.Euler((0, 0, floor.turn_deg * 3.14159265 / 180))
    # The sheet of paper lies under the pile: only a fifth of the shift, so that its edge is sometimes seen.
    share = 0.12 if floor.name == "paper" else 1.0
    mapping.inputs["Location"].default_value = (floor.shift_mm[0] * share, floor.shift_mm[1] * share, 0)
    return material
