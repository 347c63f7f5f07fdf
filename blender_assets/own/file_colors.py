"""The colours that a mesh file gives its faces: by face, vertex, material or texture."""

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from blender_assets.colors import Finish
from blender_assets.paint import UNPAINTED, finish_number, linear_from_srgb

CLEAR_BELOW = 0.9
"""Opacity below which a face is of clear plastic."""

METALLIC_FROM = 0.5

_INSIDE = np.array(
    [[4, 1, 1], [1, 4, 1], [1, 1, 4], [2, 2, 2], [3, 3, 0], [3, 0, 3], [0, 3, 3]], dtype=np.float64
) / 6  # fmt: skip
"""Places in a triangle where a texture is read, as shares of its corners."""


def face_colors(geometry: trimesh.Trimesh, *, linear: bool) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return the scene-linear colour (F, 3) and the finish (F,) of each face; UNPAINTED where the file has none.

    A face takes the mean of its vertices' colours. A texture is read at seven places of each face and averaged.

    Args:
        geometry: as trimesh read it.
        linear: colours of vertices and materials are linear already, as in glTF; textures never are.
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
        picture, factor = material.baseColorTexture, material.baseColorFactor
        plain = np.ones(4) if factor is None else np.asarray(factor, dtype=np.float64) / 255
        metallic = 1.0 if material.metallicFactor is None else material.metallicFactor
        finish = "metallic" if metallic > METALLIC_FROM and material.metallicRoughnessTexture is None else "solid"
    else:
        picture, plain = material.image, np.asarray(material.main_color, dtype=np.float64) / 255
        # Wavefront's opacity, d, is not among what trimesh calls the main colour.
        plain[3] *= float(np.ravel(material.kwargs.get("d", 1.0))[0])
    if not linear:
        plain[:3] = linear_from_srgb(plain[:3])
    if picture is None or visual.uv is None:
        return np.tile(plain, (len(geometry.faces), 1)), finish
    seen = _read_texture(np.asarray(picture.convert("RGBA")), np.asarray(visual.uv)[geometry.faces])
    # glTF multiplies the texture by the plain colour; in Wavefront's materials it stands alone.
    return (seen * plain if isinstance(material, PBRMaterial) else seen), finish


def _read_texture(picture: NDArray[np.uint8], uv: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean linear colour and opacity of a texture (H, W, 4) on each face with `uv` (F, 3, 2), (F, 4)."""
    places = np.einsum("pk,fkc->fpc", _INSIDE, uv) % 1.0
    height, width = picture.shape[:2]
    columns = np.minimum((places[..., 0] * width).astype(int), width - 1)
    rows = np.minimum(((1 - places[..., 1]) * height).astype(int), height - 1)
    values = picture[rows, columns].astype(np.float64) / 255
    values[..., :3] = linear_from_srgb(values[..., :3])
    return np.asarray(values.mean(axis=1))
