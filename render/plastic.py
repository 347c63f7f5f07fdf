"""What bricks and props are made of: ABS plastic, clear plastic, metal; one shader each, set by object."""

from typing import Any

from blender_assets.colors import Color
from blender_assets.props import PropLook
from render.blender import bpy

ABS_IOR = 1.53
CLEAR_IOR = 1.58
"""Polycarbonate, of which transparent bricks are made."""


def dress(item: "bpy.types.Object", color: Color, roughness: float, wear: float) -> None:
    """Give a brick's object its plastic; colour and roughness are the object's, so that one shader serves all."""
    finish = getattr(color, "finish", "solid")
    kind = "plastic" if finish == "solid" else finish
    _set(item, f"{kind} worn" if wear > 0 else kind, color.linear_rgb, roughness)
    item["wear"] = wear


def dress_plainly(item: "bpy.types.Object", look: PropLook) -> None:
    """Give a prop's or tray's object its surface."""
    _set(item, "metallic" if look.metallic > 0.5 else "plastic", look.rgb, look.roughness)


def _set(item: "bpy.types.Object", kind: str, rgb: tuple[float, float, float], roughness: float) -> None:
    item.color = (*rgb, 1)
    item["roughness"] = roughness
    if not item.material_slots:
        item.data.materials.append(None)
    item.material_slots[0].link = "OBJECT"
    item.material_slots[0].material = _material(kind)


def _material(kind: str) -> "bpy.types.Material":
    known = bpy.data.materials.get(kind)
    if known is not None:
        return known
    material = bpy.data.materials.new(kind)
    material.use_nodes = True
    material.use_fake_user = True
    tree = material.node_tree
    tree.nodes.clear()
    surface = tree.nodes.new("ShaderNodeBsdfPrincipled")
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(surface.outputs[0], output.inputs["Surface"])
    color = tree.nodes.new("ShaderNodeObjectInfo")
    tree.links.new(color.outputs["Color"], surface.inputs["Base Color"])
    roughness = _attribute(tree, "roughness")
    tree.links.new(roughness, surface.inputs["Roughness"])
    base = kind.removesuffix(" worn")
    surface.inputs["IOR"].default_value = CLEAR_IOR if base == "transparent" else ABS_IOR
    if base == "transparent":
        surface.inputs["Transmission Weight"].default_value = 1.0
    elif base == "metallic":
        surface.inputs["Metallic"].default_value = 1.0
    return material


def _attribute(tree: Any, name: str) -> Any:
    node = tree.nodes.new("ShaderNodeAttribute")
    node.attribute_type, node.attribute_name = "OBJECT", name
    return node.outputs["Fac"]
