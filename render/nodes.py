"""Node trees in a few words: what the shaders of bricks and of floors are built with."""

from typing import Any

from render.blender import UNIT_MM, bpy

Socket = Any  # bpy's sockets carry no static types


class Nodes:
    """Adds nodes to a new material's tree. Lengths are millimetres."""

    def __init__(self, name: str) -> None:
        """Make the material, which stays when no object wears it, with nothing but its output and a surface."""
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.material.use_fake_user = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.surface = self.add("ShaderNodeBsdfPrincipled")

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

    def math(self, operation: str, a: object, b: object = 0.0, c: object = 0.0, *, clamp: bool = False) -> Socket:
        """Return a math node's result."""
        node = self.add("ShaderNodeMath", operation=operation, use_clamp=clamp)
        for value, socket in zip((a, b, c), node.inputs, strict=True):
            self.link(value, socket)
        return node.outputs[0]

    def mix(self, factor: object, a: object, b: object) -> Socket:
        """Return colour `a` where `factor` is 0 and `b` where it is 1."""
        node = self.add("ShaderNodeMix", data_type="RGBA")
        for value, socket in zip((factor, a, b), (node.inputs[0], node.inputs[6], node.inputs[7]), strict=True):
            self.link(value, socket)
        return node.outputs[2]

    def bump(self, height_mm: object) -> None:
        """Give the surface relief in true millimetres; it is evaluated three times a hit."""
        node = self.add("ShaderNodeBump")
        node.inputs["Strength"].default_value = 1.0
        node.inputs["Distance"].default_value = 1.0 / UNIT_MM
        self.link(height_mm, node.inputs["Height"])
        self.link(node.outputs[0], self.surface.inputs["Normal"])

    def output(self, shader: Socket) -> None:
        """Make `shader` what the material looks like."""
        self.link(shader, self.add("ShaderNodeOutputMaterial").inputs["Surface"])
