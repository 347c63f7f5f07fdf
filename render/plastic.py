"""What bricks, props and trays are made of: ABS, clear plastic, metal; one shader each, set by object.

Colour, roughness and wear are the object's, so that a shader is compiled once and serves every pile.
"""

from typing import Any

from blender_assets.colors import FINISHES, Color, Finish
from blender_assets.props import PropLook
from render.blender import UNIT_MM, bpy
from render.nodes import Nodes

ABS_IOR = 1.53
CLEAR_IOR = 1.58
"""Polycarbonate and MABS, of which transparent bricks are made."""

SUBSURFACE_MM = 0.4
"""How far light travels in ABS: it softens edges of light colours."""

GRAIN_MM = 0.35
"""Size of the grain that moulds give to slopes."""


def dress(item: "bpy.types.Object", color: Color, roughness: float, wear: float, *, subsurface: bool) -> None:
    """Give a brick's object its plastic, and faces with colours of their own theirs."""
    _set(item, _kind(color.finish, wear, subsurface=subsurface), color.albedo_rgb, roughness)
    item["wear"] = wear
    if len(item.material_slots) > 1:
        for slot, finish in enumerate(FINISHES, start=1):
            _fill(item, slot, f"painted {_kind(finish, wear, subsurface=subsurface)}")
        if "print" in item.data:
            _fill(item, 1 + len(FINISHES), f"printed {_kind('solid', wear, subsurface=subsurface)}", item.data)


def dress_plainly(item: "bpy.types.Object", look: PropLook) -> None:
    """Give a prop's or tray's object its surface."""
    _set(item, "metallic" if look.metallic > 0.5 else "plastic", look.rgb, look.roughness)


def _kind(finish: Finish, wear: float, *, subsurface: bool) -> str:
    kind: str = "plastic" if finish == "solid" else finish
    if subsurface and kind == "plastic":
        kind = "soft plastic"
    return f"worn {kind}" if wear > 0 else kind


def _set(item: "bpy.types.Object", kind: str, rgb: tuple[float, float, float], roughness: float) -> None:
    item.color = (*rgb, 1)
    item["roughness"] = roughness
    if not item.material_slots:
        item.data.materials.append(None)
    _fill(item, 0, kind)


def _fill(item: "bpy.types.Object", slot: int, kind: str, mesh: "bpy.types.Mesh | None" = None) -> None:
    """Put the material of `kind` into a slot; one that shows the print of `mesh` is that mesh's alone."""
    name = kind if mesh is None else f"{kind}: {mesh.name}"[:63]  # no name in Blender is longer
    item.material_slots[slot].link = "OBJECT"
    item.material_slots[slot].material = bpy.data.materials.get(name) or _material(name, kind, mesh)


def _material(name: str, kind: str, mesh: "bpy.types.Mesh | None") -> "bpy.types.Material":
    shader = _Shader(name)
    color = shader.add("ShaderNodeObjectInfo").outputs["Color"]
    if kind.startswith("painted"):
        color = shader.add("ShaderNodeVertexColor", layer_name="paint").outputs["Color"]
    elif mesh is not None:
        color = shader.printed(color, mesh)
    roughness = shader.attribute("OBJECT", "roughness")
    surface = shader.surface
    worn = "worn" in kind
    base, bump = kind.removeprefix("painted ").removeprefix("printed ").removeprefix("worn "), []
    # Mould and handling leave the gloss uneven by a few per cent, which breaks up reflections.
    uneven = shader.noise(9.0, 1)
    roughness = shader.math("MULTIPLY_ADD", uneven, 0.16, shader.math("SUBTRACT", roughness, 0.08))
    if base.endswith("plastic"):
        grain = shader.math("MULTIPLY", shader.attribute("GEOMETRY", "grain"), shader.noise(GRAIN_MM, 0))
        bump.append(shader.math("MULTIPLY", grain, 0.12))
        roughness = shader.math("MULTIPLY_ADD", shader.attribute("GEOMETRY", "grain"), 0.22, roughness)
    if worn:
        color, roughness, scratches = _worn(shader, color, roughness)
        bump.append(scratches)
    shader.link(color, surface.inputs["Base Color"])
    shader.link(roughness, surface.inputs["Roughness"])
    surface.inputs["IOR"].default_value = ABS_IOR
    if base == "soft plastic":
        surface.inputs["Subsurface Weight"].default_value = 0.3
        surface.inputs["Subsurface Scale"].default_value = SUBSURFACE_MM / UNIT_MM
    elif base == "metallic":
        surface.inputs["Metallic"].default_value = 0.85
    elif base == "transparent":
        surface.inputs["IOR"].default_value = CLEAR_IOR
        surface.inputs["Transmission Weight"].default_value = 1.0
    if bump:
        shader.bump(bump[0] if len(bump) == 1 else shader.math("ADD", *bump))
    out = surface.outputs[0]
    if base == "transparent":
        # Light that falls through clear plastic is not traced as caustics: its shadow is tinted instead of black.
        shadow, through = shader.add("ShaderNodeMixShader"), shader.add("ShaderNodeBsdfTransparent")
        shader.link(shader.add("ShaderNodeLightPath").outputs["Is Shadow Ray"], shadow.inputs[0])
        shader.link(color, through.inputs["Color"])
        shader.link(out, shadow.inputs[1])
        shader.link(through.outputs[0], shadow.inputs[2])
        out = shadow.outputs[0]
    shader.output(out)
    return shader.material


def _worn(shader: "_Shader", color: Any, roughness: Any) -> tuple[Any, Any, Any]:
    """Return colour, roughness and bump height in millimetres of plastic with scratches, fingerprints and dust."""
    wear = shader.attribute("OBJECT", "wear")
    fine = shader.noise(0.5, 1, (1, 14, 14))
    scratches = shader.math("MULTIPLY", shader.step(fine, 0.64, 0.72), wear)
    smudge = shader.math("MULTIPLY", shader.step(shader.noise(5.0, 2), 0.5, 0.7), wear)
    up = shader.add("ShaderNodeSeparateXYZ")
    shader.link(shader.add("ShaderNodeNewGeometry").outputs["Normal"], up.inputs[0])
    speckle = shader.step(shader.noise(0.45, 2), 0.5, 0.8)
    dust = shader.math("MULTIPLY", shader.math("MULTIPLY", shader.math("MAXIMUM", up.outputs[2], 0.0), speckle), wear)
    dusty = shader.mix(shader.math("MULTIPLY", dust, 0.22), color, (0.42, 0.40, 0.37, 1))
    dull = shader.math("MULTIPLY_ADD", smudge, 0.25, shader.math("MULTIPLY_ADD", scratches, 0.2, roughness))
    return dusty, shader.math("MULTIPLY_ADD", dust, 0.3, dull), shader.math("MULTIPLY", scratches, -0.02)


class _Shader(Nodes):
    """What bricks need besides; textures lie in the part's own frame."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.position = self.add("ShaderNodeTexCoord").outputs["Object"]

    def printed(self, color: Any, mesh: "bpy.types.Mesh") -> Any:
        """Return the colour of faces with the print of `mesh` over their own colour or, without one, over `color`."""
        paint = self.add("ShaderNodeVertexColor", layer_name="paint")
        under = self.mix(paint.outputs["Alpha"], color, paint.outputs["Color"])
        picture = self.add("ShaderNodeTexImage", image=bpy.data.images[mesh["print"]])
        picture.extension = "REPEAT" if mesh["repeats"] else "CLIP"
        self.link(self.add("ShaderNodeUVMap", uv_map="print").outputs[0], picture.inputs[0])
        return self.mix(picture.outputs["Alpha"], under, picture.outputs["Color"])

    def attribute(self, kind: str, name: str) -> Any:
        return self.add("ShaderNodeAttribute", attribute_type=kind, attribute_name=name).outputs["Fac"]

    def step(self, value: Any, low: float, high: float) -> Any:
        node = self.add("ShaderNodeMapRange")
        self.link(value, node.inputs["Value"])
        node.inputs["From Min"].default_value, node.inputs["From Max"].default_value = low, high
        return node.outputs[0]

    def noise(self, scale_mm: float, detail: float, stretch: tuple[float, float, float] = (1, 1, 1)) -> Any:
        scaled = self.add("ShaderNodeVectorMath", operation="MULTIPLY")
        self.link(self.position, scaled.inputs[0])
        scaled.inputs[1].default_value = [UNIT_MM / scale_mm / s for s in stretch]
        node = self.add("ShaderNodeTexNoise")
        node.inputs["Scale"].default_value, node.inputs["Detail"].default_value = 1.0, detail
        self.link(scaled.outputs[0], node.inputs["Vector"])
        return node.outputs["Fac"]
