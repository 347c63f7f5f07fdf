"""The shader that all floors are built with. Pattern coordinates are millimetres."""

from typing import Any

from render.nodes import Nodes, Socket


class Shader(Nodes):
    """Builds one floor's node tree; colours, sizes, turn and shift are inputs that are set picture by picture."""

    def __init__(self, name: str, *, upright: bool = False) -> None:
        """Make the material and the nodes that all floors share.

        With `upright` the pattern goes up walls too: in y and z on those that face along x, else in x and y + z.
        """
        super().__init__(name)
        self.output(self.surface.outputs[0])
        self.base, self.second, self.third = (
            self._named("ShaderNodeRGB", role).outputs[0] for role in ("base", "second", "third")
        )
        self.roughness = self._named("ShaderNodeValue", "roughness").outputs[0]
        self.length, self.width = (self._named("ShaderNodeValue", role).outputs[0] for role in ("length", "width"))
        mapping = self._named("ShaderNodeMapping", "mapping")
        geometry = self.add("ShaderNodeNewGeometry").outputs
        at = self._up_the_walls(geometry) if upright else geometry["Position"]
        self.tree.links.new(at, mapping.inputs["Vector"])
        self.mm = mapping.outputs[0]
        self.x, self.y = self.parts(self.mm)

    def _named(self, kind: str, name: str) -> Any:
        return self.add(kind, name=name)

    def _up_the_walls(self, geometry: Any) -> Socket:
        place, facing = (self.add("ShaderNodeSeparateXYZ") for _ in range(2))
        self.link(geometry["Position"], place.inputs[0])
        self.link(geometry["True Normal"], facing.inputs[0])
        x, y, z = place.outputs
        along_x = self.math("GREATER_THAN", self.math("ABSOLUTE", facing.outputs[0]), 0.7)
        return self.point(self.blend(along_x, x, y), self.blend(along_x, self.math("ADD", y, z), z))

    def times(self, a: object, b: object) -> Socket:
        """Return a product."""
        return self.math("MULTIPLY", a, b)

    def point(self, x: object, y: object) -> Socket:
        """Return (x, y) as a vector."""
        node = self.add("ShaderNodeCombineXYZ")
        self.link(x, node.inputs[0])
        self.link(y, node.inputs[1])
        return node.outputs[0]

    def parts(self, vector: Socket) -> tuple[Socket, Socket]:
        """Return x and y of a vector."""
        node = self.add("ShaderNodeSeparateXYZ")
        self.link(vector, node.inputs[0])
        return node.outputs[0], node.outputs[1]

    def scaled(self, x: float, y: float, vector: Socket | None = None) -> Socket:
        """Return the position, or `vector`, multiplied by (x, y)."""
        node = self.add("ShaderNodeVectorMath", operation="MULTIPLY")
        self.link(self.mm if vector is None else vector, node.inputs[0])
        node.inputs[1].default_value = (x, y, 0)
        return node.outputs[0]

    def noise(
        self, length_mm: float, width_mm: float | None = None, *, detail: float = 0.0, at: Socket | None = None
    ) -> Socket:
        """Return noise about 0.5, two-dimensional, which is half the cost of three.

        Args:
            length_mm: size of the coarsest grain along x.
            width_mm: the same along y; the same by default.
            detail: octaves beyond the first, each twice as fine and half as strong; each costs as much as the first.
            at: where to take it, in millimetres; the position by default.
        """
        node = self.add("ShaderNodeTexNoise", noise_dimensions="2D")
        node.inputs["Scale"].default_value = 1.0
        node.inputs["Detail"].default_value = detail
        self.link(self.scaled(1 / length_mm, 1 / (width_mm or length_mm), at), node.inputs["Vector"])
        return node.outputs["Fac"]

    def cells(self, pitch_mm: object, at: Socket | None = None) -> tuple[Socket, Socket]:
        """Return a Voronoi pattern: the distance to the nearest seed (0 to about 1), and a random value by cell."""
        node = self.add("ShaderNodeTexVoronoi", voronoi_dimensions="2D")
        self.link(self.math("DIVIDE", 1.0, pitch_mm), node.inputs["Scale"])
        self.link(self.mm if at is None else at, node.inputs["Vector"])
        return node.outputs["Distance"], self.parts(node.outputs["Color"])[0]

    def lot(self, x: object, y: object = 0.0) -> Socket:
        """Return a random value, 0..1, for a pair of whole numbers."""
        node = self.add("ShaderNodeTexWhiteNoise", noise_dimensions="2D")
        # Half a step away from where rounding would make a cell two.
        self.link(self.point(self.math("ADD", x, 0.5), self.math("ADD", y, 0.5)), node.inputs["Vector"])
        return node.outputs["Value"]

    def ramp(self, value: object, low: object, high: object) -> Socket:
        """Return `value` stretched so that low..high becomes 0..1, smoothly, clamped."""
        node = self.add("ShaderNodeMapRange", interpolation_type="SMOOTHSTEP")
        for item, name in ((value, "Value"), (low, "From Min"), (high, "From Max")):
            self.link(item, node.inputs[name])
        return node.outputs[0]

    def to_edge(self, axis: Socket, pitch: object) -> Socket:
        """Return the distance to the nearest of the lines at whole multiples of `pitch`."""
        return self.math("PINGPONG", axis, self.times(pitch, 0.5))

    def wave(self, axis: Socket, period: object) -> Socket:
        """Return a sine wave along `axis`, -1..1."""
        return self.math("SINE", self.math("DIVIDE", self.times(axis, 6.2831853), period))

    def blend(self, factor: object, a: object, b: object) -> Socket:
        """Return number `a` where `factor` is 0 and `b` where it is 1."""
        node = self.add("ShaderNodeMix", data_type="FLOAT")
        for value, socket in zip((factor, a, b), (node.inputs[0], node.inputs[2], node.inputs[3]), strict=True):
            self.link(value, socket)
        return node.outputs[0]

    def tinted(self, color: Socket, factor: Socket) -> Socket:
        """Return `color` times a number."""
        node = self.add("ShaderNodeVectorMath", operation="SCALE")
        self.link(color, node.inputs[0])
        self.link(factor, node.inputs["Scale"])
        return node.outputs[0]

    def finish(
        self, color: Socket, height_mm: Socket | None = None, *, roughness: object = None, gloss: float = 0.5
    ) -> None:
        """Set the surface.

        Args:
            color: scene-linear.
            height_mm: relief in true millimetres; it is evaluated three times a hit.
            roughness: the floor's own by default.
            gloss: specular level; 0.5 is that of plastic and lacquer, cloth has hardly any.
        """
        self.link(color, self.surface.inputs["Base Color"])
        self.link(self.roughness if roughness is None else roughness, self.surface.inputs["Roughness"])
        self.surface.inputs["Specular IOR Level"].default_value = gloss
        if height_mm is not None:
            self.bump(height_mm)
