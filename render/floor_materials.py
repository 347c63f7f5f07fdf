"""Materials of floors, sheets and trays: one node tree for all drawn surfaces, which reads two pictures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from render.blender import bpy
from render.floor_pictures import load_picture, surface_images
from render.nodes import Nodes
from render.surfaces import Surface
from render.textures.maps import BRIGHTEST, ROUGHNESS_SPAN

UV = "pattern"
"""Name of the layer of coordinates; 1 is the width of a picture."""

SHADOW_SHARE = 0.45
"""How much light the gap below a sheet's edge takes from what lies right beside it."""


def surface_material(surface: Surface, role: str, pixel_mm: float) -> tuple["bpy.types.Material", tuple[float, float]]:
    """Return the material of `role` set to this surface, and what its picture covers in mm along x and y.

    Args:
        surface: what it shows.
        role: whose material it is; each role has one of its own, which is set anew for every picture.
        pixel_mm: size of a pixel of the view where it lies; detail below that is averaged beforehand.

    Raises:
        BrickbenchError: the user's picture cannot be read.
    """
    if surface.picture is not None:
        image = load_picture(surface.picture)
        material = _material(f"{role} picture", _build_picture)
        material.node_tree.nodes["picture"].image = image
        size = (surface.picture_mm, surface.picture_mm * image.size[1] / image.size[0])
    else:
        blend, normal, (width, height) = surface_images(surface, pixel_mm)
        material = _material(role, _build_drawn)
        nodes = material.node_tree.nodes
        nodes["blend"].image, nodes["normal"].image = blend, normal
        for name in ("base", "second", "third"):
            nodes[name].outputs[0].default_value = (*getattr(surface, f"{name}_rgb"), 1)
        size = (width * surface.scale, height * surface.scale)
    nodes = material.node_tree.nodes
    nodes["roughness"].outputs[0].default_value = surface.roughness
    nodes["surface"].inputs["Specular IOR Level"].default_value = surface.gloss
    return material, size


def shadow_material() -> "bpy.types.Material":
    """Return the material of the thin shadow around a sheet: darkest where the second coordinate is 0, clear at 1."""
    return _material("shadow of a sheet", _build_shadow)


def pattern_uv(points_mm: NDArray[np.float64], surface: Surface, size_mm: tuple[float, float]) -> NDArray[np.float64]:
    """Return texture coordinates (N, 2) of points (N, 2) of a plane on which `surface` is laid, turned and shifted."""
    turn = np.radians(surface.turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray((points_mm @ rotation + surface.shift_mm) / size_mm)


def _material(name: str, build: Any) -> "bpy.types.Material":
    material = bpy.data.materials.get(name)
    if material is None:
        nodes = Nodes(name)
        nodes.surface.name = "surface"
        build(nodes)
        material = nodes.material
    return material


def _build_drawn(tree: Nodes) -> None:
    base, second, third = (tree.add("ShaderNodeRGB", name=name).outputs[0] for name in ("base", "second", "third"))
    at = tree.add("ShaderNodeUVMap", uv_map=UV).outputs[0]
    blend, normal = (tree.add("ShaderNodeTexImage", name=name, interpolation="Linear") for name in ("blend", "normal"))
    tree.link(at, blend.inputs["Vector"])
    tree.link(at, normal.inputs["Vector"])
    parts = tree.add("ShaderNodeSeparateColor")
    tree.link(blend.outputs["Color"], parts.inputs[0])
    shade = tree.add("ShaderNodeVectorMath", operation="SCALE")
    tree.link(tree.mix(parts.outputs[1], tree.mix(parts.outputs[0], base, second), third), shade.inputs[0])
    tree.link(tree.math("MULTIPLY", parts.outputs[2], BRIGHTEST), shade.inputs["Scale"])
    tree.link(shade.outputs[0], tree.surface.inputs["Base Color"])
    own = tree.math("SUBTRACT", tree.add("ShaderNodeValue", name="roughness").outputs[0], ROUGHNESS_SPAN / 2)
    rough = tree.math("MULTIPLY_ADD", blend.outputs["Alpha"], ROUGHNESS_SPAN, own, clamp=True)
    tree.link(rough, tree.surface.inputs["Roughness"])
    bent = tree.add("ShaderNodeNormalMap", space="TANGENT", uv_map=UV)
    tree.link(normal.outputs["Color"], bent.inputs["Color"])
    tree.link(bent.outputs[0], tree.surface.inputs["Normal"])
    tree.output(tree.surface.outputs[0])


def _build_picture(tree: Nodes) -> None:
    image = tree.add("ShaderNodeTexImage", name="picture", extension="MIRROR", interpolation="Linear")
    tree.link(tree.add("ShaderNodeUVMap", uv_map=UV).outputs[0], image.inputs["Vector"])
    tree.link(image.outputs["Color"], tree.surface.inputs["Base Color"])
    tree.link(tree.add("ShaderNodeValue", name="roughness").outputs[0], tree.surface.inputs["Roughness"])
    tree.output(tree.surface.outputs[0])


def _build_shadow(tree: Nodes) -> None:
    tree.surface.inputs["Base Color"].default_value = (0, 0, 0, 1)
    tree.surface.inputs["Specular IOR Level"].default_value = 0.0
    place = tree.add("ShaderNodeSeparateXYZ")
    tree.link(tree.add("ShaderNodeUVMap", uv_map=UV).outputs[0], place.inputs[0])
    near = tree.math("SUBTRACT", 1.0, place.outputs[1])
    mixed = tree.add("ShaderNodeMixShader")
    tree.link(tree.math("MULTIPLY", tree.math("MULTIPLY", near, near), SHADOW_SHARE), mixed.inputs[0])
    tree.link(tree.add("ShaderNodeBsdfTransparent").outputs[0], mixed.inputs[1])
    tree.link(tree.surface.outputs[0], mixed.inputs[2])
    tree.output(mixed.outputs[0])
