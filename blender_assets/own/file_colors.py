"""The colours that a mesh file gives its faces: by face, vertex or material, and its textures."""

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from blender_assets.colors import Finish
from blender_assets.paint import UNPAINTED, finish_number, linear_from_srgb, srgb_from_linear
from blender_assets.prints import Print

CLEAR_BELOW = 0.9
"""Opacity below which a face is of clear plastic."""

METALLIC_FROM = 0.5


def face_colors(geometry: trimesh.Trimesh, *, linear: bool) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return the scene-linear colour (F, 3) and the finish (F,) of each face; UNPAINTED where the file has none.

    A face takes the mean of its vertices' colours. A texture is not among them: see `face_print`.

    Args:
        geometry: as trimesh read it.
        linear: colours of vertices and materials are linear already, as in glTF.
    """
    count = len(geometry.faces)
    visual = geometry.visual
    if visual is None or not visual.defined:
        return np.zeros((count, 3)), np.full(count, UNPAINTED, dtype=np.int8)
    if isinstance(visual, TextureVisuals):
        rgba, opaque = _material_colors(geometry, visual, linear=linear)
    else:
        rgba, opaque = np.asarray(visual.face_colors, dtype=np.float64) / 255, "solid"
        if not linear:
            rgba = np.column_stack([linear_from_srgb(rgba[:, :3]), rgba[:, 3]])
    finish = np.where(rgba[:, 3] < CLEAR_BELOW, finish_number("transparent"), finish_number(opaque))
    return rgba[:, :3], finish.astype(np.int8)


def _material_colors(
    geometry: trimesh.Trimesh, visual: TextureVisuals, *, linear: bool
) -> tuple[NDArray[np.float64], Finish]:
    """Return the colour and opacity of each face (F, 4), and the finish of those that are not clear."""
    material = visual.material
    finish: Finish = "solid"
    if isinstance(material, PBRMaterial):
        factor = material.baseColorFactor
        plain = np.ones(4) if factor is None else np.asarray(factor, dtype=np.float64) / 255
        metallic = 1.0 if material.metallicFactor is None else material.metallicFactor
        finish = "metallic" if metallic > METALLIC_FROM and material.metallicRoughnessTexture is None else "solid"
    else:
        plain = np.asarray(material.main_color, dtype=np.float64) / 255
        # Wavefront's opacity, d, is not among what trimesh calls the main colour.
        plain[3] *= float(np.ravel(material.kwargs.get("d", 1.0))[0])
    if not linear:
        plain[:3] = linear_from_srgb(plain[:3])
    return np.tile(plain, (len(geometry.faces), 1)), finish


def face_print(geometry: trimesh.Trimesh) -> Print | None:
    """Return the texture on the faces of a geometry, None if it has none.

    In glTF the colour of the material tints it; its opacity counts where the material says so. In Wavefront's materials
    the texture stands alone.
    """
    visual = geometry.visual
    if not isinstance(visual, TextureVisuals) or visual.uv is None or visual.material is None:
        return None
    material, tint, opaque = visual.material, np.ones(3), True
    if isinstance(material, PBRMaterial):
        picture = material.baseColorTexture
        if material.baseColorFactor is not None:
            tint = np.asarray(material.baseColorFactor, dtype=np.float64)[:3] / 255
        opaque = material.alphaMode in (None, "OPAQUE")
    else:
        picture = material.image
    if picture is None:
        return None
    pixels = np.array(picture.convert("RGBA"))
    if opaque:
        pixels[..., 3] = 255
    if (tint < 1).any():
        linear = linear_from_srgb(pixels[..., :3] / 255) * tint
        pixels[..., :3] = np.round(srgb_from_linear(linear) * 255).astype(np.uint8)
    return Print(pixels, np.asarray(visual.uv)[geometry.faces].astype(np.float32), repeats=True)
